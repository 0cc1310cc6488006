"""Text out of bytes: which encoding a file is in, its lines, and what to say where they are no text."""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from nlpkit.data.compression import STDIN, inner_suffix, open_bytes
from nlpkit.errors import DataError, UsageError, did_you_mean

_HEAD = 1 << 16  # bytes by which an encoding is guessed
_MARKS = (  # UTF-32's begins as UTF-16's does, so it comes first
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_USUAL = ("cp1252", "mac_roman", "cp850")  # what most people's files are in that are not UTF-8
_IN_WORDS = "\u2019\u2018\xb4\xb7\xad\u2013\u2014\u2026\xa0"  # signs that may stand between two letters
_AS_TEXT = "save what is in it as text, or as a table"
_UNREAD = {
    **dict.fromkeys((".xls", ".xlsb", ".ods", ".numbers"), "save the sheet as .xlsx or .csv"),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".odt", ".rtf", ".epub"), _AS_TEXT),
    **dict.fromkeys((".db", ".sqlite", ".sqlite3", ".mdb", ".sas7bdat", ".sav", ".dta", ".rds"), "export it as .csv"),
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".npy", ".npz", ".mat"), "save it as .csv, .jsonl or .parquet"),
    **dict.fromkeys((".h5", ".hdf5", ".arrow", ".feather", ".orc", ".avro"), "save it as .csv, .jsonl or .parquet"),
    **dict.fromkeys((".tar", ".tgz", ".tbz2", ".txz", ".7z", ".rar"), "unpack it"),
    **dict.fromkeys((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic"), _AS_TEXT),
    **dict.fromkeys((".mp3", ".wav", ".flac", ".ogg", ".mp4", ".avi", ".mov", ".mkv"), _AS_TEXT),
    **dict.fromkeys((".html", ".htm", ".xml", ".yaml", ".yml", ".toml"), _AS_TEXT),
    **dict.fromkeys((".onnx", ".keras", ".pt", ".safetensors", ".exe", ".dll", ".so"), "it holds no text"),
}
_BEGINNINGS = {
    b"%PDF-": "PDF",
    b"PK\x03\x04": ".zip, .docx or .xlsx",
    b"PAR1": ".parquet",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\0": ".xz",
    b"(\xb5/\xfd": ".zst",
    b"SQLite format 3\0": "SQLite",
    b"\xd0\xcf\x11\xe0": ".xls or .doc",
    b"{\\rtf": "RTF",
    b"\x89PNG": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"\x89HDF": "HDF5",
    b"\x93NUMPY": "NumPy",
    b"ARROW1": "Arrow",
}


def read_lines(path: Path, encoding: str | None = None, *, keep_ends: bool = False) -> Iterator[tuple[int, str]]:
    """Each line with its number from 1, without its line break unless asked for; those of standard input for `-`.

    A byte-order mark is believed; without one the text is in `encoding`, or UTF-8. One line is held at a time.
    Raises DataError that names the line, for what is not text; UsageError for an encoding that there is not.
    """
    number, codec = 0, ""
    try:
        with open_bytes(path) as file:
            codec = _begin(path, file, encoding)
            line_break = "\r" if path.is_file() and _ends_in_returns(path, codec) else "\n"
            if line_break == "\n" and _one_byte_line_breaks(codec):
                for number, raw in enumerate(file, 1):
                    line = _decoded(path, number, raw, codec)
                    yield number, line if keep_ends else line.rstrip("\r\n")
            else:
                decoded = io.TextIOWrapper(file, codec, newline=line_break)
                try:
                    for number, line in enumerate(decoded, 1):
                        if "\0" in line:
                            raw = line.encode(codec) if _one_byte_line_breaks(codec) else b""
                            raise DataError(_zeros(path, number, raw))
                        yield number, line if keep_ends else line.rstrip("\r\n")
                finally:
                    decoded.detach()  # who opened the file closes it
    except UnicodeError:  # of those that are decoded in stretches of many lines
        raise DataError(
            f"{_named(path)} after line {number}: what follows is not {_shown(codec)} text; {_way_out(path, b'')}"
        ) from None


def piped_line(raw: bytes, number: int) -> str:
    """A line of standard input, of the number from 1, without its line break, as `read_lines` has it of a file in
    UTF-8. Raises DataError for what is not text, and for UTF-16 and UTF-32, whose lines are divided otherwise."""
    if number == 1:
        codec, mark = _codec(STDIN, raw)
        if mark and not _one_byte_line_breaks(codec):
            wide = codec.removesuffix("-le").removesuffix("-be")
            raise DataError(f"standard input is in {wide}, as its byte-order mark says; say --encoding {wide}")
        raw = raw[mark:]
    return _decoded(STDIN, number, raw, "utf-8").rstrip("\r\n")


def _decoded(path: Path, number: int, raw: bytes, codec: str) -> str:
    try:
        line = raw.decode(codec)
    except UnicodeError as error:
        raise DataError(
            f"{_named(path)} line {number}: byte {_start(error) + 1} of the line is not {_shown(codec)} text; "
            f"{_way_out(path, raw)}"
        ) from None
    if "\0" in line:
        raise DataError(_zeros(path, number, raw))
    return line


def read_text(path: Path, encoding: str | None = None) -> str:
    """A whole file, with line breaks as `\\n`. Otherwise as `read_lines`."""
    with open_bytes(path) as file:
        codec = _begin(path, file, encoding)
        content = file.read()
    try:
        text = content.decode(codec)
    except UnicodeError as error:
        start = content.rfind(b"\n", 0, _start(error)) + 1
        line = content[start : content.find(b"\n", start) % (len(content) + 1)]
        raise DataError(
            f"{_named(path)}: byte {_start(error) + 1} is not {_shown(codec)} text; {_way_out(path, line)}"
        ) from None
    if "\0" in text:
        raise DataError(_zeros(path, content[: content.index(0)].count(b"\n") + 1, content[:_HEAD]))
    text = text.replace("\r\n", "\n")
    return text.replace("\r", "\n") if "\n" not in text and text.count("\r") > 1 else text


def refuse_unread(path: Path) -> None:
    """Raises DataError for a file whose name says that it is of a kind that is not read."""
    if path == STDIN:
        return
    suffix = inner_suffix(path)
    if suffix in _UNREAD:
        raise DataError(f"{path}: {suffix} files are not read; {_UNREAD[suffix]}")


def _begin(path: Path, file: io.BufferedReader, encoding: str | None) -> str:
    """The codec for what is left of a file, after its byte-order mark."""
    codec, mark = _codec(path, file.peek(_HEAD), encoding)
    file.read(mark)
    return codec


def _codec(path: Path, head: bytes, encoding: str | None = None) -> tuple[str, int]:
    """The codec of what begins so, and how many bytes its byte-order mark has."""
    for beginning, kind in _BEGINNINGS.items():
        if head.startswith(beginning):
            advice = "name the file, or unpack it before" if path == STDIN else "give it the suffix of its kind"
            raise DataError(f"{_named(path)} is not text: it begins as {kind} files do; {advice}")
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return codec, len(mark)
    return checked_encoding(encoding) or "utf-8", 0


def checked_encoding(name: str | None) -> str | None:
    """The codec's own name of an encoding, that of UTF-16 and UTF-32 without a mark, which are little-endian then, as
    Windows writes them. Raises UsageError when there is none."""
    if name is None:
        return None
    try:
        codec = codecs.lookup(name).name
        if not _is_of_text(codec):
            raise LookupError
        return f"{codec}-le" if codec in ("utf-16", "utf-32") else codec
    except (LookupError, ValueError):
        from encodings.aliases import aliases

        known = sorted(one for one in {*aliases, *aliases.values()} if _is_of_text(one))
        hint = did_you_mean(name.lower().replace("-", "_"), known)
        raise UsageError(f"there is no encoding {name!r}{hint or '; cp1252, latin-1 and utf-16 are some'}") from None


def _is_of_text(codec: str) -> bool:
    """Whether a codec is of text, and can be had: some are of bytes, and some of Windows alone."""
    try:
        return len("\n".encode(codec)) > 0
    except (LookupError, ValueError):
        return False


def _one_byte_line_breaks(codec: str) -> bool:
    return "\n".encode(codec) == b"\n"


def _ends_in_returns(path: Path, codec: str) -> bool:
    """Whether lines end in carriage returns alone, as Excel's "CSV (Macintosh)" has them: there are several and, to the
    end of the file, no line feed. Reads as far as the first of these."""
    returns = 0
    with open_bytes(path) as file:
        decoded = io.TextIOWrapper(file, codec, errors="replace", newline="")
        try:
            while part := decoded.read(_HEAD):
                if "\n" in part:
                    return False
                returns += part.count("\r")
        finally:
            decoded.detach()
    return returns > 1


def _way_out(path: Path, line: bytes) -> str:
    """What to do about bytes that are not text in an encoding: another, where one is likely, and how it would read."""
    from charset_normalizer import from_bytes

    head = b""
    if path.is_file():  # no pipe, which gives what it has but once
        with open_bytes(path) as file:
            head = file.read(_HEAD)
    line = line or head
    name = next((name for name in _USUAL if _reads_well(line + b"\n" + head, name)), None)
    if name is None:
        found = [match.encoding for match in from_bytes(line + b"\n" + head)]
        name = next((one for one in found if one not in ("utf_8", "ascii")), None)
    if name is None:
        return "save it as UTF-8, or say what it is in with --encoding"
    before, text = (part.decode(name, "replace") for part in (line[: _disputed(line)], line))
    shown = " ".join(text[max(0, len(before) - 20) : len(before) + 30].split())
    return f"in {name} it reads {shown!r}: if that is right, say --encoding {name}, else save it as UTF-8"


def _disputed(line: bytes) -> int:
    """Where a line is no UTF-8."""
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _reads_well(content: bytes, name: str) -> bool:
    """Whether bytes are in an encoding of Latin letters, by where it has those that are not ASCII: their words have
    plain letters, too, they are no capitals after small letters, and few signs stand within a word."""
    try:
        text = content.decode(name)
    except UnicodeDecodeError as error:
        if error.start < len(content) - 4:  # else the head was cut there
            return False
        text = content[: error.start].decode(name)
    words = "".join(word for word in re.findall(r"[^\W\d_]{2,}", text) if not word.isascii())
    odd = beyond = 0
    for before, one, after in zip(f" {text}", text, f"{text[1:]} ", strict=False):
        if one.isascii():
            continue
        beyond += 1
        if one.isalpha():
            odd += one.isupper() and before.islower()
        else:
            kind = unicodedata.category(one)
            within, beside = before.isalpha() and after.isalpha(), before.isalpha() or after.isalpha()
            odd += kind == "Cc" or (kind == "No" and beside) or (within and one not in _IN_WORDS)
    plain = sum(map(str.isascii, words))
    return plain * 4 >= len(words) and odd * 10 <= beyond


def _zeros(path: Path, number: int, raw: bytes) -> str:
    wide = raw.count(0) * 3 > len(raw)  # as many of a text in Latin letters are
    hint = "utf-16-be" if raw[:1] == b"\0" else "utf-16-le"
    advice = f"if it is UTF-16, say --encoding {hint}" if wide else "take them out, or name another file"
    return f"{_named(path)} line {number}: it holds zero bytes, as no text does; {advice}"


def _named(path: Path) -> str:
    return "standard input" if path == STDIN else str(path)


def _start(error: UnicodeError) -> int:
    return error.start if isinstance(error, UnicodeDecodeError) else 0  # some codecs do not say


def _shown(codec: str) -> str:
    return "UTF-8" if codec == "utf-8" else codec
