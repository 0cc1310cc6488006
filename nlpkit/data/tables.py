"""Tables as streams of rows: a reader for each format. Columns are chosen elsewhere."""

import csv
import io
import json
import re
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from nlpkit.data.compression import STDIN, bare_name, inner_suffix, open_bytes
from nlpkit.data.encoding import read_lines, refuse_unread
from nlpkit.data.notes import tell_once
from nlpkit.data.values import shown
from nlpkit.errors import DataError, UsageError, reason

Row = dict[str, Any]

_DELIMITED = (".csv", ".tsv", ".tab", ".psv")
TABLES = (*_DELIMITED, ".jsonl", ".ndjson", ".jsonlines", ".jl", ".json", ".parquet", ".xlsx")

_FASTTEXT = "__label__"
_AHEAD = 100  # lines in which the end of a quoted cell is looked for, while each of them is a row itself
_FASTTEXT_LABEL = re.compile(_FASTTEXT + r"([^ \t\v\f]*)[ \t\v\f]*")
_LATER_LABEL = re.compile(r"[ \t\v\f]+" + _FASTTEXT + r"([^ \t\v\f]*)")
_SHEET_ERRORS = {"#N/A", "#NAME?", "#VALUE!", "#REF!", "#DIV/0!", "#NUM!", "#NULL!"}
_SHEET_ESCAPE = re.compile(r"_x((?![Dd][89A-Fa-f])[0-9A-Fa-f]{4})_")  # no half of a character
_KEPT = 10_000  # values of columns that are known again
_AS_WRITTEN = re.compile(r"""("([^"]|"")*"|[^"\t\n]*)(\t("([^"]|"")*"|[^"\t\n]*))*[\r\n]*""")  # by Excel and others
_DELIMITERS = {",": "commas", ";": "semicolons", "|": "bars", "\t": "tabs"}


@dataclass(frozen=True)
class Reading:
    """How a file is read, where it does not tell itself: its encoding, what is between two columns, and whether its
    first row names them; without such a header they are called by their numbers, from 1."""

    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True


class Table(NamedTuple):
    """The names of the columns as the file has them, and its rows, each with the line that it ends on (its number,
    where a format has no lines). In a row, the second of two columns of one name is called `name_2`."""

    names: list[str]
    rows: Iterator[tuple[int, Row]]


def open_table(path: Path, reading: Reading = Reading()) -> Table:
    """A table, of which one row is held at a time (all of a .json file). Its beginning is read at once.

    Raises DataError that names the file and the line; UsageError for a delimiter or an encoding that cannot be.
    """
    return _READERS[_format(path, reading)](path, reading)


def column_names(path: Path, reading: Reading = Reading()) -> list[str]:
    """The names of a table's columns. Raises DataError when it has no row, or one that cannot be read."""
    names, rows = open_table(path, reading)
    if next(rows, None) is None:
        raise DataError(f"{path} has no rows")
    return names


def is_table(path: Path, reading: Reading = Reading()) -> bool:
    """Whether a file holds rows with columns: by its name, as fastText's lines, which begin with `__label__`, or, of
    any other name, since a delimiter is given.

    Raises DataError for a file that cannot be read, or of a kind that is known and not read.
    """
    return _format(path, reading) != ""


def has_header(path: Path, reading: Reading) -> bool:
    """Whether the first row of a table names its columns, which then may have been data."""
    return reading.header and _format(path, reading) in (*_DELIMITED, ".xlsx")


def check_reading(path: Path, reading: Reading) -> None:
    """Raises UsageError for a way of reading that a file's kind has no use for, so that none goes unheeded."""
    if path == STDIN or path.is_file():
        kind = ".tmx" if inner_suffix(path) == ".tmx" else _format(path, reading)
        given = {
            "--encoding": reading.encoding is not None and kind in (".parquet", ".xlsx", ".tmx"),
            "--delimiter": reading.delimiter is not None and kind not in _DELIMITED,
            "--no-header": not reading.header and kind not in (*_DELIMITED, ".xlsx"),
        }
        for option, idle in given.items():
            if idle:
                what = {"": "it holds lines without columns", "fasttext": "it holds lines with __label__"}
                raise UsageError(f"{path}: {option} says nothing here, since {what.get(kind, f'it is {kind}')}")


