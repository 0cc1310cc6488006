"""One writer at a time, by locks of the operating system's: they end with the process that holds them.

A folder is locked itself, so that no file of a lock's is left behind. Where the system or the disk has no such locks,
there are none.
"""

import errno
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from nlpkit.errors import BundleError, UsageError, reason

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

_held: set[tuple[int, int, int]] = set()  # thread, device and inode


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds a folder, made where there is none, for this thread; a thread that holds it already goes on.

    Folders that were made for it and are empty in the end are gone again. Raises UsageError, which names the process,
    when another run holds it, or when it is a file; BundleError when it cannot be made or read.
    """
    folder = folder.resolve()  # so that a link that leads nowhere yet is followed
    descriptor, made = _claim(folder)
    if descriptor is None:
        yield
        return
    try:
        found = os.fstat(descriptor)
        key = (threading.get_ident(), found.st_dev, found.st_ino)
        if key in _held:
            yield
            return
        if not try_lock(descriptor):
            raise UsageError(
                f"{folder} is locked: another run{_holder(found)} writes there; wait for it, or pick another folder"
            )
        if not folder.exists() or not os.path.samestat(found, folder.stat()):
            with locked(folder):  # the run that made it has just ended and taken it away
                yield
            return
        _held.add(key)
        try:
            yield
        finally:
            _held.discard(key)
            for path in made:
                with suppress(OSError):
                    path.rmdir()
    finally:
        os.close(descriptor)


def try_lock(descriptor: int) -> bool:
    """Whether the open file or folder is this process' now; a lock goes when the descriptor is closed."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def hold(descriptor: int) -> None:
    """Locks an open file or folder that this process has just made."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)


def clear_stale(parent: Path, prefix: str) -> None:
    """Takes away the files and folders of a prefix whose writers, which would `hold` them, are dead."""
    for path in parent.glob(f"{prefix}*") if fcntl is not None else ():
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        except OSError:
            continue  # at work, or not ours to take away
        finally:
            os.close(descriptor)


@contextmanager
def work_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder to work in, gone in the end unless it was renamed; so are those that killed runs left."""
    prefix = ".nlpkit-building-"
    clear_stale(parent, prefix)
    while True:
        work = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        descriptor = os.open(work, os.O_RDONLY) if fcntl is not None else None
        if descriptor is None:
            break
        hold(descriptor)
        if work.exists():
            break
        os.close(descriptor)  # another run had cleared it before the lock was there
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def _claim(folder: Path) -> tuple[int | None, list[Path]]:
    """An open folder (None where the system opens none), and which of it and its parents were made for that, the
    innermost first."""
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return None if fcntl is None else os.open(folder, os.O_RDONLY), made
    except FileExistsError:
        raise UsageError(f"{folder} is a file; pick another folder with --output") from None
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {reason(error)}; pick another --output") from error


def _holder(folder: os.stat_result) -> str:
    """` (process 123)`, where the system tells who holds a lock."""
    place = f"{os.major(folder.st_dev):02x}:{os.minor(folder.st_dev):02x}:{folder.st_ino}"
    with suppress(OSError):
        for line in Path("/proc/locks").read_text().splitlines():
            words = line.split()
            if words[1] == "FLOCK" and words[5] == place:
                return f" (process {words[4]})"
    return ""
