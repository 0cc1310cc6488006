"""Labels as they stand in data: one a text, or several, in a list, behind a delimiter, or in a column each."""

import ast
import json
import re
import unicodedata
import warnings
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Literal

from nlpkit.data.values import shown
from nlpkit.errors import DataError

Label = str | tuple[str, ...]
"""A text's label, or, where it may have several, all of them: none, one or more, each once."""

_YES_NO = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
MISSING_WORDS = {"NA", "N/A", "<NA>", "#N/A", "NaN", "nan", "NULL", "null", "None", "\\N"}
"""How programs write that there is nothing, which may also be a label, such as Namibia's code."""
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")


def read_label(value: Any, where: str, delimiter: str | None = None) -> Label:
    """The label in a cell, or the labels: of a list, a tuple, a set or an array, and, with a `delimiter`, of a cell
    that it divides.

    Those of a set come in alphabetical order, others as they stand. Raises DataError, `where` in front, for a cell
    that holds none where one is due, or something that is no label.
    """
    if getattr(value, "shape", ()):  # an array
        value = list(value)
    if delimiter is None and isinstance(value, str) and value[:1] == "[":
        value = _written_list(value)
    if isinstance(value, list | tuple):
        said = [str(part).lower() for part in value]
        if len(set(said)) < len(said) and all(part in _YES_NO for part in said):
            raise DataError(
                f"{where}: {shown(value)} looks like a 0 or 1 for each label; give a list of those that go with the "
                "text, or a column for each label, by --label-columns"
            )
        return _each_once(one_label(part, where) for part in value)
    if isinstance(value, set | frozenset):
        return tuple(sorted(_each_once(one_label(part, where) for part in value)))
    if delimiter is None:
        return one_label(value, where)
    if isinstance(value, str):
        return _each_once(one_label(part, where) for part in value.split(delimiter) if part.strip())
    return () if is_missing(value) else (one_label(value, where),)


def read_flags(row: Mapping[str, Any], columns: Sequence[str], where: str) -> tuple[str, ...]:
    """Those of the columns, each named like a label, whose cell says yes: 1 or true, and not 0 or false.

    Raises DataError, `where` in front, for a column that is not there or says something else.
    """
    found = []
    for column in columns:
        if column not in row:
            raise DataError(f"{where}: there is no {column!r}")
        said = _YES_NO.get(str(row[column]).strip().lower())
        if said is None:
            raise DataError(
                f"{where}: the label column {column!r} holds {row[column]!r}; it should hold 1 or true where the "
                "label goes with the text, and 0 or false where it does not"
            )
        if said:
            found.append(one_label(column, where))
    return _each_once(found)


def one_label(value: Any, where: str) -> str:
    """A cell's label as text: of one Unicode form (NFC), without spaces around it or more than one within; a whole
    number has no decimal point. Raises DataError, `where` in front, for a cell that holds none."""
    if isinstance(value, list | tuple | set | frozenset | dict | bytes):
        raise DataError(f"{where}: a label is a {type(value).__name__}; it should be text or a number")
    if isinstance(value, Real) and not isinstance(value, Integral) and float(value).is_integer():
        value = int(float(value))
    label = "" if is_missing(value) else " ".join(unicodedata.normalize("NFC", str(value)).split())
    if not label:
        raise DataError(f"{where}: there is no label; fill it in or remove the row")
    if any("\ud800" <= character <= "\udfff" for character in label):
        raise DataError(f"{where}: the label {label!r} is not text; half of a character stands in it")
    return label


def label_type(labels: Iterable[Any]) -> Literal["int", "str"]:
    """What a program's labels are, one a text or several: integers, or what is known by its text."""
    parts = (
        part for label in labels for part in (label if isinstance(label, list | tuple | set | frozenset) else [label])
    )
    return "int" if all(isinstance(part, Integral) and not isinstance(part, bool) for part in parts) else "str"


def is_missing(value: Any) -> bool:
    """Whether a cell is empty: None, NaN, or what pandas has in their place."""
    try:
        return value is None or bool(value != value)
    except (TypeError, ValueError):  # pandas' NA is neither like itself nor unlike
        return True


def all_of(label: Label) -> tuple[str, ...]:
    """A text's labels, of one as of several."""
    return (label,) if isinstance(label, str) else label


def likeness(label: str) -> Hashable:
    """What two labels share that look alike: their value where they are numbers, else their letters, whatever the case
    and the spaces between."""
    return Decimal(label) if _NUMBER.fullmatch(label) else "".join(label.casefold().split())


def numbers(labels: Iterable[str]) -> list[float] | None:
    """The labels' values, where every one is a number, as ratings are; else None."""
    found = [float(label) if _NUMBER.fullmatch(label) else None for label in labels]
    return None if None in found else [value for value in found if value is not None]


def in_order(labels: Iterable[str]) -> list[str]:
    """Labels by name, or, where all are numbers, by value: 2 before 10."""
    names = sorted(labels)
    values = numbers(names)
    return names if values is None else [name for _, name in sorted(zip(values, names, strict=True))]


def listed(labels: Sequence[Any], most: int = 20) -> str:
    """Labels in a line: `most` of them, and how many more there are."""
    more = f" and {len(labels) - most:,} more" if len(labels) > most else ""
    return ", ".join(map(str, labels[:most])) + more


def _written_list(cell: str) -> list[str] | str:
    """The texts of a list as JSON or Python writes it, which is how a column of lists comes into a .csv; else the
    cell."""
    for read in (json.loads, ast.literal_eval):
        with suppress(ValueError, SyntaxError, MemoryError, RecursionError), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that an escape is none
            found = read(cell.strip())
            if isinstance(found, list) and all(isinstance(part, str) for part in found):
                return found
    return cell


def _each_once(labels: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(labels))