def _format(path: Path, reading: Reading) -> str:
    """The suffix that stands for a table's format, `fasttext`, or nothing for a file of another kind."""
    refuse_unread(path)
    suffix = inner_suffix(path)
    if suffix in TABLES:
        return suffix
    if suffix == ".tmx":
        raise DataError(f"{path} holds sentences with their translations, which only a translator is trained on")
    if reading.delimiter is not None:
        return ".csv"
    if path != STDIN and not path.is_file():  # a pipe, which gives what it has but once
        return ""
    with open_bytes(path) as file:
        beginning = file.peek(32).removeprefix(b"\xef\xbb\xbf").lstrip()
    return "fasttext" if beginning.startswith(_FASTTEXT.encode()) else ""


def table_stem(path: Path) -> str:
    """A file's name without the suffixes of its format and its compression: `train` of train.csv.gz."""
    name = bare_name(path)
    return Path(name).stem if Path(name).suffix.lower() in TABLES else name


# -- text with delimiters


def _open_delimited(path: Path, reading: Reading, usual: str = ",") -> Table:
    lines = read_lines(path, reading.encoding, keep_ends=True)
    first = next(lines, (0, ""))
    said = re.fullmatch(r'"?sep=(.)"?\s*', first[1], re.IGNORECASE)  # Excel's way to tell
    if said:
        first = next(lines, (0, ""))
    if not first[1].strip():
        raise DataError(f"{path} is empty, or its first line is; that line should name the columns")
    lines = chain([first], lines)
    delimiter = _checked_delimiter(reading.delimiter) or (said and said[1])
    if not delimiter and reading.header:
        delimiter = _found_delimiter(path, first[1], usual)
    elif not delimiter:
        ahead = list(islice(lines, _AHEAD))
        delimiter = _steady_delimiter(path, [line for _, line in ahead], usual)
        lines = chain(ahead, lines)
    records = _tab_records if delimiter == "\t" else _csv_records
    rows = records(path, lines, delimiter, reading.encoding)
    number, cells = next(rows)
    if reading.header:
        names = [cell.strip() for cell in cells]
        return _table(names, _without_header(path, names, rows))
    return _table(_numbers(len(cells)), chain([(number, cells)], rows))


def _without_header(
    path: Path, names: list[str], rows: Iterator[tuple[int, list[Any]]]
) -> Iterator[tuple[int, list[Any]]]:
    """The rows, none of which may be the header again, as where files were put one behind the other."""
    for number, cells in rows:
        if _as_text(cells[-1]) == names[-1] and len(names) > 1 and [*map(_as_text, cells)] == names:
            raise DataError(
                f"{path} line {number}: the header stands here again, as where files were put one behind the other; "
                "take this line out"
            )
        yield number, cells


def _csv_records(
    path: Path, lines: Iterator[tuple[int, str]], delimiter: str, encoding: str | None
) -> Iterator[tuple[int, list[str]]]:
    """Rows as RFC 4180 has them: a quotation mark at the beginning of a cell encloses it."""
    csv.field_size_limit(2**31 - 1)  # the most that every platform takes
    number, first = next(lines)
    before = number - 1  # lines that are not of the table
    # a header that has a space after each delimiter says that all lines do
    spaced = delimiter in first and all(cell.startswith(" ") for cell in first.split(delimiter)[1:])
    reader = csv.reader(
        chain([first], (line for _, line in lines)), delimiter=delimiter, strict=True, skipinitialspace=spaced
    )
    ended, width = 0, 0
    known: set[tuple[int, str]] = set()  # what columns hold, as far as it was kept
    within: dict[int, list[tuple[int, str]]] = {}  # of rows over several lines, what lines of theirs would hold
    try:
        for cells in reader:
            if not cells:
                ended = reader.line_num
                continue
            width = width or len(cells)
            number = before + reader.line_num
            if len(cells) != width:
                begun = before + ended + 1
                if number > begun and path.is_file():  # where a quotation mark opens, and not where the next one is
                    taken = (line for at, line in read_lines(path, encoding) if begun <= at <= number)
                    begun += _opening(taken, delimiter) - 1
                closed = f"; the quotation mark that opens here closes on line {number}" if number > begun else ""
                raise DataError(_wrong_width(path, begun, len(cells), width) + closed)
            values = _rows_within(cells, delimiter) if reader.line_num - ended > 1 and len(within) < _KEPT else []
            if values:
                within[number] = values
            if values or len(known) < _KEPT:
                known.update(enumerate(cells))
            ended = reader.line_num
            yield number, cells
    except csv.Error as error:
        taken = (line for number, line in read_lines(path, encoding) if number > before + ended)
        opened = before + ended + (_opening(taken, delimiter) if path.is_file() else 1)
        raise DataError(
            f"{path} line {opened}: {error}; is a quotation mark left open? One that is meant as such is doubled, "
            'in a cell that is in "quotes"'
        ) from None
    if doubtful := [number for number, values in within.items() if not known.isdisjoint(values)]:
        tell_once(
            f'{path}: {len(doubtful):,} cells in "quotes" hold lines that look like rows of their own, the first ends '
            f"on line {doubtful[0]}; if so, a quotation mark was left open before it"
        )


