"""Pairs of sentences, a source and its translation: parallel files, a folder of them, two columns of a table, a
translation memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import zip_longest
from pathlib import Path

from nlpkit.data.columns import NONE, cell, choose_pair
from nlpkit.data.compression import bare_name, inner_suffix
from nlpkit.data.dataset import Dataset, Pair
from nlpkit.data.documents import is_text_file
from nlpkit.data.encoding import read_lines
from nlpkit.data.facts import amount
from nlpkit.data.files import settled
from nlpkit.data.folders import SPLITS, fingerprint, read_tables, split_tables, visible
from nlpkit.data.notes import tell_once
from nlpkit.data.tables import TABLES, Reading, Row, is_table, open_table
from nlpkit.data.tmx import read_tmx, sentence
from nlpkit.errors import DataError, UsageError

_NESTED = "translation"  # a column that holds a sentence for each language

_Side = Sequence[Path]


def open_parallel(
    path: Path,
    target: Path | None = None,
    *,
    pair: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
    reading: Reading = Reading(),
    remembered: Mapping[str, str] = NONE,
) -> Dataset[Pair]:
    """The pairs of a file of sources beside a `target` file, line by line; of a table, of lines with tabs, or of a
    translation memory; or of a folder that holds its splits as `train.en`, `train.de`, `val.en` and so on, or as
    tables, or that holds `corpus.en` and `corpus.de`, for a `pair` such as en-de.

    Columns are chosen as `open_local` does it. Raises UsageError when it is not clear what is meant; DataError for a
    split that cannot be begun, and, while one is read, for sides that do not go together.
    """
    wanted = {"source": source_column, "target": target_column}
    roles: Mapping[str, str] = NONE
    splits: dict[str, Callable[[], Iterator[Pair]]]
    if sides := _sides(path, target, pair):
        _refuse_columns(path, wanted)
        files = [file for both in sides.values() for side in both for file in side]
        for file in files:
            if next(read_lines(file, reading.encoding), None) is None:
                raise DataError(f"{file} is empty")
        splits = {split: partial(_read_files, *both, reading.encoding) for split, both in sides.items()}
    elif path.is_file() and inner_suffix(path) == ".tmx":
        _refuse_columns(path, wanted)
        files = [path]
        languages = _checked_languages(path, pair)
        splits = {"train": partial(_read_memory, path, *languages)}
    elif path.is_dir() or is_table(path, reading):
        tables = read_tables(path) if path.is_dir() else {"train": [path]}
        files = [file for split in tables.values() for file in split]
        by_language = split_pair(pair) if pair else ()
        choose = partial(choose_pair, languages=by_language, wanted=wanted, remembered=remembered)
        named = (source_column, target_column, pair)
        roles = settled(tables, reading, choose, pair_columns, named=named, remembered=remembered)
        splits = {split: partial(_read_columns, tables[split], reading, roles) for split in tables}
    else:  # Tatoeba's lines: a sentence, its translation, and whom they are from
        files = [path]
        roles = {
            "source": _checked_number(path, source_column or "1"),
            "target": _checked_number(path, target_column or "2"),
        }
        if int(roles["source"]) == int(roles["target"]):
            raise UsageError(f"{path}: column {roles['source']} cannot be both the source and the target; name another")
        splits = {"train": partial(_read_tabbed, path, reading.encoding, roles)}
        if "\t" not in next(read_lines(path, reading.encoding), (0, ""))[1]:
            raise UsageError(f"{path} is one side only; name the other with --target, or both languages with --pair")
    mark = fingerprint(files, path if path.is_dir() else None, pair, sorted(roles.items()), reading)
    return Dataset(str(path), splits, mark, columns=roles)


def holds_parallel_files(folder: Path) -> bool:
    """Whether there are train.en and train.de, or the like, in two languages or more."""
    return any(len(sides) > 1 for stem, sides in _by_language(folder).items() if _split_of(stem))


def beside(prefix: Path, pair: str) -> bool:
    """Whether there are the two files prefix.en and prefix.de, for the pair en-de."""
    return all(_with_language(prefix, language) for language in split_pair(pair))


def split_pair(pair: str) -> tuple[str, str]:
    """("en", "de") of "en-de". Raises UsageError when it is no pair, or the same language twice."""
    source, dash, target = pair.partition("-")
    if not dash or not source or not target:
        raise UsageError(f"{pair!r} is no pair of languages; write it as en-de")
    if source == target:
        raise UsageError(f"the pair {pair} has the same language twice")
    return source, target


# -- files, line by line


def _sides(path: Path, target: Path | None, pair: str | None) -> dict[str, tuple[_Side, _Side]]:
    """Of each split the files of sources and those of their translations; nothing where there are no such files."""
    if target is not None:
        if path.resolve() == target.resolve():
            raise UsageError(f"{path} cannot be both the source and the target")
        for file in (path, target):
            if inner_suffix(file) in (*TABLES, ".tmx"):
                raise UsageError(
                    f"{file} is no text of a sentence a line; give one table that holds both sides with --data, and "
                    "name its columns with --source-column and --target-column"
                )
        return {"train": ([path], [target])}
    if path.is_dir():
        return _folder_sides(path, pair)
    if pair is None:
        return {}
    source, other = split_pair(pair)
    # one of two files that are called by their language, or what both their names begin with
    suffix = Path(bare_name(path)).suffix[1:]
    stem = path.with_name(Path(bare_name(path)).stem) if suffix in (source, other) else path
    found = [_with_language(stem, language) for language in (source, other)]
    return {"train": ([found[0]], [found[1]])} if found[0] and found[1] else {}


def _with_language(stem: Path, language: str) -> Path | None:
    """The file stem.en, or stem.en.gz and the like."""
    name = f"{stem.name}.{language}"
    return next((file for file in visible(stem.parent) if bare_name(file) == name and file.is_file()), None)


def _folder_sides(folder: Path, pair: str | None) -> dict[str, tuple[_Side, _Side]]:
    every = _by_language(folder)
    named = {stem: sides for stem, sides in every.items() if _split_of(stem)}
    if not named and split_tables(folder):
        return {}
    found = named or every
    languages = sorted({language for sides in found.values() for language in sides})
    if not named and (pair is None or not set(split_pair(pair)) & set(languages)):
        raise UsageError(f"{folder} holds no files such as train.en and train.de, and no tables such as train.csv")
    if pair is None:
        raise UsageError(
            f"{folder} holds {', '.join(languages)}; say from which to which with --pair {'-'.join(languages[:2])}"
        )
    source, target = split_pair(pair)
    if missing := [language for language in (source, target) if language not in languages]:
        raise UsageError(f"{folder} holds no {missing[0]}; it has {', '.join(languages)}")
    both = {stem: sides for stem, sides in found.items() if source in sides and target in sides}
    named_so = Counter(map(bare_name, visible(folder)))
    for name in (f"{stem}.{language}" for stem in both for language in (source, target)):
        if named_so[name] > 1:
            raise UsageError(f"{folder}: {name} is there twice, packed or not; keep one")
    for stem, sides in every.items():
        one = [sides[language] for language in (source, target) if language in sides]
        if one and stem not in both:
            alone = f"has no {target if source in sides else source} beside it" if len(one) == 1 else "is of no split"
            tell_once(f"{folder}: left out {one[0].name}, which {alone}")
    if not named:  # corpora, which are read one after the other
        if not both:
            raise UsageError(f"{folder} holds no two files of one name in {source} and in {target}")
        return {"train": ([sides[source] for sides in both.values()], [sides[target] for sides in both.values()])}
    kinds = [_split_of(stem) for stem in both]
    if kinds.count("train") != 1:
        raise UsageError(f"{folder} has {kinds.count('train')} train splits of {pair}; it should have one")
    return {
        # of several test sets, each goes by its own name
        kind if kinds.count(kind) == 1 else stem: ([sides[source]], [sides[target]])
        for (stem, sides), kind in zip(both.items(), kinds, strict=True)
    }


def _by_language(folder: Path) -> dict[str, dict[str, Path]]:
    """A folder's files by the name before their suffix, and by that, which may be a language."""
    found: dict[str, dict[str, Path]] = {}
    for file in visible(folder):
        name = Path(bare_name(file))
        if name.suffix and name.suffix.lower() not in TABLES and not is_text_file(file) and file.is_file():
            found.setdefault(name.stem, {})[name.suffix[1:]] = file
    return found


