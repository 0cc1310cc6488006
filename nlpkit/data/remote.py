"""Files at any address that fsspec knows, such as s3://bucket/a.csv: fetched whole, and put there whole."""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from glob import glob, has_magic
from itertools import takewhile
from pathlib import Path
from typing import Any

from nlpkit.data.compression import bare_name
from nlpkit.data.tables import TABLES
from nlpkit.errors import DataError, NlpkitError, UsageError, reason
from nlpkit.output import partial_prefix

_ADDRESS = re.compile(r"(?P<protocol>[A-Za-z][A-Za-z0-9+.-]+)://")


def is_remote(name: str) -> bool:
    """Whether this is an address, and not a local path."""
    return _ADDRESS.match(name) is not None


def is_many(name: str) -> bool:
    """Whether a name stands for any number of files: a pattern, or a folder. A file whose name looks like a pattern is
    that file. Raises DataError where it cannot be found out whether there is one."""
    if is_remote(name):
        return name.endswith("/") or (_is_pattern(name) and type_at(name) != "file")
    path = Path(name)
    return path.is_dir() or (has_magic(name) and not path.exists())


def files_of(name: str) -> tuple[str, dict[str, str]]:
    """The folder that the files which a name stands for are all in, and these in order, each with what changes when its
    content does: those that match a pattern, in which `**` stands for any folders, the tables in a folder, or one file.
    Hidden ones are none.

    Raises UsageError where there are none, DataError where that cannot be found out.
    """
    root, found = _remote_files(name) if is_remote(name) else _local_files(Path(name).expanduser())
    if not found:
        what = "no file matches" if _is_pattern(name) else "there is no table in"
        raise UsageError(f"{what} {name}")
    return root, dict(sorted(found.items()))


def _local_files(path: Path) -> tuple[str, dict[str, str]]:
    try:
        if not is_many(str(path)):
            root, found = path.parent, [path]
        elif path.is_dir():
            root, found = path, [one for one in path.iterdir() if _is_table(one.name) and one.is_file()]
        else:
            root = Path(*takewhile(lambda part: not has_magic(part), path.parts))
            names = glob(str(path), recursive=True)  # noqa: PTH207  Path.glob finds hidden ones, too
            found = [one for one in map(Path, names) if one.is_file()]
        states = {str(one): one.stat() for one in found}
    except OSError as error:
        raise DataError(f"{error.filename or path} cannot be read: {reason(error)}") from None
    return str(root), {one: f"{state.st_size} bytes of {state.st_mtime_ns}" for one, state in states.items()}


def _remote_files(address: str) -> tuple[str, dict[str, str]]:
    with _told(address, "read"):
        files, path = _opened(address)
        if not is_many(address):
            return re.sub("[^/]*$", "", _pathlike(address)), {address: _state(files.info(path))}
        if _is_pattern(address):
            root, own = _beginning(address), _beginning(path)
            found = [one for one in files.glob(path, detail=True).values() if one["type"] == "file"]
        else:
            root, own = address, path.rstrip("/")
            listed = files.ls(own, detail=True)
            found = [one for one in listed if one["type"] == "file" and _is_table(one["name"].rpartition("/")[2])]
        # the address' own beginning is kept: file systems give paths, which tell of no host
        names = {one["name"].removeprefix(own).lstrip("/"): _state(one) for one in found}
        hidden = [name for name in names if any(part.startswith(".") for part in name.split("/"))]
        return root, {inside(root, name): state for name, state in names.items() if name not in hidden}


def _is_pattern(name: str) -> bool:
    """Whether a name has a pattern's characters; a `?` in an HTTP address begins its query, to fsspec, too."""
    return has_magic(name.replace("?", "") if _is_http(name) else name)


def _is_http(name: str) -> bool:
    return name.startswith(("http://", "https://"))


def _pathlike(name: str) -> str:
    """A name without what an HTTP address asks for beside the file."""
    return name.partition("?")[0] if _is_http(name) else name


def _beginning(pattern: str) -> str:
    """The folders of a pattern, of an address or the path in it, that are before its first special character."""
    start = _ADDRESS.match(pattern)
    begun = start[0] if start else ""
    return begun + "/".join(takewhile(lambda part: not _is_pattern(part), pattern.removeprefix(begun).split("/")))


def _state(told: Any) -> str:
    return hashlib.sha256(str(told).encode()).hexdigest()


def _is_table(name: str) -> bool:
    return not name.startswith(".") and Path(bare_name(Path(name))).suffix.lower() in TABLES


def below(root: str, name: str) -> str:
    """Where a file is in the folder that `files_of` gave with it, with slashes."""
    if is_remote(name):
        return _pathlike(name).removeprefix(inside(root, ""))
    return Path(name).relative_to(root).as_posix()