def _rows_within(cells: list[str], delimiter: str) -> list[tuple[int, str]]:
    """Where each line of a row, its quotes taken literally, is a row: what these have in which columns that this has
    not. That it is known from there, or this row's own, as labels are, says that a quotation mark swallowed them."""
    for place, cell in enumerate(cells):
        if "\n" not in cell:
            continue
        lines = [line.rstrip("\r").split(delimiter) for line in cell.split("\n")]
        lines[0], lines[-1] = [*cells[:place], *lines[0]], [*lines[-1], *cells[place + 1 :]]
        if all(len(line) == len(cells) for line in lines):
            new = [(column, value) for line in lines[:-1] for column, value in enumerate(line[place + 1 :], place + 1)]
            new += [(column, value) for line in lines[1:] for column, value in enumerate(line[:place])]
            return [(column, value) for column, value in new if value]
    return []


def _opening(lines: Iterator[str], delimiter: str) -> int:
    """Of a row's lines, the one (from 1) where its last quoted cell begins, or where the first was closed amiss."""
    opened, inside, closed = 1, False, -1
    for number, line in enumerate(lines, 1):
        for match in re.finditer('"', line):
            before = line[: match.start()].rstrip(" ")[-1:]
            if inside:
                inside, closed = False, match.end()
            elif match.start() == closed:
                inside = True  # a doubled one
            elif closed < 0 or before in ("", delimiter):
                opened, inside = number, True
            else:
                return opened
        if not inside:
            break
        closed = -1
    return opened


def _tab_records(
    path: Path, lines: Iterator[tuple[int, str]], delimiter: str, encoding: str | None
) -> Iterator[tuple[int, list[str]]]:
    """Rows in which a quotation mark is literal unless two enclose a whole cell, as Excel and pandas write one with a
    tab, a quotation mark or a line break in it.

    Lines that are whole rows as they stand, and in quotes one row together, are rows where the file has marks that
    such programs do not write, or where a value recurs in them, as labels do, which is told. Raises DataError where
    nothing tells, so that no row is lost or made of another's text.
    """
    width = 0
    joined: list[int] = []
    apart: list[int] = []
    literal = False  # whether some mark was
    known: set[tuple[int, str]] = set()  # what columns hold, as far as it was kept
    ahead: deque[tuple[int, str]] = deque()
    while True:
        number, line = ahead.popleft() if ahead else next(lines, (0, ""))
        if not number:
            break
        begun = number, line
        line = line.rstrip("\r\n")
        if not line:
            continue
        cells = line.split("\t")
        width = width or len(cells)
        if line[0] == '"' or '\t"' in line:  # else all quotation marks are literal
            unquoted = [_unquoted(cell) for cell in cells]
            if len(cells) != width or None in unquoted:
                last, whole, doubtful = _enclosed(begun, width, lines, ahead)
                if whole is not None and doubtful and not literal:
                    if {*enumerate(whole), *known}.isdisjoint(_rows_within(whole, "\t")):
                        raise DataError(
                            f"{path} line {number}: the quotation mark that opens here is closed on line {last}, and "
                            "each line between is a row as it stands, so whether they are one row or several is not "
                            "clear; save the table as .csv or .jsonl, or take the quotation marks out"
                        )
                    apart.append(number)
                elif whole is not None and not doubtful:
                    for _ in range(last - number):
                        ahead.popleft()
                    if width == 1 and last > number:
                        joined.append(number)
                    yield last, whole
                    continue
            if len(cells) != width and None in unquoted:
                raise DataError(_wrong_width(path, number, len(cells), width) + "; is a quotation mark left open?")
            literal = literal or any(
                inner is None or ('"' in cell and inner is cell) for cell, inner in zip(cells, unquoted, strict=True)
            )
            cells = [cell if inner is None else inner for cell, inner in zip(cells, unquoted, strict=True)]
        elif '"' in line:
            literal = True
        if len(cells) != width:
            raise DataError(_wrong_width(path, number, len(cells), width))
        if len(known) < _KEPT:
            known.update(enumerate(cells))
        yield number, cells
    if apart:
        tell_once(
            f"{path}: the quotation mark that opens on line {apart[0]} is closed on a later one, and each line between "
            "is a row, so all are read as rows, with their marks; if it encloses one cell, save the table as .csv"
        )
    if joined:
        tell_once(f'{path}: {len(joined):,} cells in "quotes" go over several lines, the first from line {joined[0]}')