def _split_of(stem: str) -> str:
    """The split that a file's name stands for, or nothing: test_2016_flickr is of the test split."""
    return SPLITS.get(stem.lower().partition("_")[0], "")


def _read_files(sources: _Side, targets: _Side, encoding: str | None) -> Iterator[Pair]:
    for source, target in zip(sources, targets, strict=True):
        sides = zip_longest(read_lines(source, encoding), read_lines(target, encoding))
        for ours, theirs in sides:
            if ours is not None and theirs is not None:
                yield Pair(ours[1].strip(), theirs[1].strip())
                continue
            number, line = ours or theirs or (0, "")
            if line.strip() or next(sides, None) is not None:
                counts = [sum(1 for _ in read_lines(path, encoding)) for path in (source, target)]
                raise DataError(
                    f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}: line {number:,} stands alone; "
                    "every line needs its translation at the same place"
                )
            tell_once(f"{source if ours else target} ends with a blank line that the other does not have: not read")


# -- columns


def pair_columns(path: Path, reading: Reading) -> list[str]:
    """A table's columns; instead of one that holds sentences by their language, these."""
    names, rows = open_table(path, reading)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} has no rows")
    return list(_flat(first[1])) if isinstance(first[1].get(_NESTED), dict) else names


def _flat(row: Row) -> Row:
    nested = row.get(_NESTED)
    if not isinstance(nested, dict):
        return row
    return {name: value for name, value in row.items() if name != _NESTED} | nested


