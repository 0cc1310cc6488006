"""Pairs of sentences, a source and its translation: parallel files, a folder of them, or two columns of a table."""

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from itertools import zip_longest
from pathlib import Path

from nlpkit.data.dataset import Dataset, Pair
from nlpkit.data.documents import TEXTS
from nlpkit.data.files import SPLITS, TABLES, add_files, cell, choose_column, read_lines, read_table
from nlpkit.errors import DataError, UsageError

_SOURCE_NAMES = ("source", "src", "input", "from")
_TARGET_NAMES = ("target", "tgt", "trg", "translation", "output", "to")


def open_parallel(
    path: Path,
    target: Path | None = None,
    *,
    pair: str | None = None,
    source_column: str | None = None,
    target_column: str | None = None,
) -> Dataset[Pair]:
    """The pairs of a file of sources beside a `target` file, line by line; of a table; or of a folder that holds
    its splits as `train.en`, `train.de`, `val.en` and so on, for a `pair` such as en-de.

    Raises UsageError when it is not clear what is meant; DataError, while a split is read, for sides that do not
    go together.
    """
    columns = source_column, target_column
    if target is not None:
        if any(columns):
            raise UsageError(
                f"{path} and {target} are read line by line; leave --source-column and --target-column out"
            )
        if path.resolve() == target.resolve():
            raise UsageError(f"{path} cannot be both the source and the target")
        splits: dict[str, Callable[[], Iterator[Pair]]] = {"train": partial(_read_files, path, target)}
        files = [path, target]
    elif path.is_dir():
        if any(columns):
            raise UsageError(f"{path} holds files of lines; leave --source-column and --target-column out")
        splits, files = _folder_splits(path, pair)
    elif path.suffix.lower() in TABLES:
        splits, files = {"train": partial(_read_columns, path, pair, *columns)}, [path]
    else:
        raise UsageError(f"{path} is one side only; name the other with --target")
    digest = hashlib.sha256(repr((pair, columns)).encode())
    for file in files:
        add_files(digest, [file], file.parent)
    return Dataset(str(path), splits, digest.hexdigest())


def holds_parallel_files(folder: Path) -> bool:
    """Whether there are train.en and train.de, or the like, in two languages or more."""
    return any(len(sides) > 1 for sides in _sides(folder).values())


def split_pair(pair: str) -> tuple[str, str]:
    """("en", "de") of "en-de". Raises UsageError when it is no pair, or the same language twice."""
    source, dash, target = pair.partition("-")
    if not dash or not source or not target:
        raise UsageError(f"{pair!r} is no pair of languages; write it as en-de")
    if source == target:
        raise UsageError(f"the pair {pair} has the same language twice")
    return source, target


def _read_files(source: Path, target: Path) -> Iterator[Pair]:
    read = 0
    for read, (ours, theirs) in enumerate(zip_longest(read_lines(source), read_lines(target)), 1):
        if ours is None or theirs is None:
            counts = [sum(1 for _ in read_lines(path)) for path in (source, target)]
            raise DataError(
                f"{source} has {counts[0]:,} lines and {target} has {counts[1]:,}: line {read:,} stands alone; "
                "every line needs its translation at the same place"
            )
        yield Pair(ours[1].strip(), theirs[1].strip())
    if not read:
        raise DataError(f"{source} is empty")


def _read_columns(path: Path, pair: str | None, source_column: str | None, target_column: str | None) -> Iterator[Pair]:
    languages = split_pair(pair) if pair else (None, None)
    chosen: tuple[str, str] | None = None
    for number, row in read_table(path):
        if chosen is None:
            names = list(row)
            # columns may be called by their language
            wanted = [
                option or (language if language in names else None)
                for option, language in zip((source_column, target_column), languages, strict=True)
            ]
            source = choose_column(path, names, wanted[0], _SOURCE_NAMES, "--source-column")
            chosen = source, choose_column(path, names, wanted[1], _TARGET_NAMES, "--target-column")
            if chosen[0] == chosen[1]:
                raise UsageError(f"{path}: the column {source!r} cannot be both the source and the target")
        texts = [cell(path, number, row, column) for column in chosen]
        yield Pair(*("" if text is None else " ".join(str(text).split()) for text in texts))
    if chosen is None:
        raise DataError(f"{path} has no rows")


def _folder_splits(folder: Path, pair: str | None) -> tuple[dict[str, Callable[[], Iterator[Pair]]], list[Path]]:
    found = _sides(folder)
    languages = sorted({language for sides in found.values() for language in sides})
    if not found:
        raise UsageError(f"{folder} holds no files such as train.en and train.de")
    if pair is None:
        raise UsageError(
            f"{folder} holds {', '.join(languages)}; say from which to which with --pair {'-'.join(languages[:2])}"
        )
    source, target = split_pair(pair)
    if missing := [language for language in (source, target) if language not in languages]:
        raise UsageError(f"{folder} holds no {missing[0]}; it has {', '.join(languages)}")
    both = {stem: sides for stem, sides in found.items() if source in sides and target in sides}
    kinds = [SPLITS[stem.lower().partition("_")[0]] for stem in both]
    if kinds.count("train") != 1:
        raise UsageError(f"{folder} has {kinds.count('train')} train splits of {pair}; it should have one")
    splits: dict[str, Callable[[], Iterator[Pair]]] = {}
    for (stem, sides), kind in zip(both.items(), kinds, strict=True):
        # of several test sets, each goes by its own name
        splits[kind if kinds.count(kind) == 1 else stem] = partial(_read_files, sides[source], sides[target])
    return splits, [sides[language] for sides in both.values() for language in (source, target)]


def _sides(folder: Path) -> dict[str, dict[str, Path]]:
    """A folder's files by the name before their suffix, and by that, which is a language."""
    found: dict[str, dict[str, Path]] = {}
    for file in sorted(folder.iterdir()):
        # test_2016_flickr.en is of the test split
        if (
            file.suffix
            and file.stem.lower().partition("_")[0] in SPLITS
            and file.suffix.lower() not in (*TABLES, *TEXTS)
        ):
            found.setdefault(file.stem, {})[file.suffix[1:]] = file
    return found
