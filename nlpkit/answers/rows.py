"""Rows out, one for each text, with the columns it came with and those of the answer."""

import csv
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, time
from enum import StrEnum
from importlib.util import find_spec
from itertools import chain, count
from pathlib import Path, PurePosixPath
from typing import IO, Any

from nlpkit.answers.json_text import to_json
from nlpkit.data.compression import PACKED, STDIN, bare_name, inner_suffix
from nlpkit.data.tables import TABLES, Row, seekable
from nlpkit.errors import DataError, NlpkitError, UsageError
from nlpkit.output import open_output

Write = Callable[[Row, Row], None]
_Writer = tuple[Callable[[Row, Row], object], Callable[[Row, Row], object]]


class Format(StrEnum):
    """`plain` is a line a text, and each verb's own; the others keep the input's columns."""

    plain = "plain"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    parquet = "parquet"


_NAMED = {
    ".csv": Format.csv,
    ".tsv": Format.tsv,
    ".tab": Format.tsv,
    ".jsonl": Format.jsonl,
    ".ndjson": Format.jsonl,
    ".jsonlines": Format.jsonl,
    ".jl": Format.jsonl,
    ".parquet": Format.parquet,
}
# a file of these is read, and its rows are shown as
_SHOWN = {".parquet": Format.jsonl, ".json": Format.jsonl, ".xlsx": Format.csv, ".psv": Format.csv}
# names that stand for what is not written; any other, such as .txt, .de or none, is for plain lines
_NOT_WRITTEN = (
    *(".7z", ".arrow", ".avro", ".db", ".doc", ".docx", ".feather", ".h5", ".hdf5", ".htm", ".html", ".json", ".npy"),
    *(".npz", ".ods", ".odt", ".orc", ".pdf", ".pickle", ".pkl", ".ppt", ".pptx", ".psv", ".rtf", ".sqlite"),
    *(".sqlite3", ".tar", ".tmx", ".xls", ".xlsm", ".xlsx", ".xml", ".yaml", ".yml", ".zip"),
)
_CHUNK = 2_048  # rows of Parquet that become columns together


def choose_format(said: str | None, output: Path | None, file: Path | None) -> Format:
    """How answers are written: as is said, else as the output's name says, else as the file is, else plain.

    Raises UsageError for an output whose name stands for what is not written, or for another format than is said;
    NlpkitError when pyarrow is missing.
    """
    name = "" if output is None else bare_name(output) if output.suffix.lower() in PACKED else output.name
    suffix = Path(name).suffix.lower()
    named = _NAMED.get(suffix)
    if suffix in _NOT_WRITTEN:
        raise UsageError(f"{output}: {suffix} is not written; choose {', '.join(_NAMED)}, or .txt for plain lines")
    if said and named not in (None, said):
        raise UsageError(f"{output} is the name of a {named} file, and {said} is asked for; leave one of them out")
    if said == Format.parquet and output is None:
        raise UsageError("--format parquet goes with --output")
    format = Format(said) if said else named or _format_of(file) or Format.plain
    if format is Format.parquet and find_spec("pyarrow") is None:
        raise NlpkitError('Parquet needs pyarrow; pip install "nlpkit-lstm[parquet]" brings it')
    return format


def _format_of(file: Path | None) -> Format | None:
    """That of a file, or of what an archive that is there holds."""
    if file is None:
        return None
    suffix = inner_suffix(file) if file.is_file() else Path(bare_name(file)).suffix.lower()
    return (_NAMED | _SHOWN).get(suffix)


def answer_name(file: str, said: str | None, inside: Path | None = None) -> str:
    """What the answers to one of many files are called: as it is, but with the ending of the format that they are
    written in, instead of a table's; packed as it is, except as Parquet, which is so itself, or from an archive, which
    is `inside`, where it is there to tell what it holds."""
    path = PurePosixPath(file)
    name = bare_name(Path(path.name))
    if said is None and inside is not None:
        with suppress(DataError):  # of one that is damaged, which is told when it is read
            said = _format_of(inside)
    suffix = Path(name).suffix.lower()
    own = _NAMED.get(suffix)
    format = Format(said) if said else own or _SHOWN.get(suffix, Format.plain)
    if format is not (own or Format.plain) or (suffix in TABLES and own is None):
        name = name[: -len(suffix)] if suffix in TABLES else name
        name += ".txt" if format is Format.plain else f".{format}"
    packed = path.suffix.lower() in PACKED and format is not Format.parquet
    return str(path.with_name(name + (path.suffix if packed else "")))


@contextmanager
def open_rows(
    format: Format, output: Path | None, source: Path | None = None, empty: Callable[[], tuple[Row, Row]] | None = None
) -> Iterator[Write]:
    """`write(row, added)`: a row's own columns and those that are added to it go to `output`, else to standard output.

    Added columns have names that the first row does not have; nothing is written over. A table's header is the first
    row's, or, where none is written, that of the row that `empty` gives then. Of Parquet from a `source` in Parquet,
    whose rows then are all written in their order, the own columns are the source's, of its types. The output appears
    when all is written. Raises DataError for a row that has a column of a name that was given to an added one, or, in
    a table, one that the header has not; NlpkitError when it cannot be written.
    """
    name = naming()
    with open_output(output) as file, _opened(format, file, source) as (begin, put):
        begun = False

        def write(row: Row, added: Row) -> None:
            nonlocal begun
            named = name(row, added)
            if not begun:
                begun = True
                begin(row, named)
            put(row, named)

        yield write
        if not begun and empty is not None:
            row, added = empty()
            begin(row, name(row, added))