def _enclosed(
    begun: tuple[int, str], width: int, lines: Iterator[tuple[int, str]], ahead: deque[tuple[int, str]]
) -> tuple[int, list[str] | None, bool]:
    """A row in which quotes enclose tabs or line breaks, or None where they do not, the line that it ends on, and
    whether each of its lines is a row as it stands. Lines looked at are left in `ahead`."""
    number, text = begun
    cells = text.count("\t") + 1
    if cells != width and (row := _quoted_cells(text, width)):
        return number, row, False
    rows_themselves = cells == width
    seen = 0
    while seen < _AHEAD or not rows_themselves:
        if seen == len(ahead):
            following = next(lines, None)
            if following is None:
                break
            ahead.append(following)
        last, line = ahead[seen]
        seen += 1
        text += line
        rows_themselves = rows_themselves and (line.count("\t") + 1 == width or not line.strip("\r\n"))
        if '"' in line and (row := _quoted_cells(text, width)):
            doubtful = rows_themselves and width > 1  # of one column, any line is a row itself
            return last, row if not doubtful or _AS_WRITTEN.fullmatch(text) else None, doubtful
    return number, None, False


def _quoted_cells(text: str, width: int) -> list[str] | None:
    """The cells of a row whose quotes enclose whole cells; None where they do not, or are not closed."""
    try:
        (cells,) = csv.reader([text.rstrip("\r\n")], delimiter="\t", strict=True)
    except (csv.Error, ValueError):
        return None
    return cells if len(cells) == width else None


def _unquoted(cell: str) -> str | None:
    """What quotes that enclose a whole cell hold, a cell that begins with none as it is; None for one that begins with
    a quotation mark which does not enclose it."""
    if cell[:1] != '"':
        return cell
    inner = cell[1:-1]
    if len(cell) < 2 or cell[-1] != '"' or ('"' in inner and '"' in inner.replace('""', "")):
        return None
    return inner.replace('""', '"')


def _found_delimiter(path: Path, header: str, usual: str) -> str:
    """The delimiter that a header has: the usual one of the file's kind, else that which it has most of."""
    outside = re.sub(r'"[^"]*"', "", header)
    counts = {delimiter: outside.count(delimiter) for delimiter in _DELIMITERS}
    likely = max(counts, key=lambda delimiter: counts[delimiter])
    if counts[usual] or not counts[likely]:
        return usual
    tell_once(f"{path}: read with {_DELIMITERS[likely]} between its columns")
    return likely


def _steady_delimiter(path: Path, lines: list[str], usual: str) -> str:
    """The delimiter of a table's first lines, without a header: one that gives each row as many cells; of several the
    usual one of the file's kind, which is told, and else that which gives most. Prose has commas, but not as many in
    every line."""
    widths = {delimiter: _steady_width(lines, delimiter) for delimiter in _DELIMITERS}
    steady = [delimiter for delimiter, width in widths.items() if width > 1]
    if not steady:
        return _found_delimiter(path, lines[0], usual)
    found = usual if usual in steady else max(steady, key=lambda delimiter: widths[delimiter])
    if found != usual or len(steady) > 1:
        tell_once(f"{path}: read with {_DELIMITERS[found]} between its columns; if that is wrong, say --delimiter")
    return found


def _steady_width(lines: list[str], delimiter: str) -> int:
    """How many cells each row has, 0 where they differ."""
    csv.field_size_limit(2**31 - 1)
    try:
        if delimiter == "\t":
            rows = [line.split("\t") for line in lines if line.strip()]
        else:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
    except csv.Error:
        return 0
    if len(lines) == _AHEAD and len(rows) > 1:
        rows.pop()  # it may go on
    widths = {len(row) for row in rows}
    return widths.pop() if len(widths) == 1 else 0


def _checked_delimiter(given: str | None) -> str | None:
    delimiter = {"tab": "\t", "\\t": "\t"}.get(given or "", given)
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise UsageError(f"--delimiter is one character, or tab, not {given!r}")
    return delimiter


