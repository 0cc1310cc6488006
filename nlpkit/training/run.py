"""One run of training: how it is shown, and where it is kept while it is not finished."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nlpkit.errors import NlpkitError, UsageError, reason
from nlpkit.frontend import FRONTENDS, Frontend
from nlpkit.locking import locked
from nlpkit.output import HIDDEN, partial_prefix, replacing
from nlpkit.recipe import Recipe, recipe_from_toml, recipe_to_toml

if TYPE_CHECKING:
    from nlpkit.training.progress import TrainingDisplay

STATE = "state.npz"
START = "start.zip"
_RECIPE = "recipe.toml"
_FINGERPRINT = "fingerprint"
_MARK = f"{HIDDEN}run"
_PARTIAL = f".{STATE}.partial"  # what runs once wrote
FILES = (_RECIPE, _FINGERPRINT, *FRONTENDS, START, STATE)
"""What nlpkit keeps of a run in its checkpoint folder, besides hidden files of its own."""
_PARTIALS = tuple(map(partial_prefix, (*FILES, _MARK)))
_BY_FINGERPRINT = {("data", "source"), ("data", "target")}  # however a path is spelled
_START = ("model", "start_from")  # told first
_FROM_DATA = ("model", "labels")  # where a recipe leaves it open, a run has what its data has


@dataclass(frozen=True)
class Run:
    """`checkpoint`, a folder, keeps the state; `resume` goes on from it; `tensorboard` is a folder for its logs."""

    display: "TrainingDisplay"
    checkpoint: Path | None = None
    resume: bool = False
    tensorboard: Path | None = None


def check_run(checkpoint: str | Path | None, recipe: Recipe, *, resume: bool, option: str = "resume") -> None:
    """Refuses, before any work is done, what must not become a run's checkpoint, and to go on with a run that is
    nowhere or is another recipe's. The data that a run was begun with is known by its content, by `kept_frontend`.

    `option` is how `resume` is written where it was asked for. Raises UsageError; NlpkitError when the folder cannot be
    read.
    """
    if checkpoint is None:
        if resume:
            raise UsageError(
                "there is nothing to resume without a checkpoint; name its folder: fit(checkpoint=…, resume=True)"
            )
        return
    folder = Path(checkpoint)
    _check_owner(folder)
    if not resume:
        return
    path = folder / _RECIPE
    try:
        saved = recipe_from_toml(path.read_text(encoding="utf-8"), str(path), type(recipe))
    except FileNotFoundError:
        raise UsageError(f"there is no unfinished run in {folder} to go on with; leave {option} out") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is damaged; leave {option} out to start over") from None
    except OSError as error:
        raise NlpkitError(f"{path} cannot be read: {reason(error)}") from error
    if differs := difference(saved, recipe):
        raise UsageError(
            f"the unfinished run in {folder} has {differs}; give what it was begun with, or leave {option} out to "
            "start over"
        )


@contextmanager
def claimed_run(
    checkpoint: str | Path | None, recipe: Recipe, *, resume: bool, overwrite: bool
) -> Iterator[Path | None]:
    """Holds a run's checkpoint folder as long as it trains, and gives its path.

    Raises as `check_run` does, and UsageError when another process is at work there, or when there is an unfinished run
    that is neither to be resumed nor to be overwritten; nothing is touched then.
    """
    check_run(checkpoint, recipe, resume=resume)
    if checkpoint is None:
        yield None
        return
    with locked(Path(checkpoint)):
        check_run(checkpoint, recipe, resume=resume)  # it may have changed before it was ours
        if (Path(checkpoint) / _RECIPE).exists() and not resume and not overwrite:
            raise UsageError(f"{checkpoint} holds an unfinished run; resume goes on with it, overwrite starts over")
        yield Path(checkpoint)


def begin_run(
    checkpoint: Path,
    recipe: Recipe,
    fingerprint: str,
    frontend: Frontend,
    start: bytes | None = None,
    gathered: str = "",
) -> None:
    """Makes a claimed checkpoint folder afresh, for a run on the data of a fingerprint, whose weights will stand for
    what a frontend gives, from a `start`, the bytes of a model's bundle, where there is one. `gathered` marks what is
    read besides the data. Raises NlpkitError when it cannot be made."""
    try:
        checkpoint.mkdir(parents=True, exist_ok=True)
        _write(checkpoint / _MARK, b"nlpkit keeps a run here while it is unfinished; resume goes on with it\n")
        _remove_files(checkpoint)
        _write(checkpoint / _FINGERPRINT, f"{fingerprint}\n{gathered}".encode())
        _write(checkpoint / frontend.file, frontend.to_bytes())
        if start is not None:
            _write(checkpoint / START, start)
        _write(checkpoint / _RECIPE, recipe_to_toml(recipe).encode())  # with it there is a run
    except OSError as error:
        raise NlpkitError(f"{checkpoint} cannot be written: {reason(error)}; pick another folder") from error


def holds_run(checkpoint: Path) -> bool:
    """Whether nlpkit keeps, or kept, a run in a folder: by its mark, or because all in it is a run's. The folder of a
    model is none."""
    try:
        names = {path.name for path in checkpoint.iterdir()}
        if "metadata.json" in names:
            return False
        if _MARK in names:
            return True
        if not names or not all(map(_is_ours, names)):
            return False
        # killed at its beginning, or begun before there was a mark
        return not names & {*FILES} or bool(recipe_from_toml((checkpoint / _RECIPE).read_text(encoding="utf-8"), ""))
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
    for path in list(checkpoint.iterdir()):
        if path.name != _MARK and _is_ours(path.name):  # the mark goes last
            path.unlink(missing_ok=True)


def _is_ours(name: str) -> bool:
    """Whether a run writes files of a name, or wrote them once; other hidden ones are those of outputs."""
    return name in (*FILES, _MARK, _PARTIAL) or name.startswith(_PARTIALS)


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


def kept_frontend(checkpoint: Path, fingerprint: str, file: str) -> bytes:
    """The frontend of a run to go on with, as the `file` holds it. Raises UsageError when the data is no longer what it
    was."""
    try:
        before = _marks(checkpoint)[0]
        frontend = (checkpoint / file).read_bytes()
    except (OSError, UnicodeDecodeError):
        raise UsageError(f"there is no run in {checkpoint} that could be gone on with; start over") from None
    if before != fingerprint:
        raise UsageError(
            f"the data has changed since the unfinished run in {checkpoint} was begun; bring back what it was begun "
            "with, or start over"
        )
    return frontend


def check_gathered(checkpoint: Path, gathered: str) -> None:
    """Raises UsageError when what a run to go on with read besides its data is no longer what it was."""
    if _marks(checkpoint)[1] != gathered:
        raise UsageError(
            f"the texts without labels, or the vectors, are not those that the unfinished run in {checkpoint} was "
            "begun with; give these, or start over"
        )


def _marks(checkpoint: Path) -> tuple[str, str]:
    """The data's fingerprint, and the mark of what was gathered besides."""
    fingerprint, _, gathered = (checkpoint / _FINGERPRINT).read_text(encoding="ascii").partition("\n")
    return fingerprint, gathered


