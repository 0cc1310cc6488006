"""Files as bytes, through whatever they are compressed with."""

import bz2
import gzip
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, cast

from nlpkit.errors import DataError, reason

STDIN = Path("-")

PACKED = (".gz", ".bz2", ".xz", ".zst")
"""What is written, too; an archive is read only."""

_COMPRESSED = (*PACKED, ".zip")
_BUFFER = 1 << 16


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """A file's bytes, decompressed where its suffix says .gz, .bz2, .xz, .zst or .zip (of one file); those of
    standard input for `-`. Raises DataError when it cannot be opened, and, inside the block, read."""
    if path == STDIN:
        if sys.stdin is None:
            raise DataError("standard input is closed")
        yield sys.stdin.buffer  # type: ignore[misc]
        return
    try:
        with ExitStack() as closing:
            yield _open(path, closing)
    except (EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError, zipfile.BadZipFile, RuntimeError) as error:
        raise DataError(f"{path} is damaged, or no {path.suffix} file: {error}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {reason(error)}") from None


@contextmanager
def packing(path: Path, file: BinaryIO) -> Iterator[BinaryIO]:
    """What is written to a file, compressed where the suffix of its path is one of `PACKED`; the same bytes whenever,
    and whatever it is called, that is. Raises NlpkitError where what compresses it is missing."""
    suffix = path.suffix.lower()
    if suffix not in PACKED:
        yield file
        return
    openers: dict[str, Callable[[], Any]] = {
        ".gz": partial(gzip.GzipFile, "", "wb", fileobj=file, mtime=0),
        ".bz2": partial(bz2.BZ2File, file, "wb"),
        ".xz": partial(lzma.LZMAFile, file, "wb"),
        ".zst": partial(_open_zstd, path, file),
    }
    with openers[suffix]() as packed:
        yield cast(BinaryIO, packed)


def bare_name(path: Path) -> str:
    """A file's name without the suffix of its compression: `train.csv` of train.csv.gz."""
    return path.stem if path.suffix.lower() in _COMPRESSED else path.name


def inner_suffix(path: Path) -> str:
    """The suffix of what is inside, in small letters: `.csv` of mails.csv.gz, and of a mails.zip that holds a.csv.

    Raises DataError for a .zip file that cannot be read, or holds more than one file.
    """
    if path.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(path) as archive:
                return Path(_only_member(path, archive).filename).suffix.lower()
        except zipfile.BadZipFile as error:
            raise DataError(f"{path} is damaged, or no .zip file: {error}") from None
        except OSError as error:
            raise DataError(f"{path} cannot be read: {reason(error)}") from None
    return Path(bare_name(path)).suffix.lower()


def _open(path: Path, closing: ExitStack) -> io.BufferedReader:
    suffix = path.suffix.lower()
    if suffix not in _COMPRESSED:
        return closing.enter_context(path.open("rb"))
    opened: Any
    if suffix == ".zip":
        archive = closing.enter_context(zipfile.ZipFile(path))
        opened = archive.open(_only_member(path, archive))
    else:
        openers: dict[str, Callable[[Path], Any]] = {
            ".gz": gzip.open,
            ".bz2": bz2.open,
            ".xz": lzma.open,
            ".zst": _open_zstd,
        }
        opened = openers[suffix](path)
    return closing.enter_context(io.BufferedReader(closing.enter_context(opened), _BUFFER))


def _open_zstd(path: Path, written: BinaryIO | None = None) -> Any:
    """What a path holds, or what is to be `written` to it."""
    try:
        from backports import zstd
    except ImportError:
        raise DataError(f'{path}: .zst needs backports.zstd; pip install "nlpkit-lstm[zstd]" brings it') from None

    class _File(zstd.ZstdFile):
        def readinto(self, buffer: Any) -> int:
            try:
                return int(super().readinto(buffer))
            except zstd.ZstdError as error:
                raise EOFError(str(error)) from None

    return _File(path) if written is None else _File(written, "wb")


def _only_member(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file in an archive; what macOS puts beside it does not count."""
    members = [
        member
        for member in archive.infolist()
        if not member.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in Path(member.filename).parts)
    ]
    if len(members) != 1:
        raise DataError(f"{path} holds {len(members)} files; unpack it, and name the one to read, or their folder")
    return members[0]