@contextmanager
def _opened(format: Format, file: IO[str], source: Path | None) -> Iterator[_Writer]:
    """What is called with the first row's own and added columns, and then with those of each row."""
    if format is Format.jsonl:
        yield lambda row, added: None, lambda row, added: file.write(to_json(row | added) + "\n")
    elif format is not Format.parquet:
        yield _table_writer(file, "," if format is Format.csv else "\t")
    elif source is not None and source != STDIN and inner_suffix(source) == ".parquet":
        with _parquet_from(source, file) as writer:
            yield writer
    else:
        with _parquet_writer(file) as writer:
            yield writer


def one_line(text: str) -> str:
    """A text as plain lines have it: any run of spaces, tabs and line breaks is one space."""
    return " ".join(text.split())


def naming() -> Callable[[Row, Row], Row]:
    """A function from a row and what is added to it to that under the names that it has in all rows."""
    names: dict[str, str] = {}  # of the added columns
    numbers = count(1)

    def name(row: Row, added: Row) -> Row:
        number = next(numbers)
        for name in [name for name in added if name not in names]:
            free = chain([name, f"predicted_{name}"], (f"predicted_{name}_{n}" for n in count(2)))
            names[name] = next(one for one in free if one not in row and one not in names.values())
        for name in names.values():
            if name in row:
                raise DataError(
                    f"row {number} has a column {name!r}, which the first row has not, so that the answers have the "
                    "name; give that column to every row"
                )
        return {names[name]: value for name, value in added.items()}

    return name


def _table_writer(file: IO[str], delimiter: str) -> _Writer:
    # of cells with line breaks, csv quotes those alone that its own line breaks are made of
    table = csv.writer(_Unix(file), delimiter=delimiter, lineterminator="\r\n")
    header: Row = {}
    numbers = count(1)

    def begin(row: Row, added: Row) -> None:
        header.update(row | added)
        table.writerow(header)

    def put(row: Row, added: Row) -> None:
        number = next(numbers)
        whole = row | added
        if strange := [name for name in whole if name not in header]:
            raise DataError(
                f"row {number} has a column {strange[0]!r}, which the first row has not, so that the table has no "
                "place for it; give all rows the same columns, or write .jsonl, where each has its own"
            )
        table.writerow([_cell(whole.get(name)) for name in header])

    return begin, put


class _Unix:
    """A file whose lines, written one at a time, end in a line feed alone."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    """A value as a table's text: nothing for None and NaN, JSON for what is nested, ISO 8601 for dates."""
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, list | dict):
        return to_json(value)
    return value.isoformat() if isinstance(value, date | time) else value


@contextmanager
def _parquet_writer(file: IO[str]) -> Iterator[_Writer]:
    """Keeps rows as columns until the end, when what types they have is known."""
    import pyarrow
    import pyarrow.parquet

    tables: list[Any] = []
    header: Row = {}
    rows: list[Row] = []

    def gather() -> None:
        names = dict.fromkeys(name for row in [header, *rows] for name in row)
        tables.append(pyarrow.table({name: [row.get(name) for row in rows] for name in names}))
        rows.clear()

    def put(row: Row, added: Row) -> None:
        rows.append(row | added)
        if len(rows) == _CHUNK:
            gather()

    try:
        yield lambda row, added: header.update(row | added), put
        gather()
        whole = pyarrow.concat_tables(tables, promote_options="permissive")
        pyarrow.parquet.write_table(whole, file.buffer)  # type: ignore[attr-defined]
    except (pyarrow.ArrowException, OverflowError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"the rows do not fit into one Parquet table ({reason}); write .jsonl instead") from None


@contextmanager
def _parquet_from(source: Path, file: IO[str]) -> Iterator[_Writer]:
    """Keeps what is added until the end, and then puts it beside the source's own columns, a row group at a time: what
    Arrow has, such as nanoseconds, is not all to be had in Python."""
    import pyarrow
    import pyarrow.parquet

    names: Row = {}
    rows: list[Row] = []
    yield lambda row, added: names.update(added), lambda row, added: rows.append(added)
    added = pyarrow.table({name: [row.get(name) for row in rows] for name in names})
    with pyarrow.parquet.ParquetFile(seekable(source)) as given:
        if given.metadata.num_rows != len(rows):
            raise DataError(f"{source} has changed while it was read; try again")
        schema = given.schema_arrow
        for field in added.schema:
            schema = schema.append(field)
        with pyarrow.parquet.ParquetWriter(file.buffer, schema) as writer:  # type: ignore[attr-defined]
            begun = 0
            for group in range(given.num_row_groups):
                own = given.read_row_group(group)
                beside = added.slice(begun, own.num_rows)
                begun += own.num_rows
                writer.write_table(pyarrow.Table.from_arrays([*own.columns, *beside.columns], schema=schema))
