"""Tables that a program holds: frames of whatever library, mappings of columns, and splits of any of them."""

import os
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from nlpkit.data.columns import LABEL_NAMES, SOURCE_NAMES, TARGET_NAMES, TEXT_NAMES
from nlpkit.data.dataset import (
    Dataset,
    Example,
    Pair,
    dataset_from_columns,
    dataset_from_rows,
    documents_with_text,
    read_pairs,
)
from nlpkit.data.folders import SPLITS
from nlpkit.data.labels import read_flags, read_label
from nlpkit.data.parallel import split_pair
from nlpkit.data.values import Values, called, column_names, is_table, iterable, plain, shown, texts, values
from nlpkit.errors import DataError, UsageError, did_you_mean

Table = Any
"""A frame, an Arrow table, a Hugging Face Dataset, a mapping of columns: of libraries that are not needed here."""

Texts = Any
"""A list, an array, a column, a generator of texts, or a table that has a column of them."""


def is_held(data: Any, **columns: Any) -> bool:
    """Whether a program gave data that it holds, as `columns` or as a table, and not the name of some, or nothing.

    Raises UsageError when it gave both, or not all of the columns.
    """
    missing = [name for name, given in columns.items() if given is None]
    if len(missing) == len(columns):
        return not (data is None or isinstance(data, str | os.PathLike))
    if data is not None:
        raise UsageError(f"give {' and '.join(columns)}, or data, not both")
    if missing:
        first, second = columns
        hint = "; give a table that holds both as data" if is_table(columns[first]) else ""
        raise UsageError(f"{first} and {second} go together: one {second[:-1]} for each {first[:-1]}{hint}")
    return True


def texts_of(given: Texts, *remembered: str | None) -> Iterator[str]:
    """Texts in turn, each held to be one when its turn comes, so that a stream stays a stream.

    Of a frame, those of the first of the columns `remembered` that it has, or else of the one whose name says that it
    holds texts. Raises UsageError for what holds no texts; DataError, in its turn, for a value that is none.
    """
    if is_table(given) and not isinstance(given, Mapping):
        names = column_names(given)
        wanted = next((name for name in remembered if name in names), None)
        given = given[names[_text_column(list(names), wanted)]]
    return texts(iterable(given, "text"))


def labelled_table(
    data: Table,
    text_column: str | None,
    label_column: str | None,
    *,
    label_columns: Sequence[str] | None = None,
    label_delimiter: str | None = None,
    remembered: bool = False,
) -> Dataset[Example]:
    """The labelled texts of a table, or of one for each split; several labels a text from a column of lists, of cells
    that a delimiter divides, or from a column of 0 and 1 for each.

    The columns are those of these names, which must be there unless they are `remembered` from other data, or else
    those whose names say what they hold. Raises UsageError when that is not clear; DataError, with the row, for a
    value that is no text or no label.
    """
    splits: dict[str, tuple[Values, Values]] = {}

    def choose(names: list[str]) -> tuple[str, ...]:
        wanted = [_known(name, names) if remembered else name for name in (text_column, label_column)]
        if label_columns:
            for name in label_columns:
                _column(names, name, (), "label_columns")
            others = [name for name in names if name not in label_columns]
            return _text_column(others, wanted[0]), *label_columns
        label = _column(names, wanted[1], LABEL_NAMES, "label_column")
        return _text_column(names, wanted[0], beside=label), label

    for split, table, (text, label, *more) in _tables(data, choose):
        if label_columns:
            cells = zip(*(map(plain, values(table[name], "label")) for name in (label, *more)), strict=True)
            flags: list[Any] = [
                read_flags(dict(zip(label_columns, row, strict=True)), label_columns, f"text {number}")
                for number, row in enumerate(cells)
            ]
            splits[split] = (values(table[text], "text"), flags)
            continue
        features = getattr(table, "features", None)  # where Hugging Face's datasets keep the names of numbered labels
        feature = features.get(label) if isinstance(features, Mapping) else None
        named = getattr(getattr(feature, "feature", feature), "names", None)  # of a list of labels, what is in it
        labels = values(table[label], "label")
        if named is not None:
            labels = [_named(named, number) for number in map(plain, labels)]
        if label_delimiter:
            labels = [read_label(cell, f"text {row}", label_delimiter) for row, cell in enumerate(map(plain, labels))]
        splits[split] = (values(table[text], "text"), labels)
    return dataset_from_columns(splits)