def kept_start(checkpoint: Path) -> bytes | None:
    """The bundle that a run to go on with was begun from; None where it keeps none. Raises NlpkitError when it cannot
    be read."""
    try:
        return (checkpoint / START).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NlpkitError(f"{checkpoint / START} cannot be read: {reason(error)}") from error


def difference(saved: Recipe, wanted: Recipe) -> str | None:
    """The first thing in which a run's recipe is not the one that is wanted, told as `key = its value, not another`."""
    if saved.task != wanted.task:
        return f"task = {saved.task!r}, not {wanted.task!r}"
    before, now = saved.model_dump(), wanted.model_dump()
    starts = [one["model"]["start_from"] for one in (before, now)]  # by which other keys are what they are
    if starts[0] != starts[1] and (None in starts or len({Path(one).resolve() for one in starts}) == 2):
        return f"model.start_from = {starts[0]!r}, not {starts[1]!r}"
    for section in ("data", "tokenizer", "model", "training"):
        for key, value in before.get(section, {}).items():
            other = now[section][key]
            if (
                (section, key) in _BY_FINGERPRINT
                or (section, key) == _START
                or ((section, key) == _FROM_DATA and other is None)
            ):
                continue
            if other != value:
                return f"{section}.{key} = {value!r}, not {other!r}"
    return None
