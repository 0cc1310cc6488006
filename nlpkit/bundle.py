"""The folder that a trained model is kept in: written whole or not at all, checked when it is opened.

Files are moved to their place one by one, so between the first and the last the folder holds parts of two bundles.
They are written into `.nlpkit-writing` first. Once that folder has been renamed to `.nlpkit-written` the new bundle is
the one that is read, wherever its files lie, and the next to write there ends what a killed run had begun. So a bundle
is replaced at one instant, and what else lies in its folder, a person's notes, is never moved. One who reads meanwhile
may meet parts of two; that the metadata are others by then tells him so, and he reads again.
"""

import errno
import hashlib
import io
import json
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from nlpkit.errors import BundleError, DataError, UsageError, reason
from nlpkit.frontend import FRONTENDS
from nlpkit.locking import locked
from nlpkit.report import Gain
from nlpkit.training.run import holds_run, remove_run

FORMAT = "nlpkit bundle"
FORMAT_VERSION = 1
METADATA = "metadata.json"
CHECKPOINT = "checkpoint"
CARD = "README.md"
FILES = frozenset(
    (
        "recipe.toml",
        *FRONTENDS,
        "model.onnx",
        "model.weights.h5",
        "history.csv",
        CARD,
        "seen.npz",
    )
)
"""What every model may be written as, besides its metadata and the files of its task: a file of such a name is not to
be anybody else's."""
_WRITING, _WRITTEN = ".nlpkit-writing", ".nlpkit-written"
_READINGS = 100
"""So many times at most a bundle is read that is replaced every time."""


class BundleFacts(BaseModel):
    """A part of the metadata, checked where a bundle is read; further keys are let through."""

    model_config = ConfigDict(strict=True)


_Count = Annotated[int, Field(ge=0, le=1 << 53)]


class _Data(BundleFacts):
    source: str
    fingerprint: str
    train: _Count
    validation: _Count
    columns: dict[str, str] = {}


class _Yardstick(BundleFacts):
    name: str
    metrics: dict[str, dict[str, Any]]
    gain: dict[str, Gain]


