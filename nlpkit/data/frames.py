"""Tables that a program holds: frames of whatever library, mappings of columns, and splits of any of them."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from nlpkit.data.columns import Columns, Header, choose_column, choose_pair, choose_text_and_label
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
from nlpkit.data.notes import tell_once
from nlpkit.data.parallel import split_pair
from nlpkit.data.values import (
    Values,
    called,
    check_lengths,
    column_names,
    is_table,
    iterable,
    plain,
    shown,
    texts,
    values,
)
from nlpkit.errors import DataError, UsageError

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
        earlier = next((name for name in remembered if name in names), None)
        given = given[names[choose_column(Header(list(names)), "text", None, earlier)]]
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
    wanted = {"text": text_column, "label": label_column}
    named, earlier = ({}, _given(wanted)) if remembered else (wanted, {})
    asked = Columns(**named, labels=tuple(label_columns or ()))
    splits: dict[str, tuple[Values, Values]] = {}
    for split, table, roles in _tables(data, lambda header: choose_text_and_label(header, asked, earlier)):
        columns = _columns(split, table, roles)
        given = columns.pop("text")
        if label_columns:
            cells = zip(*(map(plain, column) for column in columns.values()), strict=True)
            flags: list[Any] = [
                read_flags(dict(zip(label_columns, row, strict=True)), label_columns, f"text {number}")
                for number, row in enumerate(cells)
            ]
            splits[split] = (given, flags)
            continue
        features = getattr(table, "features", None)  # where Hugging Face's datasets keep the names of numbered labels
        feature = features.get(roles["label"]) if isinstance(features, Mapping) else None
        names = getattr(getattr(feature, "feature", feature), "names", None)  # of a list of labels, what is in it
        labels = columns["label"]
        if names is not None:
            labels = [_named(names, number) for number in map(plain, labels)]
        if label_delimiter:
            labels = [read_label(cell, f"text {row}", label_delimiter) for row, cell in enumerate(map(plain, labels))]
        splits[split] = (given, labels)
    return dataset_from_columns(splits)


def paired_table(
    data: Table, pair: str | None, source_column: str | None, target_column: str | None, *, remembered: bool = False
) -> Dataset[Pair]:
    """The pairs of sentences of a table, or of one for each split; of a column of mappings from languages to sentences
    those of the `pair`. Otherwise as `labelled_table`."""
    languages = split_pair(pair) if pair else ()
    wanted = {"source": source_column, "target": target_column}
    named, earlier = (dict.fromkeys(wanted), _given(wanted)) if remembered else (wanted, {})
    splits: dict[str, Callable[[], Iterator[Pair]]] = {}

    def choose(header: Header) -> dict[str, str]:
        mappings = [name for name in header.names if name != "id"]  # as Hugging Face's data sets have them
        if len(mappings) == 1 and not any(named.values()) and not any(map(header.called, earlier.values())):
            return {"pair": mappings[0]}
        return choose_pair(header, languages, named, earlier)

    for split, table, roles in _tables(data, choose):
        columns = _columns(split, table, roles)
        if "pair" not in columns:
            splits[split] = partial(read_pairs, columns["source"], columns["target"])
        elif languages:
            splits[split] = partial(_translations, columns["pair"], *languages)
        else:
            raise UsageError(
                f"the column {roles['pair']!r} is alone; say which pair of languages it holds: pair='en-de'"
            )
    return dataset_from_rows(splits)


def document_table(data: Table, text_column: str | None, *, remembered: bool = False) -> Dataset[str]:
    """The documents of a table, one a row, or of one for each split. Otherwise as `labelled_table`."""
    named, earlier = (None, text_column) if remembered else (text_column, None)
    tables = _tables(data, lambda header: {"text": choose_column(header, "text", named, earlier)})
    splits = {split: partial(texts, _columns(split, table, roles)["text"]) for split, table, roles in tables}
    return documents_with_text(dataset_from_rows(splits))


def _tables(data: Table, choose: Callable[[Header], dict[str, str]]) -> Iterator[tuple[str, Table, dict[str, Any]]]:
    """Each split with its table, and which of its columns, as the table has their names, are what: the choice for one
    binds all."""
    tables = _splits(data)
    roles = choose(Header(list(column_names(next(iter(tables.values()))))))
    for split, table in tables.items():
        names = column_names(table)
        for name in roles.values():
            if name not in names:
                raise DataError(f"{split} has no column {name!r}; it has {', '.join(map(repr, names)) or 'none'}")
        yield split, table, {role: names[name] for role, name in roles.items()}


def _columns(split: str, table: Table, roles: Mapping[str, Any]) -> dict[str, Values]:
    """A table's columns by what they are for. Raises DataError when they are not of one length, as those of a mapping
    may be."""
    columns = {role: values(table[name], role.partition(" ")[0]) for role, name in roles.items()}
    try:
        check_lengths({f"values of {roles[role]!r}": column for role, column in columns.items()})
    except DataError as error:
        raise DataError(f"{split}: {error}") from None
    return columns


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
    if others := [str(name) for name in data if str(name).lower() not in SPLITS]:
        tell_once(f"left out {', '.join(others)}, whose name is no split's")
    return dict(sorted(found.items(), key=lambda item: item[0] != "train"))


def _given(columns: Mapping[str, str | None]) -> dict[str, str]:
    return {role: name for role, name in columns.items() if name is not None}


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
