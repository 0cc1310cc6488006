"""Which column of a table is which, and what a cell of it may hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.data.tables import Row
from nlpkit.errors import DataError, UsageError, did_you_mean

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message", "document", "tweet")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "rating", "stars", "polarity", "topic")
SOURCE_NAMES = ("source", "src", "input", "from")
TARGET_NAMES = ("target", "tgt", "trg", "translation", "output", "to")


@dataclass(frozen=True)
class Columns:
    """Which columns hold the text and the label, where the user named them; `labels`, where each label has a column of
    0 and 1; `delimiter`, what stands between the labels in a cell that may hold several."""

    text: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    delimiter: str | None = None


def choose_text_and_label(
    path: Path, names: Sequence[str], columns: Columns, remembered: Mapping[str, str], *, header: bool
) -> dict[str, str]:
    """{"text": …, "label": …}: the columns that are named, else remembered and there, else so called.

    A label is never guessed from its place. The one column beside it is the text. Where each label has a column, these
    are called "label 1" and so on. Raises UsageError when it is not clear which are meant; with `header`, since the
    first line may be data.
    """
    if columns.labels:
        roles = {f"label {number}": name for number, name in enumerate(columns.labels, 1)}
        for name in columns.labels:
            find_column(path, names, name, ())
        others = [name for name in names if name not in columns.labels]
        only = others[0] if len(others) == 1 else None
        wanted = columns.text or only
        earlier = remembered.get("text")
        found = choose_column(path, others, wanted, TEXT_NAMES, "--text-column", earlier, header=header)
        return {"text": found, **roles}
    label = find_column(path, names, columns.label, LABEL_NAMES, remembered.get("label"))
    text = find_column(path, names, columns.text, TEXT_NAMES, remembered.get("text"))
    if text is None and label is not None and len(names) == 2:
        text = names[1 - names.index(label)]
    if text is None:
        raise UsageError(_unclear(path, names, "--text-column", header))
    if label is None:
        raise UsageError(_unclear(path, names, "--label-column", header))
    if text == label:
        raise UsageError(f"{path}: the column {text!r} cannot be both the text and the label; name another")
    return {"text": text, "label": label}


def choose_text(path: Path, names: Sequence[str], wanted: str | None, remembered: str | None, *, header: bool) -> str:
    """The column with the text, as `choose_column` finds it; the only one of a table whose first row is data."""
    if wanted is None and list(names) == ["1"]:
        return "1"
    return choose_column(path, names, wanted, TEXT_NAMES, "--text-column", remembered, header=header)


def choose_column(
    path: Path,
    names: Sequence[str],
    wanted: str | None,
    known: tuple[str, ...],
    option: str,
    remembered: str | None = None,
    *,
    header: bool = False,
) -> str:
    """The `wanted` column, else the `remembered` one where it is there, else the one that is called as `known` ones
    are. Raises UsageError, which tells to use the `option`, when none or several are."""
    found = find_column(path, names, wanted, known, remembered)
    if found is None:
        raise UsageError(_unclear(path, names, option, header))
    return found


def find_column(
    path: Path, names: Sequence[str], wanted: str | None, known: tuple[str, ...], remembered: str | None = None
) -> str | None:
    """As `choose_column`, but None where it is not clear. Raises UsageError for one that is not there, DataError for
    one that is there twice."""
    if wanted is not None:
        if wanted not in names:
            hint = did_you_mean(wanted, list(names))
            raise UsageError(f"{path} has no column {wanted!r}{hint}; it has {', '.join(map(repr, names))}")
        likely = [wanted]
    elif remembered is not None and remembered in names:
        likely = [remembered]
    else:
        likely = [name for name in dict.fromkeys(names) if name.lower() in known]
    if len(likely) != 1:
        return None
    if names.count(likely[0]) > 1:
        raise DataError(f"{path}: two columns have the same name {likely[0]!r}; rename one of them")
    return likely[0]


def check_header(
    path: Path,
    keys: Sequence[str],
    rows: Iterable[tuple[int, Row]],
    guessed: Iterable[str],
    remembered: Iterable[str] = (),
) -> None:
    """Refuses a first row that may be data, from which columns were `guessed` that nobody named.

    A name does not stand again in its own column, as a label does. Where one alone of them is known or `remembered`,
    a row may hold it by chance: the others, too, should then look like names, and not stand again. `keys` are the
    names as the `rows` after the first have them; a beginning of these is enough.
    """
    every = {*TEXT_NAMES, *LABEL_NAMES, *SOURCE_NAMES, *TARGET_NAMES}
    earlier = {*remembered}
    certain = [name for name in guessed if name.strip().lower() in every or name in earlier]
    looked_at = certain
    if len(certain) < 2:
        looked_at = [name for name in keys if name]
        for name in looked_at:
            if name not in certain and not _looks_like_a_name(name):
                raise UsageError(_may_be_data(path, f"{name!r} in it looks like data"))
    for number, row in rows:
        for name in looked_at:
            if str(row.get(name, "")).strip() == name.strip():
                raise UsageError(_may_be_data(path, f"{name!r} stands in its column again on line {number}"))


def _looks_like_a_name(cell: str) -> bool:
    """Whether a cell is a word or three, with a letter, and no sentence."""
    return len(cell.split()) <= 3 and len(cell) <= 40 and cell[-1] not in ".!?" and any(map(str.isalpha, cell))


def _may_be_data(path: Path, why: str) -> str:
    return (
        f"{path}: its first line may be data, since {why}; if it is, add --no-header, else name a column with "
        "--text-column or the like"
    )


def cell(path: Path, number: int, row: Row, column: str, *, lists: bool = False) -> Any:
    """What a row has in a column, None for NaN. Raises DataError where there is no such cell, or no text can be; a
    list only where `lists` are due."""
    if column not in row:
        raise DataError(f"{path} line {number}: there is no {column!r}")
    value = row[column]
    if isinstance(value, list) and lists:
        return value
    if isinstance(value, list | dict | bytes):
        kind = type(value).__name__
        raise DataError(f"{path} line {number}: {column!r} holds a {kind}; it should hold text or a number")
    return None if value != value else value  # NaN is how tables of numbers say that there is none


def _unclear(path: Path, names: Sequence[str], option: str, header: bool) -> str:
    shown = ", ".join(map(repr, names[:20])) + (", …" if len(names) > 20 else "")
    no_header = "; if the first line is data and names no columns, add --no-header" if header else ""
    return f"{path}: which of the columns {shown} is meant is not clear; say so with {option}{no_header}"