def _wrong_width(path: Path, number: int, found: int, width: int) -> str:
    values, columns = "value" if found == 1 else "values", "column" if width == 1 else "columns"
    return (
        f"{path} line {number}: {found} {values} for {width} {columns}; "
        'put texts with a delimiter or a line break in them in "quotes", or name what is between columns with '
        "--delimiter"
    )


# -- other formats


def _open_jsonl(path: Path, reading: Reading) -> Table:
    return _table_of_objects(_read_jsonl(path, reading))


def _read_jsonl(path: Path, reading: Reading) -> Iterator[tuple[int, Row]]:
    for number, line in read_lines(path, reading.encoding):
        if not line.strip():
            continue
        row = _parsed(path, f" line {number}", line, "each line should be an object")
        if not isinstance(row, dict):
            raise DataError(f'{path} line {number}: not a JSON object; each line should be like {{"text": "…"}}')
        yield number, row


def _open_json(path: Path, reading: Reading) -> Table:
    """An array of objects or of texts, or lines of objects in spite of the name."""
    lines = (line for _, line in read_lines(path, reading.encoding))
    first = next((line for line in lines if line.strip()), "")
    if first.lstrip().startswith("{"):
        try:
            json.loads(first)
        except (ValueError, RecursionError):
            pass  # an object of many lines, or none
        else:
            return _open_jsonl(path, reading)
    content = "\n".join(line for _, line in read_lines(path, reading.encoding))
    rows = _parsed(path, "", content, "it should be an array of objects") if content.strip() else []
    if not isinstance(rows, list):
        raise DataError(f'{path}: its JSON is no array of rows; it should be like [{{"text": "…"}}, …]')
    return _table_of_objects(_json_rows(path, rows))


def _json_rows(path: Path, rows: list[Any]) -> Iterator[tuple[int, Row]]:
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict | str):
            raise DataError(f"{path}: element {number} is neither an object nor a text")
        yield number, {"text": row} if isinstance(row, str) else row


def _parsed(path: Path, place: str, text: str, wanted: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_once_each)
        if "\\ud" in text.lower():  # half of a character's escape parses, but is no text
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}{place}: not JSON ({error}); {wanted}") from None
    return value


def _once_each(pairs: list[tuple[str, Any]]) -> Row:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"{twice!r} stands in an object twice")
    return found


def _open_fasttext(path: Path, reading: Reading) -> Table:
    return _table_of_objects(_read_fasttext(path, reading))


def _read_fasttext(path: Path, reading: Reading) -> Iterator[tuple[int, Row]]:
    """Rows of fastText's lines, `__label__x a text`; of several labels, which may stand anywhere, their list."""
    for number, line in read_lines(path, reading.encoding):
        if not line.strip():
            continue
        labels, text = [], line.strip()
        while found := _FASTTEXT_LABEL.match(text):
            labels.append(found[1])
            text = text[found.end() :]
        if _FASTTEXT in text:
            labels += [found[1] for found in _LATER_LABEL.finditer(text)]
            text = _LATER_LABEL.sub("", text)
        yield number, {"label": labels[0] if len(labels) == 1 else labels or None, "text": text}


def _open_parquet(path: Path, reading: Reading) -> Table:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise DataError(f'{path}: Parquet needs pyarrow; pip install "nlpkit-lstm[parquet]" brings it') from None

    def rows(file: Any) -> Iterator[tuple[int, Row]]:
        number = 0
        try:
            with file:
                for batch in file.iter_batches(batch_size=1_000):
                    for row in batch.to_pylist():
                        number += 1
                        yield number, row
        except UnicodeDecodeError as error:
            raise DataError(f"{path}: after row {number:,} the text {shown(error.object)} is not UTF-8") from None
        except (OverflowError, ValueError) as error:  # a time that Python has none for
            raise DataError(f"{path}: after row {number:,} a value cannot be read: {error}") from None
        except (pyarrow.ArrowException, OSError) as error:
            raise unreadable(error) from None

    def unreadable(error: Exception) -> DataError:
        return DataError(f"{path} is not readable as Parquet: {' '.join(str(error).split())}")

    try:
        file = pyarrow.parquet.ParquetFile(seekable(path))
        return Table(list(file.schema_arrow.names), rows(file))
    except (pyarrow.ArrowException, OSError) as error:
        raise unreadable(error) from None


