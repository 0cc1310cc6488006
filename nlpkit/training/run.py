"""One run of training: how it is shown, and where it is kept while it is not finished."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nlpkit.data.cache import TOKENIZER
from nlpkit.errors import NlpkitError, UsageError, reason
from nlpkit.locking import locked
from nlpkit.output import HIDDEN, replacing
from nlpkit.recipe import Recipe, recipe_from_toml, recipe_to_toml

if TYPE_CHECKING:
    from nlpkit.training.progress import TrainingDisplay

STATE = "state.npz"
_RECIPE = "recipe.toml"
_FINGERPRINT = "fingerprint"
_MARK = f"{HIDDEN}run"
_PARTIAL = f".{STATE}.partial"  # what runs once wrote
FILES = (_RECIPE, _FINGERPRINT, TOKENIZER, STATE)
"""What nlpkit keeps of a run in its checkpoint folder, besides hidden files of its own."""


@dataclass(frozen=True)
class Run:
    """`checkpoint`, a folder, keeps the state; `resume` goes on from it; `tensorboard` is a folder for its logs."""

    display: "TrainingDisplay"
    checkpoint: Path | None = None
    resume: bool = False
    tensorboard: Path | None = None


def check_run(checkpoint: Path, recipe: Recipe, *, resume: bool, overwrite: bool) -> None:
    """Refuses, before any work is done, to go on with a run that is not there or is another recipe's, and to
    lose one that is. Raises UsageError."""
    saved = checkpoint / _RECIPE
    folder = checkpoint.parent
    _check_owner(checkpoint)
    if resume and not saved.is_file():
        raise UsageError(f"there is no unfinished run in {folder} to go on with; leave --resume out")
    if resume:
        _compare(recipe_from_toml(saved.read_text(encoding="utf-8"), str(saved)), recipe, folder)
    elif saved.is_file() and not overwrite:
        raise UsageError(f"{folder} holds an unfinished run; --resume goes on with it, --overwrite starts over")


@contextmanager
def claimed_run(checkpoint: str | Path | None, *, resume: bool) -> Iterator[Path | None]:
    """Holds a run's checkpoint folder as long as it trains.

    Raises UsageError when there is no run to resume, when the folder holds what is not nlpkit's, and when another
    process is at work there; nothing is touched then.
    """
    if checkpoint is None:
        if resume:
            raise UsageError("there is nothing to resume: name the unfinished run's folder, checkpoint=…")
        yield None
        return
    folder = Path(checkpoint)
    _check_owner(folder)
    if resume and not (folder / _RECIPE).is_file():
        raise UsageError(f"there is no unfinished run in {folder} to go on with; leave resume out")
    with locked(folder):
        _check_owner(folder)
        yield folder


def begin_run(checkpoint: Path, recipe: Recipe, fingerprint: str, tokenizer: bytes) -> None:
    """Makes a claimed checkpoint folder afresh, for a run on the data of a fingerprint, whose weights will stand for
    the ids of a tokenizer. Raises NlpkitError when it cannot be made."""
    try:
        checkpoint.mkdir(parents=True, exist_ok=True)
        _write(checkpoint / _MARK, b"nlpkit keeps a run here while it is unfinished; --resume goes on with it\n")
        _remove_files(checkpoint)
        _write(checkpoint / _FINGERPRINT, fingerprint.encode())
        _write(checkpoint / TOKENIZER, tokenizer)
        _write(checkpoint / _RECIPE, recipe_to_toml(recipe).encode())  # with it there is a run
    except OSError as error:
        raise NlpkitError(f"{checkpoint} cannot be written: {reason(error)}; pick another --output") from error


def holds_run(checkpoint: Path) -> bool:
    """Whether nlpkit keeps, or kept, a run in a folder."""
    if any(checkpoint.glob(f"{HIDDEN}*")):  # the mark, or what a run wrote that was killed at its beginning
        return True
    try:  # runs begun before there was a mark
        recipe_from_toml((checkpoint / _RECIPE).read_text(encoding="utf-8"), "")
        return {path.name for path in checkpoint.iterdir()} <= {*FILES, _PARTIAL}
    except (OSError, ValueError, UsageError):
        return False


def remove_run(checkpoint: Path) -> None:
    """Takes away what nlpkit wrote into a checkpoint folder, and the folder if it is empty then. Raises OSError."""
    if holds_run(checkpoint):
        _remove_files(checkpoint)
        (checkpoint / _MARK).unlink(missing_ok=True)
    with suppress(OSError):
        checkpoint.rmdir()


def _remove_files(checkpoint: Path) -> None:
    for path in [*(checkpoint / name for name in (*FILES, _PARTIAL)), *checkpoint.glob(f"{HIDDEN}*")]:
        if path.name != _MARK:  # which goes last
            path.unlink(missing_ok=True)


def _check_owner(checkpoint: Path) -> None:
    try:
        taken = checkpoint.exists() and any(checkpoint.iterdir()) and not holds_run(checkpoint)
    except NotADirectoryError:
        raise UsageError(f"{checkpoint} is a file; name a folder for the checkpoint") from None
    except OSError as error:
        raise NlpkitError(f"{checkpoint} cannot be read: {reason(error)}") from error
    if taken:
        raise UsageError(f"{checkpoint} holds other files than a run of nlpkit's; pick another folder")


def _write(path: Path, content: bytes) -> None:
    with replacing(path) as file:
        file.write(content)


def kept_tokenizer(checkpoint: Path, fingerprint: str) -> bytes:
    """The tokenizer's model of a run to go on with. Raises UsageError when the data is no longer what it was."""
    try:
        before = (checkpoint / _FINGERPRINT).read_text(encoding="ascii")
        tokenizer = (checkpoint / TOKENIZER).read_bytes()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"there is no run in {checkpoint} that could be gone on with; start over") from None
    if before != fingerprint:
        raise UsageError(
            f"the data has changed since the unfinished run in {checkpoint.parent} was begun; bring back what it was "
            "begun with, or start over with --overwrite"
        )
    return tokenizer


def _compare(saved: Recipe, wanted: Recipe, folder: Path) -> None:
    before, now = saved.model_dump(), wanted.model_dump()
    for section in ("data", "tokenizer", "model", "training"):
        for key, value in before[section].items():
            if now[section][key] != value:
                raise UsageError(
                    f"the unfinished run in {folder} has {section}.{key} = {value!r}, not {now[section][key]!r}; "
                    "give the same options with --resume, or start over with --overwrite"
                )