class _Metadata(BundleFacts):
    """What every bundle tells of itself; the tasks' own facts are checked by the task, as `TrainedTask.facts`."""

    task: str
    created: str
    weights: str = "float32"
    data: _Data
    vocabulary: Annotated[_Count, Field(default=None)]
    parameters: _Count
    epochs: _Count
    training_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    metrics: dict[str, dict[str, Any]]
    yardstick: Annotated[_Yardstick, Field(default=None)]  # left out where there is none, but never null
    versions: dict[str, str]
    sha256: dict[str, str]


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds: its metadata, and the content of every other file by name."""

    metadata: dict[str, Any]
    files: dict[str, bytes]


def write_bundle(folder: Path, bundle: Bundle, *, overwrite: bool = False, run: Path | None = None) -> None:
    """Writes a bundle: the folder holds it whole, or what it held before.

    Of what is there only files that nlpkit wrote are replaced or taken away: those of the bundle before, and the
    checkpoint of an unfinished run, for which `run`, the checkpoint that the bundle comes from, needs no `overwrite`.
    Raises UsageError when the folder is taken, or another run writes there, BundleError when it cannot be written.
    """
    folder = folder.resolve()  # so that a link to a folder stays a link
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in bundle.files.items()}
    metadata = {"format": FORMAT, "format_version": FORMAT_VERSION, **bundle.metadata, "sha256": hashes}
    text = json.dumps(metadata, ensure_ascii=False, indent=2)
    with ExitStack() as held:
        held.enter_context(locked(folder))
        check_output(folder, overwrite=overwrite, run=run, files=bundle.files)
        if (folder / CHECKPOINT).is_dir():
            held.enter_context(locked(folder / CHECKPOINT))
        work = folder / _WRITING
        try:
            _move_in(folder)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            try:
                for name, content in {**bundle.files, METADATA: text.encode()}.items():
                    _write(work / name, content)
                    if (folder / name).is_file():
                        (work / name).chmod(stat.S_IMODE((folder / name).stat().st_mode))
                work.rename(folder / _WRITTEN)
            except BaseException:
                shutil.rmtree(work, ignore_errors=True)
                raise
            _move_in(folder)
        except OSError as error:
            raise BundleError(f"{folder} cannot be written: {reason(error)}") from error


def check_output(folder: Path, *, overwrite: bool, run: Path | None = None, files: Iterable[str] = ()) -> None:
    """Refuses, before any work is done, a folder that `write_bundle` would refuse; arguments as there, and the names
    of what of `files` is not in `FILES`.

    Raises UsageError when it holds a bundle or an unfinished run and `overwrite` is not given, or when nothing in it
    tells that it is nlpkit's; BundleError when it cannot be written to.
    """
    try:
        names = {path.name for path in folder.iterdir()} - {_WRITING} if folder.exists() else set()
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file; pick another folder with --output") from None
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {reason(error)}") from error
    checkpoint = folder / CHECKPOINT
    if METADATA in names and not _owned(folder):
        raise UsageError(
            f"{folder} holds a {METADATA} that is damaged or not nlpkit's; pick another folder with --output"
        )
    if names & {METADATA, _WRITTEN, CHECKPOINT} and (strange := _strange(folder, names, FILES.union(files))):
        raise UsageError(f"{folder} holds {strange}, which is not the model's; move it away, or pick another folder")
    if names & {METADATA, _WRITTEN}:
        if not overwrite:
            raise UsageError(f"{folder} holds a model already; pick another --output, or --overwrite it")
    elif holds_run(checkpoint):
        if not overwrite and (run is None or checkpoint.resolve() != run.resolve()):
            raise UsageError(
                f"{folder} holds an unfinished run; train --resume goes on with it, --overwrite takes it away"
            )
    elif names - {CHECKPOINT} or (CHECKPOINT in names and not _is_empty(checkpoint)):
        raise UsageError(f"{folder} holds other files than a model; pick another folder with --output")
    parent = folder.resolve()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise BundleError(f"{folder} cannot be written: no permission in {parent}; pick another --output")


def read_bundle(folder: Path) -> Bundle:
    """A bundle's metadata and files, each held to its hash; of one that is replaced meanwhile, all of the old or all of
    the new.

    Raises BundleError when there is none, when training is unfinished, when a file is missing or damaged, or
    when a newer nlpkit made it.
    """
    for _ in range(_READINGS):
        before = bundle_state(folder)
        try:
            return _read(folder)
        except BundleError:
            if bundle_state(folder) == before:
                raise
    return _read(folder)


def _read(folder: Path) -> Bundle:
    try:
        metadata = _read_metadata(folder)
        version, hashes = metadata["format_version"], metadata["sha256"]
    except FileNotFoundError:
        raise BundleError(_no_bundle(folder)) from None
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BundleError(f"{folder}: {METADATA} is damaged or not nlpkit's; copy or train the model again") from None
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {reason(error)}") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder} has bundle format {version}, and this nlpkit reads {FORMAT_VERSION}; "
            "use the nlpkit that made it, or a newer one"
        )
    check_facts(_Metadata, metadata, folder)
    files = {}
    for name, expected in hashes.items():
        if Path(name).name != name or "\0" in name:
            raise BundleError(f"{folder}: {METADATA} names a file outside the bundle, {name!r}")
        try:
            content = _content(folder, name)
        except FileNotFoundError:
            raise BundleError(f"{folder}: {name} is missing; copy or train the model again") from None
        except OSError as error:
            raise BundleError(f"{folder}/{name} cannot be read: {reason(error)}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{folder}: {name} is damaged (its hash is wrong); copy or train the model again")
        files[name] = content
    return Bundle(metadata, files)


def bundle_to_bytes(bundle: Bundle) -> bytes:
    """A bundle as one file, which an unfinished run keeps of the model that it starts from."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(METADATA, json.dumps(bundle.metadata))
        for name, content in bundle.files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def bundle_from_bytes(content: bytes, path: Path) -> Bundle:
    """Reads back what `bundle_to_bytes` gave and a path holds. Raises BundleError where it is damaged."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        return Bundle(json.loads(files.pop(METADATA)), files)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, RuntimeError) as error:
        raise BundleError(f"{path} is damaged ({error}); start over") from error


@contextmanager
def opening(folder: str | Path) -> Iterator[None]:
    """Tells what goes wrong inside the block as damage to the bundle: its parts do not go together.

    Raises BundleError.
    """
    try:
        yield
    except BundleError as error:
        raise BundleError(f"{folder}: {error}") from error
    except (UsageError, DataError, LookupError, TypeError, ValueError, ArithmeticError, RecursionError) as error:
        what = str(error) if isinstance(error, UsageError | DataError) else f"{type(error).__name__}: {error}"
        raise BundleError(f"{folder} is damaged, {what}; copy or train the model again") from error


def newest_bundle(task: str | None, root: Path = Path("models")) -> Path:
    """The bundle, of a task where one is given, under `root` that was made last. Raises BundleError when there is
    none."""
    found = []
    for folder in root.glob("[!.]*"):
        try:
            metadata = _read_metadata(folder)
            if task in (None, metadata["task"]):
                found.append((str(metadata["created"]), folder))
        except (BundleError, OSError, ValueError, TypeError, KeyError, RecursionError):
            continue  # not ours, or damaged: opening it by name tells why
    if not found:
        raise BundleError(
            f"there is no {task + ' ' if task else ''}model under {root}/; train one, or name one with --model"
        )
    return max(found)[1]


def _no_bundle(folder: Path) -> str:
    if (folder / CHECKPOINT).is_dir():
        return f"{folder}: training is unfinished; go on with the same command and --resume"
    if folder.is_dir():
        return f"{folder} is not an nlpkit bundle: it has no {METADATA}"
    return f"there is no bundle at {folder}; `nlpkit models` lists those there are"


def check_facts(schema: type[BundleFacts], metadata: Any, folder: str | Path) -> None:
    """Raises BundleError where a bundle's metadata are not as the schema has them."""
    try:
        schema.model_validate(metadata)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise BundleError(
            f"{folder}: {METADATA} is damaged: {key}: {first['msg'].lower()}; copy or train the model again"
        ) from None


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def _places(folder: Path, name: str) -> tuple[Path, Path]:
    """Where a bundle's file lies, to be tried in turn: not yet in its place, if a run is moving them there, or was
    killed meanwhile."""
    return folder / _WRITTEN / name, folder / name


