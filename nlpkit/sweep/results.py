"""What the runs of a sweep came to."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from nlpkit.bundle import read_bundle
from nlpkit.errors import NlpkitError
from nlpkit.recipe import parse_setting
from nlpkit.sweep.grid import Point
from nlpkit.sweep.runs import SPLIT, Run
from nlpkit.tasks.base import TrainedTask


@dataclass(frozen=True)
class Result:
    """One run that was trained: its figure on the validation split, and the seconds of its training."""

    run: Run
    value: float
    seconds: float


@dataclass(frozen=True)
class PointResult:
    """A point of the grid: the results of its runs, and the runs that failed, with what went wrong."""

    point: Point
    done: list[Result]
    failed: dict[Run, str]

    @property
    def mean(self) -> float:
        return fmean(one.value for one in self.done)

    @property
    def spread(self) -> tuple[float, float]:
        """The least and the largest figure."""
        values = [one.value for one in self.done]
        return min(values), max(values)

    @property
    def seconds(self) -> float:
        return fmean(one.seconds for one in self.done)

    @property
    def command(self) -> str:
        """What trains it once more, with the first seed."""
        run = next(iter([*(one.run for one in self.done), *self.failed]))
        return shlex.join(["nlpkit", "train", *run.arguments])

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        figures = {}
        if self.done:
            low, high = self.spread
            figures = {"mean": self.mean, "low": low, "high": high, "seconds": self.seconds}
        runs = [
            {"seed": one.run.seed, "value": one.value, "seconds": one.seconds, "bundle": str(one.run.folder)}
            for one in self.done
        ]
        failed = [{"seed": run.seed, "error": error} for run, error in self.failed.items()]
        settings = dict(parse_setting(f"{key}={value}") for key, value in self.point)
        return {"settings": settings, **figures, "command": self.command, "runs": [*runs, *failed]}


@dataclass(frozen=True)
class SweepResult:
    """All points, in the grid's order, by the same `figure`; the best is the one with the best mean of those whose
    runs are all done."""

    figure: str
    lower_is_better: bool
    points: list[PointResult]

    @property
    def best(self) -> PointResult | None:
        whole = [point for point in self.points if not point.failed]
        choose = min if self.lower_is_better else max
        return choose(whole, key=lambda point: point.mean, default=None)

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        best = self.best
        return {
            "split": SPLIT,
            "figure": self.figure,
            "better": "lower" if self.lower_is_better else "higher",
            "points": [{**point.to_dict(), "best": point is best} for point in self.points],
        }


def read_results(task: type[TrainedTask[Any]], runs: Sequence[Run], failed: Mapping[Run, str]) -> SweepResult:
    """The figures of the runs' bundles: of those that did not fail, whose figures are not there has failed, too."""
    found, failed = {}, dict(failed)
    for run in runs:
        if run not in failed:
            try:
                found[run] = read_bundle(run.folder).metadata
            except NlpkitError as error:
                failed[run] = str(error)
    for run in list(found):
        if SPLIT not in found[run]["metrics"]:
            del found[run]
            failed[run] = f"{run.folder} has no figures of its {SPLIT} split"
    figure = _figure(task, list(found.values()))
    points = dict.fromkeys(run.point for run in runs)
    return SweepResult(
        figure,
        task.lower_is_better,
        [
            PointResult(
                point,
                [
                    Result(run, metadata["metrics"][SPLIT][figure], metadata["training_seconds"])
                    for run, metadata in found.items()
                    if run.point == point
                ],
                {run: error for run, error in failed.items() if run.point == point},
            )
            for point in points
        ],
    )


def _figure(task: type[TrainedTask[Any]], found: Sequence[Mapping[str, Any]]) -> str:
    """The figure that trainings held their gain over a yardstick to, which they choose by the data, else the task's
    chief one."""
    gains = [metadata.get("yardstick", {}).get("gain", {}).get(SPLIT, {}).get("figure") for metadata in found]
    if gains and gains[0] and len(set(gains)) == 1:
        return str(gains[0])
    shared = [one for one in task.figures if all(one in metadata["metrics"][SPLIT] for metadata in found)]
    if not shared:
        raise NlpkitError(f"the runs have no figure of their {SPLIT} split in common, of {', '.join(task.figures)}")
    return shared[0]