def inside(folder: str, name: str) -> str:
    """The file of a name, which may have folders in it, in a folder."""
    if (start := _ADDRESS.match(folder)) is None:
        return str(Path(folder, name))
    rest = folder[start.end() :]
    return f"{start[0]}{rest.rstrip('/')}{'/' if rest else ''}{name}"


def place_of(name: str) -> str:
    """The one spelling of where a file or a folder is, without slashes at its end, however it is named: a local path,
    resolved, also of `file://`, or an address with its host, but with nobody's name or password."""
    if not is_remote(name):
        return str(Path(name).resolve())
    with _told(name, "read"):
        files, path = _opened(name)
        protocol, _, rest = str(files.unstrip_protocol(path)).partition("://")
        if protocol == "file":
            return str(Path(path).resolve())
        told = type(files)._get_kwargs_from_urls(name)
        host = ":".join(str(told[key]) for key in sorted(told) if key not in ("user", "username", "password"))
        place = f"{protocol}://{host}{'' if not host or rest.startswith('/') else '/'}{rest}".rstrip("/")
        return place + "".join(name.partition("::")[1:])  # what fsspec reads it out of, such as an archive


def type_at(address: str) -> str | None:
    """What there is at an address: `file`, `directory`, or of another type; None where there is nothing."""
    with _told(address, "read"):
        files, path = _opened(address)
        return str(files.info(path)["type"]) if files.exists(path) else None


def sizes_of(folder: str, names: Iterable[str]) -> dict[str, int]:
    """The sizes in bytes of those of the named files that are in a folder, -1 of what is none. Raises DataError where
    that cannot be found out."""
    if is_remote(folder):
        with _told(folder, "read"):
            files, path = _opened(folder)
            found = files.find(path, detail=True, withdirs=True)
            sizes = {
                name.removeprefix(path).lstrip("/"): one["size"] if one["type"] == "file" else -1
                for name, one in found.items()
            }
            return {name: int(sizes[name]) for name in names if name in sizes}
    places = {name: Path(folder, name) for name in names}
    try:
        there = {name: place for name, place in places.items() if place.exists()}
        return {name: place.stat().st_size if place.is_file() else -1 for name, place in there.items()}
    except OSError as error:
        raise DataError(f"{error.filename or folder} cannot be read: {reason(error)}") from None


@contextmanager
def fetched(name: str) -> Iterator[Path]:
    """A local file with the content of one: itself, or, of an address, a copy of the same name, which then goes.

    Raises DataError. What is raised inside the block, too, tells of the address instead of the copy.
    """
    if not is_remote(name):
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="nlpkit-") as folder:
        with _told(name, "read"):
            files, path = _opened(name)
            copy = Path(folder, _pathlike(path).rpartition("/")[2])
            files.get_file(path, str(copy))
        with _named(copy, name):
            yield copy


@contextmanager
def placed(name: str) -> Iterator[Path]:
    """A path to write a file to, which at the end of the block is at its address, whole, or, if the block fails, is
    not; a local path is itself. Raises NlpkitError."""
    if not is_remote(name):
        yield Path(name)
        return
    with tempfile.TemporaryDirectory(prefix="nlpkit-") as folder:
        own = name.rpartition("/")[2]
        copy = Path(folder, own)
        with _named(copy, name):
            yield copy
        with _told(name, "written"):
            files, path = _opened(name)
            place = path.rpartition("/")[0]
            partial = f"{place}/{partial_prefix(own)}put"  # where that is no rename, it is one object's copy, whole too
            files.makedirs(place, exist_ok=True)
            files.put_file(str(copy), partial)
            files.mv(partial, path)


def _opened(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it. Raises NlpkitError where what it needs is missing."""
    protocol = _ADDRESS.match(address)["protocol"]  # type: ignore[index]
    try:
        import fsspec.core
    except ImportError:
        raise NlpkitError(f'{address} needs fsspec; pip install "nlpkit-lstm[remote]" brings it') from None
    try:
        files, path = fsspec.core.url_to_fs(address)
    except ImportError as error:
        needed = getattr(error.__cause__, "name", None)
        what = f"needs {needed}; pip install {needed} brings it" if needed else f"cannot be used: {error}"
        raise NlpkitError(f"{protocol}:// {what}") from None
    except ValueError as error:
        raise UsageError(f"{address} is no address that fsspec knows: {error}") from None
    files.invalidate_cache()  # what other programs have written meanwhile is there, too
    return files, str(path)


@contextmanager
def _told(address: str, done: str) -> Iterator[None]:
    """Tells what goes wrong inside the block in one line: file systems raise whatever they like."""
    try:
        yield
    except NlpkitError:
        raise
    except Exception as error:
        why = reason(error) if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}: {error}"
        raise DataError(f"{address} cannot be {done}: {' '.join(why.split())}") from error


@contextmanager
def _named(copy: Path, address: str) -> Iterator[None]:
    try:
        yield
    except NlpkitError as error:
        error.args = tuple(str(one).replace(str(copy), address) for one in error.args)
        raise
