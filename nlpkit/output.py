"""Files written for people: whole or not at all, and with respect for what stands there already."""

import errno
import hashlib
import io
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from nlpkit.data.compression import packing
from nlpkit.errors import NlpkitError, UsageError, reason
from nlpkit.locking import clear_stale, hold

HIDDEN = ".nlpkit-"
"""How the names of hidden files begin that nlpkit makes, and may take away."""


def check_output_file(path: Path | None, *, overwrite: bool) -> None:
    """Refuses, before any work is done, a path that is not to be written to.

    Raises UsageError for a folder, and for a file that is there already unless `overwrite`; devices and pipes are
    written through, and nothing of them is lost.
    """
    if path is None:
        return
    if path.is_dir():
        raise UsageError(f"{path} is a folder; name a file in it")
    if path.is_file() and _descriptor(path) is None and not overwrite:
        raise UsageError(f"{path} exists; pick another name, or --overwrite it")


@contextmanager
def open_output(output: Path | None) -> Iterator[IO[str]]:
    """A file of UTF-8 text to write to, as `replacing` gives it, packed where its name says so; without a path,
    standard output.

    Raises NlpkitError when it cannot be written.
    """
    if output is None:
        yield sys.stdout
        sys.stdout.flush()
        return
    try:
        with replacing(output) as file, packing(output, file) as packed:
            text = io.TextIOWrapper(packed, encoding="utf-8", newline="", write_through=True)
            try:
                yield text
            finally:
                text.detach()  # what cannot be written is told once, below
    except OSError as error:
        raise NlpkitError(f"{output} cannot be written: {reason(error)}") from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that stands at `path` when all is written, and is nowhere if that fails.

    A symbolic link is followed. A file's mode, and its owner where that is allowed, are kept; a new one's follow the
    umask. Devices, pipes and descriptors (`/dev/stdout`) are written through. What killed runs left beside the path
    goes. Of runs that write at once the last one's file stays. Raises OSError.
    """
    descriptor = _descriptor(path)
    if descriptor is not None:
        with os.fdopen(os.dup(descriptor), "wb") as through:
            yield through
        return
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    if path.exists() and not path.is_file():
        # not created, and without a place of its own to cut off: a device, a pipe, or a folder, which raises
        with os.fdopen(os.open(path, os.O_WRONLY), "wb") as through:
            yield through
        return
    with _partial(path) as file:
        partial = Path(file.name)
        try:
            yield file
            file.flush()
            os.fsync(file.fileno())
            with suppress(FileNotFoundError):
                _keep_rights(file.fileno(), path.stat())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def partial_prefix(name: str) -> str:
    """How the hidden files begin that `replacing` makes beside a file of a name."""
    # of one length, as the name's own may leave no room
    return f"{HIDDEN}{hashlib.sha256(os.fsencode(name)).hexdigest()[:12]}-"


def _partial(path: Path) -> BinaryIO:
    """A new hidden file beside a path, locked while it is open, once those of runs that are dead have gone."""
    prefix = partial_prefix(path.name)
    clear_stale(path.parent, prefix)
    while True:
        partial = path.with_name(prefix + secrets.token_hex(4))
        file = partial.open("xb")
        hold(file.fileno())
        if partial.exists():
            return file
        file.close()  # another run had cleared it before the lock was there


def _keep_rights(descriptor: int, before: os.stat_result) -> None:
    if hasattr(os, "fchown"):
        with suppress(PermissionError):
            os.fchown(descriptor, before.st_uid, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _descriptor(path: Path) -> int | None:
    """The number of the open file that `/dev/stdout`, `/dev/fd/3` and their like stand for."""
    numbers = (Path("/dev/fd"), Path("/dev/fd").resolve())
    for _ in range(40):  # as many links as systems follow
        if path.name.isdecimal() and path.parent.resolve() in numbers:
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None