def _content(folder: Path, name: str) -> bytes:
    """Raises BundleError for what is no file, OSError."""
    for path in _places(folder, name):
        with suppress(FileNotFoundError, NotADirectoryError):
            if not stat.S_ISREG(path.stat().st_mode):
                raise BundleError(f"{path} is not a file; copy or train the model again")
            return path.read_bytes()
    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder / name))


def digest(bundles: Iterable[Bundle]) -> str:
    """By what models, alone or together, are known: their metadata, which have the hashes of their files."""
    return hashlib.sha256(json.dumps([one.metadata for one in bundles], sort_keys=True).encode()).hexdigest()


def bundle_state(folder: Path) -> tuple[int, int, bytes] | None:
    """What changes with every bundle that is written into a folder, and stays while its files are moved."""
    for path in _places(folder, METADATA):
        with suppress(OSError):
            found = path.stat()
            return found.st_ino, found.st_mtime_ns, path.read_bytes() if path.is_file() else b""
    return None


def _read_metadata(folder: Path) -> Any:
    text = _content(folder, METADATA).decode("utf-8")
    text.encode()
    metadata = json.loads(text)
    json.dumps(metadata, ensure_ascii=False).encode()  # half a character, which only an escape can spell, raises
    return metadata


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _owned(folder: Path) -> set[str]:
    """The names of the files that nlpkit wrote as a bundle into a folder; none where there is no mark of it."""
    try:
        metadata = _read_json(folder / METADATA)
        # bundles made before there was a mark are known by what they tell
        marked = metadata.get("format") == FORMAT or "nlpkit-lstm" in metadata["versions"]
        # a name that leads out of the folder is none that was written
        return {METADATA, *(name for name in metadata["sha256"] if Path(name).name == name)} if marked else set()
    except (OSError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return set()


def _strange(folder: Path, names: set[str], files: frozenset[str]) -> str | None:
    """A file of a name that one of a model's `files` has and that nlpkit did not write; a card is its own as long as
    nobody has changed it."""
    owners = [place for place in (folder, folder / _WRITTEN) if _owned(place)]  # a killed run may have moved some
    others = (files & names).difference(*map(_owned, owners))
    if CARD in names - others:
        found = hashlib.sha256((folder / CARD).read_bytes()).hexdigest()
        if found not in [_read_json(place / METADATA)["sha256"].get(CARD) for place in owners]:
            others |= {CARD}
    return min(others, default=None)


def _move_in(folder: Path) -> None:
    """Moves a bundle that was written whole to its place, and takes away what of nlpkit's is no part of it.

    The metadata go last: as long as they are there a killed run's work can be seen, and ended.
    """
    written = folder / _WRITTEN
    if not written.is_dir():
        return
    if kept := _owned(written):
        for name in _owned(folder) - kept:
            (folder / name).unlink(missing_ok=True)
        for path in sorted(written.iterdir(), key=lambda path: path.name == METADATA):
            path.replace(folder / path.name)
    written.rmdir()
    remove_run(folder / CHECKPOINT)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