def _open_xlsx(path: Path, reading: Reading) -> Table:
    """The first sheet; a row without a value in it is none."""
    try:
        import openpyxl
    except ImportError:
        raise DataError(f'{path}: Excel needs openpyxl; pip install "nlpkit-lstm[excel]" brings it') from None
    try:
        with open_bytes(path) as file:  # all of it, so that no file stays open when not all rows are taken
            content = io.BytesIO(file.read())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of formatting that is not read
            book = openpyxl.load_workbook(content, read_only=True, data_only=True)
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from None
    except Exception as error:  # a damaged file fails in the manner of each of its parts
        raise DataError(f"{path} is not readable as .xlsx: {' '.join(str(error).split())}") from None
    if not book.worksheets:
        raise DataError(f"{path} has no sheet that is read, as in Strict Open XML; save it as usual .xlsx, or .csv")
    sheet, *others = book.worksheets
    if others:
        tell_once(f"{path}: read its first sheet, {sheet.title!r}, of {1 + len(others)}")
    rows = _sheet_rows(path, book, sheet)
    first = next(rows, None)
    if first is None:
        raise DataError(f"{path} is empty; its first row should name the columns")
    if not reading.header:
        return _table(_numbers(len(first[1])), _padded(path, chain([first], rows), len(first[1])))
    names = ["" if name is None else str(name).strip() for name in first[1]]
    return _table(names, _without_header(path, names, _padded(path, rows, len(names))))


def _sheet_rows(path: Path, book: Any, sheet: Any) -> Iterator[tuple[int, list[Any]]]:
    sheet.reset_dimensions()  # some programs write wrong ones
    broken = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for number, cells in enumerate(sheet.iter_rows(values_only=True), 1):
                broken += sum(cell in _SHEET_ERRORS for cell in cells if type(cell) is str)
                cells = [_sheet_value(cell) if type(cell) is str else cell for cell in cells]
                while cells and cells[-1] is None:
                    cells = cells[:-1]
                if cells:
                    yield number, list(cells)
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path} is not readable as .xlsx: {' '.join(str(error).split())}") from None
    finally:
        book.close()
    if broken:
        tell_once(f"{path}: cells with an error of Excel's, such as #N/A, are read as empty: {broken:,}")


def _sheet_value(cell: str) -> str | None:
    """A sheet's text, with what the format has to write in hexadecimal as it is; None for an error."""
    if cell in _SHEET_ERRORS:
        return None
    return _SHEET_ESCAPE.sub(lambda found: chr(int(found[1], 16)), cell) if "_x" in cell else cell


def _as_text(cell: Any) -> str:
    return "" if cell is None else str(cell).strip().lstrip("\ufeff")


def _padded(path: Path, rows: Iterator[tuple[int, list[Any]]], width: int) -> Iterator[tuple[int, list[Any]]]:
    for number, cells in rows:
        if len(cells) > width:
            raise DataError(f"{path} line {number}: {len(cells)} values for {width} columns; name them all in row 1")
        yield number, cells + [None] * (width - len(cells))


def seekable(path: Path) -> Any:
    """A file that can be read from its end: itself, or, of a compressed one, all its bytes."""
    if bare_name(path) == path.name:
        return path
    with open_bytes(path) as file:
        return io.BytesIO(file.read())


# -- what they share


def row_keys(names: Sequence[str]) -> list[str]:
    """What a row's cells go by: its columns' names, the second of a name as `name_2`, or the next that is free."""
    taken, counts = set(names), Counter[str]()
    keys = []
    for name in names:
        key = name
        counts[name] += 1
        if counts[name] > 1:
            while (key := f"{name}_{counts[name]}") in taken:
                counts[name] += 1
            taken.add(key)
        keys.append(key)
    return keys


def _table(names: list[str], rows: Iterator[tuple[int, Sequence[Any]]]) -> Table:
    keys = row_keys(names)
    return Table(names, ((number, dict(zip(keys, cells, strict=True))) for number, cells in rows))


def _table_of_objects(rows: Iterator[tuple[int, Row]]) -> Table:
    first = next(rows, None)
    return Table([], rows) if first is None else Table(list(first[1]), chain([first], rows))


def _numbers(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


_READERS: dict[str, Callable[[Path, Reading], Table]] = {
    ".csv": _open_delimited,
    ".tsv": partial(_open_delimited, usual="\t"),
    ".tab": partial(_open_delimited, usual="\t"),
    ".psv": partial(_open_delimited, usual="|"),
    ".jsonl": _open_jsonl,
    ".ndjson": _open_jsonl,
    ".jsonlines": _open_jsonl,
    ".jl": _open_jsonl,
    ".json": _open_json,
    ".parquet": _open_parquet,
    ".xlsx": _open_xlsx,
    "fasttext": _open_fasttext,
}
