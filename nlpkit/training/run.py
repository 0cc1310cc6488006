"""One run of training: how it is shown, and where it is kept while it is not finished."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nlpkit.data.cache import TOKENIZER
from nlpkit.errors import NlpkitError, UsageError
from nlpkit.recipe import Recipe, recipe_from_toml, recipe_to_toml

if TYPE_CHECKING:
    from nlpkit.training.progress import TrainingDisplay

STATE = "state.npz"
_RECIPE = "recipe.toml"
_FINGERPRINT = "fingerprint"


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
    if resume and not saved.is_file():
        raise UsageError(f"there is no unfinished run in {folder} to go on with; leave --resume out")
    if resume:
        _compare(recipe_from_toml(saved.read_text(encoding="utf-8"), str(saved)), recipe, folder)
    elif saved.is_file() and not overwrite:
        raise UsageError(f"{folder} holds an unfinished run; --resume goes on with it, --overwrite starts over")


def begin_run(checkpoint: Path, recipe: Recipe) -> None:
    """Makes the checkpoint folder afresh. Raises NlpkitError when it cannot be made."""
    try:
        shutil.rmtree(checkpoint, ignore_errors=True)
        checkpoint.mkdir(parents=True)
        (checkpoint / _RECIPE).write_text(recipe_to_toml(recipe), encoding="utf-8")
    except OSError as error:
        raise NlpkitError(f"{checkpoint} cannot be written: {error.strerror}; pick another --output") from error


def keep_data(checkpoint: Path, fingerprint: str, tokenizer: bytes) -> None:
    """Keeps with a run what its data was, and the tokenizer whose ids its weights stand for.

    Raises NlpkitError when it cannot be written.
    """
    try:
        (checkpoint / _FINGERPRINT).write_text(fingerprint, encoding="ascii")
        (checkpoint / TOKENIZER).write_bytes(tokenizer)
    except OSError as error:
        raise NlpkitError(f"{checkpoint} cannot be written: {error.strerror}; pick another --output") from error


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
