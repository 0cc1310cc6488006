"""Texts and tables as programs hold them: lists, arrays, columns of frames of whatever library, generators.

pandas, Polars, Arrow and Hugging Face's datasets are neither needed nor imported: their tables name their columns in
`columns` or `column_names`, `table[name]` gives one, and a column can be iterated.
"""

from collections.abc import Iterable, Iterator, KeysView, Mapping, Set, Sized
from reprlib import Repr
from typing import Any, Protocol

from nlpkit.errors import DataError, UsageError


def is_table(given: Any) -> bool:
    """Whether this is a table: a frame of some library, or a mapping of columns by name."""
    return _names(given) is not None


def column_names(table: Any) -> dict[str, Any]:
    """A table's columns by name, each with what `table[…]` takes. Raises UsageError when two have one name."""
    names = _names(table) or []
    if len(set(map(str, names))) < len(names):
        raise UsageError(f"two columns have the same name; rename one of {', '.join(map(repr, names))}")
    return {str(name): name for name in names}


class Values(Sized, Iterable[Any], Protocol):
    """A list, an array or a column: values that can be counted, and read as often as needed."""


def iterable(given: Any, what: str) -> Iterable[Any]:
    """What has values in an order. Raises UsageError for anything else; `what` is what it calls one of them."""
    if isinstance(given, str):
        raise UsageError(f"give a list of {what}s, not one string: [{what}]")
    unordered = isinstance(given, Set) and not isinstance(given, KeysView)
    if not isinstance(given, Iterable) or isinstance(given, bytes) or unordered or is_table(given):
        raise UsageError(f"give a list of {what}s, not {called(given)}")
    if (dimensions := getattr(given, "ndim", 1)) != 1:
        raise UsageError(f"give a list of {what}s, not an array of {dimensions} dimensions")
    return given


def values(given: Any, what: str) -> Values:
    """The same as often as needed: what can be read only once, such as a generator, is kept."""
    found = iterable(given, what)
    return found if isinstance(found, Sized) else list(found)


def check_lengths(columns: Mapping[str, Values]) -> None:
    """Raises DataError when columns, by what they are called, are not of one length."""
    (first, held), *others = columns.items()
    for name, other in others:
        if len(other) != len(held):
            raise DataError(f"there are {len(held):,} {first} but {len(other):,} {name}; give one for each row")


def texts(given: Iterable[Any], what: str = "text") -> Iterator[str]:
    """The values, each held to be a text in its turn. Raises DataError, with the row from 0, for one that is none."""
    return (_text(value, f"{what} {row}") for row, value in enumerate(given))


def one_text(given: Any, what: str) -> str:
    """A single text. Raises UsageError when it is no string, DataError when it is no text."""
    if not isinstance(given, str):
        raise UsageError(f"a {what} is one string, not {called(given)}")
    return _text(given, f"the {what}")


def plain(value: Any) -> Any:
    """A value as Python has it: Arrow, NumPy and others have scalars and lists of their own. Raises DataError for a
    text that is not UTF-8, which Arrow may hold."""
    if isinstance(value, str):
        return value
    for name in ("as_py", "tolist", "to_list"):
        if callable(convert := getattr(value, name, None)):
            try:
                return convert()
            except UnicodeDecodeError as error:
                raise DataError(f"the text {shown(error.object)} is not UTF-8; write it anew") from None
    return value


def called(given: Any) -> str:
    """What to call a value of the wrong kind in an error."""
    if given is None or isinstance(given, int | float | bytes):
        return shown(given)
    name = type(given).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"


def shown(value: Any) -> str:
    """A value in an error: in one line, and no longer than it takes to be found."""
    return " ".join(Repr().repr(value).split())


def _text(value: Any, where: str) -> str:
    if not isinstance(value, str):
        value = plain(value)
        if not isinstance(value, str):
            raise DataError(f"{where} is {shown(value)}, which is no string; fill it in or leave it out")
    try:
        if not value.isascii():
            value.encode()
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where} holds {value[error.start]!r} at character {error.start}, half of one that is no text alone; "
            "read it as UTF-8, or replace it"
        ) from None
    return str.__str__(value)  # NumPy's strings are a class of their own


def _names(table: Any) -> list[Any] | None:
    if isinstance(table, Mapping):
        return list(table)
    if hasattr(type(table), "collect"):  # a query, such as Polars' LazyFrame, which holds nothing yet
        return None
    for attribute in ("column_names", "columns"):
        names = getattr(table, attribute, None)
        if names is not None and not callable(names):
            return list(names)
    return None
