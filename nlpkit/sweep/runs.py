"""The runs of a sweep: trainings that `nlpkit train` would make as well, each in a folder of its own."""

import hashlib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlpkit.bundle import CHECKPOINT, METADATA, read_bundle
from nlpkit.errors import UsageError
from nlpkit.recipe import Recipe, load_recipe, parse_setting, recipe_from_toml
from nlpkit.sweep.grid import Point, grid_points, told
from nlpkit.tasks import task_class
from nlpkit.tasks.starting import weights_digest
from nlpkit.training.run import check_run, difference

SPLIT = "validation"
"""What runs are judged on: never test, which is for the one that is chosen."""
_LONGEST_NAME = 100
_OF_TARGETS = ("tokenizer.lowercase", "tokenizer.normalization", "tokenizer.byte_fallback")
"""Keys by which texts that are to be found are other ones."""


@dataclass(frozen=True)
class Run:
    """One training: at a point of the grid, with a seed, by these arguments of `nlpkit train`, into a folder."""

    point: Point
    seed: int
    arguments: tuple[str, ...]
    folder: Path

    @property
    def name(self) -> str:
        return f"{told(self.point)} seed {self.seed}".lstrip()

    def command(self) -> list[str]:
        """What trains it, or goes on with it where it was stopped."""
        # of what was stopped before it had a figure, nothing is worth more than the time to train it again
        how = "--resume" if (self.folder / CHECKPOINT / "recipe.toml").exists() else "--overwrite"
        return ["train", *self.arguments, "--seed", str(self.seed), "--output", str(self.folder), how]


Ended = Callable[[Run, str | None], object]
"""Is told of a run that has ended, and of what went wrong, None if nothing did."""


def plan_runs(
    reference: str, settings: Sequence[str], grids: Sequence[str], seeds: int, data: str | None, folder: Path
) -> tuple[Recipe, list[Run], set[Run]]:
    """The recipe, its runs, those of the first seed first, and which of them are done.

    Nothing is trained or written. Raises UsageError for what `nlpkit train` would refuse at any point, and when a
    run's folder holds another model than the run would make.
    """
    base = load_recipe(reference, settings, {"data.source": data})
    points = grid_points(grids)
    judged = {"model.labels"} if task_class(base.task).percent else {"model.labels", *_OF_TARGETS}
    if strange := next((key for key, _ in points[0] if key in judged), None):
        raise UsageError(f"--grid {strange}: figures of such points do not compare; make a sweep of its own for each")
    for key in {parse_setting(setting)[0] for setting in settings}.intersection(dict(points[0])):
        raise UsageError(f"{key} has a grid, and --set sets it too; leave one of them out")
    given = [reference, *(["--data", data] if data else []), *(word for one in settings for word in ("--set", one))]
    wanted = {point: _recipe_at(point, reference, settings, data) for point in points}
    runs = [
        Run(point, seed, (*given, *(word for key, value in point for word in ("--set", f"{key}={value}"))), where)
        for seed in range(base.training.seed, base.training.seed + seeds)
        for point in wanted
        for where in [folder / _folder_name(point, seed)]
    ]
    fingerprint = task_class(base.task)(base).own_dataset().fingerprint
    return base, runs, {run for run in runs if _is_done(run, *wanted[run.point], fingerprint)}


def _recipe_at(point: Point, reference: str, settings: Sequence[str], data: str | None) -> tuple[Recipe, str | None]:
    """The recipe at a point, with what it takes from the model that it starts from, and the digest of that."""
    own = [f"{key}={value}" for key, value in point]
    try:
        recipe = load_recipe(reference, [*settings, *own], {"data.source": data})
    except UsageError as error:
        message = str(error)
        for setting in own:
            message = message.replace(f"--set {setting}:", f"--grid {setting}:")
        raise UsageError(message) from None
    model = task_class(recipe.task)(recipe)
    start = model.start()
    return model.recipe, None if start is None else weights_digest(start)


def _folder_name(point: Point, seed: int) -> str:
    """The name of a run's folder: what it is called, as far as any system takes that for a file's name."""
    name = ",".join([*(f"{key}={value}" for key, value in point), f"seed={seed}"])
    plain = re.sub(r"[^\w.,=-]", "-", name, flags=re.ASCII)
    if plain == name and len(name) <= _LONGEST_NAME:
        return name
    return f"{plain[:_LONGEST_NAME]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _is_done(run: Run, wanted: Recipe, start: str | None, fingerprint: str) -> bool:
    """Whether a run's folder holds its model, with figures. Raises UsageError where it holds another one's."""
    wanted = wanted.model_copy(update={"training": wanted.training.model_copy(update={"seed": run.seed})})
    if (run.folder / CHECKPOINT / "recipe.toml").exists():
        try:
            check_run(run.folder / CHECKPOINT, wanted, resume=True)
        except UsageError as error:
            raise UsageError(f"{str(error).rpartition(';')[0]}; pick another folder with --output") from None
    if not (run.folder / METADATA).exists():
        return False
    bundle = read_bundle(run.folder)
    saved = recipe_from_toml(bundle.files["recipe.toml"].decode(), str(run.folder), type(wanted))
    what = difference(saved, wanted)
    if bundle.metadata["data"]["fingerprint"] != fingerprint:
        what = what or "other data"
    if bundle.metadata.get("start", {}).get("sha256") != start:
        what = what or "another start"
    if what:
        raise UsageError(f"{run.folder} holds a model with {what}; pick another folder with --output")
    return SPLIT in bundle.metadata["metrics"]


def train(command: Sequence[str], say: Callable[[str], object], **options: Any) -> str | None:
    """Runs `nlpkit` with a command in a process of its own, and says its lines on; gives what went wrong, None if
    nothing did. `options` are those of the process. When this is stopped, so is the training, which saves its state."""
    words = [sys.executable, "-P", "-m", "nlpkit", *command]
    last = ""
    with subprocess.Popen(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # Ctrl-C comes here alone, and is passed on once
        **options,
    ) as process:
        try:
            for line in process.stderr or ():
                last = line.strip() or last
                say(line.rstrip("\n"))
        except BaseException:
            process.terminate()
            process.communicate()
            raise
    if not process.returncode:
        return None
    return last.removeprefix("error: ") if last.startswith("error: ") else f"exit code {process.returncode}"


def train_in_turn(runs: Sequence[Run], ended: Ended, say: Callable[[str], object]) -> None:
    """Trains one run after another."""
    for number, run in enumerate(runs, 1):
        say(f"{number}/{len(runs)} {run.name}")
        ended(run, train(run.command(), say))