def paired_table(
    data: Table, pair: str | None, source_column: str | None, target_column: str | None, *, remembered: bool = False
) -> Dataset[Pair]:
    """The pairs of sentences of a table, or of one for each split; of a column of mappings from languages to sentences
    those of the `pair`. Otherwise as `labelled_table`."""
    languages = split_pair(pair) if pair else None
    splits: dict[str, Callable[[], Iterator[Pair]]] = {}

    def choose(names: list[str]) -> tuple[str, ...]:
        wanted = [_known(name, names) if remembered else name for name in (source_column, target_column)]
        mappings = [name for name in names if name != "id"]  # as Hugging Face's data sets have them
        if not any(wanted) and len(mappings) == 1:
            return tuple(mappings)
        if languages:  # columns may be called by their language
            wanted = [name or _known(language, names) for name, language in zip(wanted, languages, strict=True)]
        source = _column(names, wanted[0], SOURCE_NAMES, "source_column")
        return source, _column(names, wanted[1], TARGET_NAMES, "target_column", source, alone=True)

    for split, table, columns in _tables(data, choose):
        sides = [values(table[column], "pair") for column in columns]
        if len(sides) == 2:
            splits[split] = partial(read_pairs, *sides)
        elif languages:
            splits[split] = partial(_translations, sides[0], *languages)
        else:
            raise UsageError(f"the column {columns[0]!r} is alone; say which pair of languages it holds: pair='en-de'")
    return dataset_from_rows(splits)


def document_table(data: Table, text_column: str | None, *, remembered: bool = False) -> Dataset[str]:
    """The documents of a table, one a row, or of one for each split. Otherwise as `labelled_table`."""

    def choose(names: list[str]) -> tuple[str, ...]:
        return (_text_column(names, _known(text_column, names) if remembered else text_column),)

    splits = {split: partial(texts, values(table[text], "text")) for split, table, (text,) in _tables(data, choose)}
    return documents_with_text(dataset_from_rows(splits))


def _tables(
    data: Table, choose: Callable[[list[str]], tuple[str, ...]]
) -> Iterator[tuple[str, Table, tuple[Any, ...]]]:
    """Each split with its table, and which of its columns to take: the choice for one binds all."""
    tables = _splits(data)
    chosen = choose(list(column_names(next(iter(tables.values())))))
    for split, table in tables.items():
        names = column_names(table)
        for name in chosen:
            if name not in names:
                raise DataError(f"{split} has no column {name!r}; it has {', '.join(map(repr, names)) or 'none'}")
        yield split, table, tuple(names[name] for name in chosen)


def _splits(data: Table) -> dict[str, Table]:
    """The tables of a data set by split, train first; one alone is train."""
    if not is_table(data):
        raise UsageError(f"data is {called(data)}; give a path, a name, or a table whose columns have names")
    if not isinstance(data, Mapping) or not data or not all(map(is_table, data.values())):
        return {"train": data}
    found: dict[str, Table] = {}
    for name, table in data.items():
        split = SPLITS.get(str(name).lower())
        if split in found:
            raise UsageError(f"of {', '.join(map(str, data))} two are the {split} split; keep one")
        if split is not None:
            found[split] = table
    if not found:
        raise UsageError(f"none of {', '.join(map(str, data))} is a split; call one train")
    return dict(sorted(found.items(), key=lambda item: item[0] != "train"))


def _text_column(names: list[str], wanted: str | None, beside: str | None = None) -> str:
    return _column(names, wanted, TEXT_NAMES, "text_column", beside, alone=True)


def _column(
    names: list[str],
    wanted: str | None,
    known: tuple[str, ...],
    setting: str,
    beside: str | None = None,
    *,
    alone: bool = False,
) -> str:
    """The column that is wanted, or else the one of a known name; `alone`, the only one that there is `beside`."""
    listed = ", ".join(map(repr, names)) or "none"
    if wanted is not None:
        if wanted not in names:
            hint = did_you_mean(wanted, names)
            raise UsageError(f"{setting}={wanted!r} is no column of the data{hint}; it has {listed}")
        if wanted == beside:
            raise UsageError(f"{setting}={wanted!r} cannot be both; name another of {listed}")
        return wanted
    others = [name for name in names if name != beside]
    likely = [name for name in others if name.strip().lower() in known]
    if not likely and alone:
        likely = others
    if len(likely) != 1:
        raise UsageError(f"which of the columns {listed} is meant is not clear; say so with the setting {setting}")
    return likely[0]


def _known(name: str | None, names: Container[str]) -> str | None:
    return name if name in names else None


def _named(names: list[str], number: Any) -> Any:
    if isinstance(number, list):
        return [_named(names, one) for one in number]
    return None if number is None or number < 0 else names[number]  # -1 says that there is none


def _translations(rows: Iterable[Any], source: str, target: str) -> Iterator[Pair]:
    return read_pairs(_side(rows, source), _side(rows, target))


def _side(rows: Iterable[Any], language: str) -> Iterator[Any]:
    for number, row in enumerate(map(plain, rows)):
        if not isinstance(row, Mapping) or language not in row:
            raise DataError(f"row {number} has nothing for {language!r}: it is {shown(row)}")
        yield row[language]
