"""Which column of a table is which, and what a cell of it may hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nlpkit.data.tables import Row, row_keys
from nlpkit.errors import DataError, UsageError, did_you_mean

TEXT_NAMES = ("text", "review", "sentence", "content", "comment", "body", "message", "document", "tweet")
LABEL_NAMES = ("label", "sentiment", "class", "category", "target", "rating", "stars", "polarity", "topic")
SOURCE_NAMES = ("source", "src", "input", "from")
TARGET_NAMES = ("target", "tgt", "trg", "translation", "output", "to")
_KNOWN = {"text": TEXT_NAMES, "label": LABEL_NAMES, "source": SOURCE_NAMES, "target": TARGET_NAMES}

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Columns:
    """Which columns hold the text and the label, where the user named them; `labels`, where each label has a column of
    0 and 1; `delimiter`, what stands between the labels in a cell that may hold several."""

    text: str | None = None
    label: str | None = None
    labels: tuple[str, ...] = ()
    delimiter: str | None = None


@dataclass(frozen=True)
class Header:
    """The names of a table's columns, and the file that it is; none of one that a program holds. `doubtful`: whether
    they stand in a first row, which may be data."""

    names: Sequence[str]
    path: Path | None = None
    doubtful: bool = False

    @property
    def place(self) -> str:
        return f"{self.path}: " if self.path else ""

    def option(self, role: str) -> str:
        """What a column is named by, on the command line or in Python."""
        name, _, number = role.partition(" ")
        words = f"{name} columns" if number else f"{name} column"
        return f"--{words.replace(' ', '-')}" if self.path else words.replace(" ", "_")

    def called(self, name: str) -> list[str]:
        """The columns of a name, which may have spaces around it."""
        return (
            [name] if name in self.names else [one for one in dict.fromkeys(self.names) if one.strip() == name.strip()]
        )


def choose_text_and_label(header: Header, columns: Columns, remembered: Mapping[str, str]) -> dict[str, str]:
    """{"text": …, "label": …}: the columns that are named, else remembered and there, else so called.

    A label is never guessed from its place. The one column beside it is the text. Where each label has a column, these
    are called "label 1" and so on. Raises UsageError when it is not clear which are meant.
    """
    roles: dict[str, str] = {}
    if columns.labels:
        for number, name in enumerate(columns.labels, 1):
            roles[f"label {number}"] = choose_column(header, f"label {number}", name)
    elif (label := _found(header, "label", columns.label, remembered.get("label"), NONE)) is not None:
        roles["label"] = label
    text = _found(header, "text", columns.text, remembered.get("text"), roles)
    if text is None or not roles:
        raise UsageError(_unclear(header, *["text"] * (text is None), *["label"] * (not roles)))
    return {"text": text, **roles}


def choose_pair(
    header: Header, languages: Sequence[str], wanted: Mapping[str, str | None], remembered: Mapping[str, str]
) -> dict[str, str]:
    """{"source": …, "target": …}: the columns that are named, else called by their language, else remembered and there,
    else so called. The one column beside the source is the target. Raises UsageError when it is not clear."""
    roles: dict[str, str] = {}
    for role, language in zip(("source", "target"), languages or ("", ""), strict=True):
        column = wanted[role] or (language if language in header.names else None)
        found = choose_column(header, role, column, remembered.get(role), beside=dict(roles))
        if (
            column is None
            and roles.get("source") in languages
            and found != remembered.get(role)
            and not says(found, role)
        ):
            raise UsageError(_absent(header, role, language))  # and not the one column that there is beside the other's
        roles[role] = found
    return roles


def choose_column(
    header: Header, role: str, wanted: str | None, remembered: str | None = None, *, beside: Mapping[str, str] = NONE
) -> str:
    """The `wanted` column, else the `remembered` one where it is there, else the one whose name says its role, else,
    of a text or a target, the only one; not one `beside`, which has another role. Spaces around a name do not count.

    Raises UsageError, which tells how to name it, when none or several are; DataError for one that is there twice.
    """
    found = _found(header, role, wanted, remembered, beside)
    if found is None:
        raise UsageError(_unclear(header, role))
    return found


def _found(
    header: Header, role: str, wanted: str | None, remembered: str | None, beside: Mapping[str, str]
) -> str | None:
    """As `choose_column`, but None where it is not clear."""
    others = [name for name in dict.fromkeys(header.names) if name not in beside.values()]
    if wanted is not None:
        likely = header.called(wanted)
        if not likely:
            raise UsageError(_absent(header, role, wanted))
        for other, name in beside.items():
            if name in likely:
                roles = f"the {role} and the {other.partition(' ')[0]}"
                raise UsageError(f"{header.place}the column {wanted!r} cannot be both {roles}; name another")
    elif remembered is not None and (earlier := [name for name in header.called(remembered) if name in others]):
        likely = earlier
    else:
        likely = [name for name in others if says(name, role)]
        # a name in a first row that may be data is no reason to take its column, unless another's makes it one
        if not likely and role in ("text", "target") and (beside or not header.doubtful):
            likely = others
    if len(likely) != 1:
        return None
    check_once(header, likely[0])
    return likely[0]


def check_header(
    header: Header, rows: Iterable[tuple[int, Row]], guessed: Iterable[str], remembered: Iterable[str] = ()
) -> None:
    """Refuses a first row that may be data, from which columns were `guessed` that nobody named.

    A name does not stand again in its own column, as a label does. Where one alone of them is known or `remembered`,
    a row may hold it by chance: the others, too, should then look like names, and not stand again. A beginning
    of the `rows` is enough.
    """
    every = {name for names in _KNOWN.values() for name in names}
    earlier = {*remembered}
    certain = [name for name in guessed if name.strip().lower() in every or name in earlier]
    looked_at = certain
    if len(certain) < 2:
        looked_at = [name for name in row_keys(header.names) if name]
        for name in looked_at:
            if name not in certain and not _looks_like_a_name(name):
                raise UsageError(_may_be_data(header, f"{name!r} in it looks like data"))
    for number, row in rows:
        for name in looked_at:
            if str(row.get(name, "")).strip() == name.strip():
                raise UsageError(_may_be_data(header, f"{name!r} stands in its column again on line {number}"))


def _looks_like_a_name(cell: str) -> bool:
    """Whether a cell is a word or three, with a letter, and no sentence."""
    return len(cell.split()) <= 3 and len(cell) <= 40 and cell[-1] not in ".!?" and any(map(str.isalpha, cell))


def _may_be_data(header: Header, why: str) -> str:
    return (
        f"{header.place}its first line may be data, since {why}; if it is, add --no-header, else name a column with "
        "--text-column or the like"
    )


def says(name: str, role: str) -> bool:
    """Whether a column's name says that it has a role."""
    return name.strip().lower() in _KNOWN.get(role, ())


def check_once(header: Header, name: str) -> None:
    """Raises DataError for a column that is there twice."""
    if header.names.count(name) > 1:
        raise DataError(f"{header.place}two columns have the same name {name!r}; rename one of them")


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


def _absent(header: Header, role: str, wanted: str) -> str:
    hint = did_you_mean(wanted, list(header.names))
    if header.path:
        return f"{header.path} has no column {wanted!r}{hint}; it has {_listed(header)}"
    return f"{header.option(role)}={wanted!r} is no column of the data{hint}; it has {_listed(header)}"


def _unclear(header: Header, *roles: str) -> str:
    no_header = "; if the first line is data and names no columns, add --no-header" if header.doubtful else ""
    return (
        f"{header.place}which of the columns {_listed(header)} is meant is not clear; say so with "
        f"{' and '.join(map(header.option, roles))}{no_header}"
    )


def _listed(header: Header) -> str:
    return (", ".join(map(repr, header.names[:20])) or "none") + (", …" if len(header.names) > 20 else "")