def _read_columns(files: list[Path], reading: Reading, roles: Mapping[str, str]) -> Iterator[Pair]:
    for file in files:
        for number, row in open_table(file, reading).rows:
            flat = _flat(row)
            sides = (cell(file, number, flat, roles[role]) for role in ("source", "target"))
            yield Pair(*("" if side is None else " ".join(str(side).split()) for side in sides))


def _read_tabbed(path: Path, encoding: str | None, roles: Mapping[str, str]) -> Iterator[Pair]:
    """Sentences with tabs between them; a quotation mark is one of the sentence's."""
    source, target = (int(roles[role]) - 1 for role in ("source", "target"))
    for number, line in read_lines(path, encoding):
        if not line.strip():
            continue
        cells = line.split("\t")
        if max(source, target) >= len(cells):
            raise DataError(
                f"{path} line {number}: {len(cells)} of the columns that tabs divide, where {max(source, target) + 1} "
                "are needed"
            )
        yield Pair(cells[source].strip(), cells[target].strip())


def _checked_number(path: Path, column: str) -> str:
    if not column.isdecimal() or int(column) < 1:
        raise UsageError(f"{path} does not name its columns; --source-column 1 is its first, not {column!r}")
    return column


def _refuse_columns(path: Path, wanted: Mapping[str, str | None]) -> None:
    if any(column is not None for column in wanted.values()):
        raise UsageError(f"{path} is read without columns; leave --source-column and --target-column out")


# -- translation memories


def _checked_languages(path: Path, pair: str | None) -> tuple[str, str]:
    """The languages of a pair. Raises UsageError when none is given; DataError when no unit has both."""
    has: dict[str, None] = {}
    for _, unit in read_tmx(path):
        has |= dict.fromkeys(unit)
        if pair and all(sentence(unit, language) for language in split_pair(pair)):
            return split_pair(pair)
        if not pair and len(has) > 1:
            break
    if pair:
        raise DataError(f"{path} has no unit in both languages of {pair}; it has {', '.join(has) or 'none'}")
    raise UsageError(f"{path} holds {', '.join(has)}; say from which to which with --pair {'-'.join([*has][:2])}")


def _read_memory(path: Path, source: str, target: str) -> Iterator[Pair]:
    missing = 0
    for _, unit in read_tmx(path):
        ours, theirs = sentence(unit, source), sentence(unit, target)
        if ours and theirs:
            yield Pair(ours, theirs)
        else:
            missing += 1
    if missing:
        verb = "is" if missing == 1 else "are"
        tell_once(f"left out {amount(missing, 'units')} of {path} that {verb} not in both {source} and {target}")
