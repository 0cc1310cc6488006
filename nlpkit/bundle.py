"""The folder that a trained model is kept in: written whole or not at all, checked when it is opened."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.errors import BundleError, UsageError

FORMAT_VERSION = 1
METADATA = "metadata.json"
CHECKPOINT = "checkpoint"


@dataclass(frozen=True)
class Bundle:
    """What a bundle holds: its metadata, and the content of every other file by name."""

    metadata: dict[str, Any]
    files: dict[str, bytes]


def write_bundle(folder: Path, bundle: Bundle, *, overwrite: bool = False) -> None:
    """Writes a bundle under a temporary name beside its own and renames it into place.

    An unfinished run's checkpoint in `folder` goes, since the run is finished now. Raises UsageError when the
    folder is taken, BundleError when it cannot be written; what was there before is then still there.
    """
    check_output(folder, overwrite=overwrite)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in bundle.files.items()}
    metadata = {"format_version": FORMAT_VERSION, **bundle.metadata, "sha256": hashes}
    text = json.dumps(metadata, ensure_ascii=False, indent=2)
    # resolved, so that a link to a folder stays a link
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        try:
            work.chmod(0o755)  # mkdtemp's folders are for their owner alone
            for name, content in {**bundle.files, METADATA: text.encode()}.items():
                _write(work / name, content)
            if folder.exists():
                old = work.with_name(work.name + "-old")
                folder.rename(old)
                try:
                    work.rename(folder)
                except OSError:
                    old.rename(folder)
                    raise
                shutil.rmtree(old, ignore_errors=True)
            else:
                work.rename(folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise BundleError(f"{folder} cannot be written: {_why(error)}") from error


def check_output(folder: Path, *, overwrite: bool) -> None:
    """Refuses, before any work is done, a folder that `write_bundle` would refuse.

    Raises UsageError when it holds a bundle and `overwrite` is not given, or something else altogether;
    BundleError when it cannot be written to.
    """
    try:
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
    except NotADirectoryError:
        raise UsageError(f"{folder} is a file; pick another folder with --output") from None
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {_why(error)}") from error
    if METADATA in names:
        if not overwrite:
            raise UsageError(f"{folder} holds a model already; pick another --output, or --overwrite it")
    elif names - {CHECKPOINT}:
        raise UsageError(f"{folder} holds other files than a model; pick another folder with --output")
    parent = folder.resolve()
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise BundleError(f"{folder} cannot be written: no permission in {parent}; pick another --output")


def read_bundle(folder: Path) -> Bundle:
    """A bundle's metadata and files, each held to its hash.

    Raises BundleError when there is none, when training is unfinished, when a file is missing or damaged, or
    when a newer nlpkit made it.
    """
    try:
        metadata = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        version, hashes = metadata["format_version"], metadata["sha256"]
    except (FileNotFoundError, NotADirectoryError):
        raise BundleError(_no_bundle(folder)) from None
    except (ValueError, TypeError, KeyError):
        raise BundleError(f"{folder}: {METADATA} is damaged or not nlpkit's; copy or train the model again") from None
    except OSError as error:
        raise BundleError(f"{folder} cannot be read: {_why(error)}") from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder} has bundle format {version}, and this nlpkit reads {FORMAT_VERSION}; "
            "use the nlpkit that made it, or a newer one"
        )
    files = {}
    for name, expected in hashes.items():
        if Path(name).name != name:
            raise BundleError(f"{folder}: {METADATA} names a file outside the bundle, {name!r}")
        try:
            content = (folder / name).read_bytes()
        except FileNotFoundError:
            raise BundleError(f"{folder}: {name} is missing; copy or train the model again") from None
        except OSError as error:
            raise BundleError(f"{folder}/{name} cannot be read: {_why(error)}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise BundleError(f"{folder}: {name} is damaged (its hash is wrong); copy or train the model again")
        files[name] = content
    return Bundle(metadata, files)


def newest_bundle(task: str | None, root: Path = Path("models")) -> Path:
    """The bundle, of a task where one is given, under `root` that was made last. Raises BundleError when there is
    none."""
    found = []
    for path in root.glob(f"[!.]*/{METADATA}"):
        try:
            metadata = json.loads(path.read_text(encoding="utf-8"))
            if task in (None, metadata["task"]):
                found.append((metadata["created"], path.parent))
        except (OSError, ValueError, TypeError, KeyError):
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
    return f"there is no bundle at {folder}; the models you trained are under ./models unless you chose otherwise"


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _why(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        return "the disk is full; make room and try again"
    return str(error.strerror or error)
