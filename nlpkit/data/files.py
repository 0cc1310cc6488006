"""Labelled texts, and texts to be labelled, in the user's own files and folders."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from nlpkit.data.columns import (
    NONE,
    Columns,
    Header,
    cell,
    check_header,
    check_once,
    choose_column,
    choose_text_and_label,
)
from nlpkit.data.dataset import Dataset, Example
from nlpkit.data.encoding import read_lines
from nlpkit.data.facts import amount
from nlpkit.data.folders import class_folders, fingerprint, read_tables
from nlpkit.data.labels import MISSING_WORDS, Label, all_of, likeness, read_flags, read_label
from nlpkit.data.notes import tell_once
from nlpkit.data.tables import TABLES, Reading, Row, column_names, has_header, is_table, open_table, row_keys
from nlpkit.errors import DataError, UsageError

_AHEAD = 1_000  # rows by which a header is told from data

_Found = tuple[str, Any, Path, int]  # a text, its label as it stands, the file and the line, 0 for a whole file


def open_local(
    path: Path,
    columns: Columns = Columns(),
    *,
    skip_empty: bool = False,
    reading: Reading = Reading(),
    remembered: Mapping[str, str] = NONE,
) -> Dataset[Example]:
    """A file of labelled rows, or a folder: of split files, of class folders, or of splits of class folders.

    The columns are those that are named, else `remembered` from an earlier run and there, else the train split's that
    are so called; they bind every split. With `skip_empty`, rows without text are left out and counted, instead of
    refused. Raises UsageError when the path holds nothing of the kind, the columns are not clear or a split lacks
    them; DataError, which names the file and the line, for a split that cannot be begun, and, while one is read, for a
    row that cannot be.
    """
    roles: Mapping[str, str] = NONE
    readers: dict[str, Callable[[], Iterator[_Found]]]
    if tables := _labelled_tables(path, reading):
        files = [file for split in tables.values() for file in split]
        choose = partial(choose_text_and_label, columns=columns, remembered=remembered)
        named = (columns.text, columns.label, *columns.labels)
        roles = settled(tables, reading, choose, named=named, remembered=remembered)
        readers = {split: partial(_table_rows, tables[split], reading, roles) for split in tables}
    else:
        if columns != Columns():
            raise UsageError(f"{path} has no columns to choose from; leave the options that name some out")
        classes = class_folders(path)
        files = [file for split in classes.values() for of_class in split.values() for file in of_class]
        readers = {split: partial(_class_rows, classes[split], reading.encoding) for split in classes}
    # the files' own names tell nothing, those in a folder their split or class
    how = sorted(roles.items()), columns.labels, columns.delimiter, skip_empty, reading
    mark = fingerprint(files, path if path.is_dir() else None, *how)
    splits = {
        split: partial(_examples, rows, _place(path, split, tables), columns, skip_empty, due=split == "train")
        for split, rows in readers.items()
    }
    return Dataset(str(path), splits, mark, columns=roles)


def read_rows(
    path: Path,
    text_column: str | None = None,
    *,
    remembered: str | None = None,
    reading: Reading = Reading(),
    told: Callable[[list[str]], object] = lambda keys: None,
) -> Iterator[tuple[Row, str]]:
    """Each row of a file to be classified, and its text: those of a table, or the lines of plain text; `-` is standard
    input, of lines unless a delimiter is given.

    The text is in the column that is named, else in the `remembered` one where it is there, else in the one that is
    so called. One row is held at a time. `told` is called with the keys of a table's rows before the first of them
    comes, or none does. An empty text comes out as "". Raises as `open_local` does.
    """
    if not is_table(path, reading):
        if text_column is not None:
            raise UsageError(f"{path} is no table, so it has no columns to choose from; leave --text-column out")
        for _, line in read_lines(path, reading.encoding):
            yield {}, line
        return
    names, rows = open_table(path, reading)
    told(row_keys(names))
    if not names:
        return
    header = Header(names, path, has_header(path, reading))
    column = choose_column(header, "text", text_column, remembered)
    if header.doubtful and text_column is None:
        ahead = list(islice(rows, _AHEAD))
        check_header(header, ahead, [column], [remembered] if remembered else ())
        rows = chain(ahead, rows)
    for number, row in rows:
        value = cell(path, number, row, column)
        yield row, "" if value is None else str(value)


def settled(
    tables: Mapping[str, list[Path]],
    reading: Reading,
    choose: Callable[[Header], dict[str, str]],
    names_of: Callable[[Path, Reading], list[str]] = column_names,
    *,
    named: Iterable[str | None] = (),
    remembered: Mapping[str, str] = NONE,
) -> dict[str, str]:
    """The columns of a data set's tables by what they are for, which the train split's first file decides. Each file
    is begun. Raises UsageError that names one without these columns, or one whose first line may be data, unless
    columns are `named`."""
    ordered = sorted(tables, key=lambda split: split != "train")
    first, *others = [file for split in ordered for file in tables[split]]
    header = Header(names_of(first, reading), first, has_header(first, reading))
    roles = choose(header)
    if header.doubtful and not any(named):
        ahead = list(islice(open_table(first, reading).rows, _AHEAD))  # so that the file is closed when this raises
        check_header(header, ahead, roles.values(), remembered.values())
    for file in others:
        names = names_of(file, reading)
        for column in roles.values():
            if column not in names:
                shown = ", ".join(map(repr, names))
                raise UsageError(f"{file} has no column {column!r}, which {first.name} is read by; it has {shown}")
            check_once(Header(names, file), column)
    return roles


def _labelled_tables(path: Path, reading: Reading) -> dict[str, list[Path]]:
    if path.is_dir():
        return read_tables(path)
    if not is_table(path, reading):
        raise UsageError(
            f"{path}: labelled data is read from {', '.join(TABLES)} files, from lines that begin with __label__ or "
            "from folders of classes"
        )
    return {"train": [path]}


def _table_rows(files: list[Path], reading: Reading, roles: Mapping[str, str]) -> Iterator[_Found]:
    flags = [column for role, column in roles.items() if role not in ("text", "label")]  # a label each
    for file in files:
        for number, row in open_table(file, reading).rows:
            text = cell(file, number, row, roles["text"])
            if flags:
                label = read_flags(row, flags, _where(file, number))
            else:
                label = cell(file, number, row, roles["label"], lists=True)
            yield "" if text is None else str(text), label, file, number


def _class_rows(classes: Mapping[str, list[Path]], encoding: str | None) -> Iterator[_Found]:
    for label, files in classes.items():
        for file in files:
            yield "\n".join(line for _, line in read_lines(file, encoding)), label, file, 0


def _examples(
    rows: Callable[[], Iterator[_Found]], place: str, columns: Columns, skip_empty: bool, *, due: bool
) -> Iterator[Example]:
    """The rows with a text, the others counted; what is odd about their labels is told at the end. `due` are several
    labels in some cell where there is a delimiter for them."""
    labels: dict[str, Label] = {}  # as given in text, as said
    others: set[Label] = set()
    missing: set[str] = set()  # words that may say that there is nothing
    empty = 0
    for text, given, file, number in rows():
        if not text or text.isspace():
            if not skip_empty:
                raise DataError(
                    f"{_where(file, number)}: there is no text; fill it in or remove it, or leave all such rows out "
                    "with --set data.skip_empty=true"
                )
            empty += 1
            continue
        label = labels.get(given) if type(given) is str else None
        if label is None:
            label = read_label(given, _where(file, number), columns.delimiter)
            if type(given) is str:
                labels[given] = label
            else:
                others.add(label)
        yield Example(text, label)
        missing.update(word for word in (text, *all_of(label)) if word in MISSING_WORDS)
    if empty:
        tell_once(f"left out {amount(empty, 'rows')} without text in {place}")
    for word in sorted(missing):
        tell_once(
            f"{place}: {word!r} is taken for a label or a text as it is; if it says that there is none, take it out"
        )
    if (
        due
        and columns.delimiter is not None
        and not any(isinstance(given, str) and columns.delimiter in given for given in labels)
    ):
        tell_once(f"{place}: no cell has {columns.delimiter!r} in it, which was to be between labels")
    _tell_alike(place, labels, others)


def _tell_alike(place: str, labels: Mapping[str, Label], others: Iterable[Label]) -> None:
    """Says which labels were made one, since they differed by Unicode form alone, and which look as if they were: by
    letters' case, by spaces, or as numbers, as 5 and 5.0 do. `others` were not given as text."""
    forms: dict[str, set[str]] = defaultdict(set)
    alike: dict[Any, set[str]] = defaultdict(set)
    for given, label in labels.items():
        if isinstance(label, str):
            forms[label].add(" ".join(given.split()))
    for one in chain.from_iterable(map(all_of, chain(labels.values(), others))):
        alike[likeness(one)].add(one)
    if composed := sorted(label for label, written in forms.items() if len(written) > 1):
        tell_once(f"{place}: labels that differ only by Unicode's form are one, such as {composed[0]!r}")
    for group in alike.values():
        if len(group) > 1:
            tell_once(
                f"{place}: the labels {' and '.join(map(repr, sorted(group)))} are taken for different ones; "
                "write them alike if they are not"
            )


def _place(path: Path, split: str, tables: Mapping[str, list[Path]]) -> str:
    files = tables.get(split, [])
    return str(files[0] if len(files) == 1 else path if split == "train" else f"{path}, {split}")


def _where(path: Path, number: int) -> str:
    return f"{path} line {number}" if number else str(path)
