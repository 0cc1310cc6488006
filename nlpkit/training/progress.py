"""Training as people see it: bars on a terminal, a plain line an epoch elsewhere; always on standard error."""

import time
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

MARGIN = "_margin"
"""What ends the name of a figure that is half the width of another's interval of 95 %."""
_FIRST_STEPS = 5

EpochRow = dict[str, float]
"""One epoch's figures: a row of history.csv."""


class TrainingDisplay:
    """Shows data being prepared and epochs going by. Use it as a context."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self.progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[figures]}"),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        self._task: TaskID | None = None
        self._stage = ""
        self._length = ""  # of the run, until it is told

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def report(self, stage: str, done: int, total: int | None) -> None:
        """A stage of preparation: `done` of `total`, where that is known."""
        if stage != self._stage:
            self._stage = stage
            self._start(stage, total)
            if not self.console.is_terminal:
                self.console.print(stage, highlight=False)
        if self._task is not None:
            self.progress.update(self._task, completed=done)

    def run_begins(self, length: str) -> None:
        """A run of such a length; told with the time that it takes, as soon as that is known."""
        self._length = length

    def epoch_begins(self, epoch: int, epochs: int, batches: int, done: int, unit: str) -> None:
        self._unit = unit
        self._name = f"epoch {epoch + 1}/{epochs}"
        self._batches, self._done = batches, done
        self._batches_left = batches * (epochs - epoch) - done
        self._examples = self._tokens = self._steps = 0
        self._began = time.monotonic()
        self._start(self._name, batches, done)

    def batch_ends(self, examples: int, tokens: int, loss: float) -> None:
        self._examples += examples
        self._tokens += tokens
        self._steps += 1
        seconds = time.monotonic() - self._began
        left = (self._batches_left - self._steps) * seconds / self._steps
        figures = (
            f"loss {loss:.3f}  {self._examples / seconds:,.0f} {self._unit}/s  {self._tokens / seconds:,.0f} tokens/s  "
            f"{_duration(left)} left"
        )
        if self._steps == _FIRST_STEPS:  # the first of them compiled
            self._warm = time.monotonic()
        elif self._steps == 2 * _FIRST_STEPS:
            self._tell_length((self._batches_left - self._steps) * (time.monotonic() - self._warm) / _FIRST_STEPS)
        if self._task is not None:
            self.progress.update(self._task, advance=1, figures=figures)

    def _tell_length(self, seconds: float) -> None:
        if self._length:
            self.console.print(f"{self._length}: about {_roughly(seconds)}", highlight=False, soft_wrap=True)
            self._length = ""

    def epoch_ends(self, row: EpochRow) -> None:
        self._tell_length(self._batches_left * (time.monotonic() - self._began) / max(1, self._steps))
        speed = self._tokens / (time.monotonic() - self._began)
        self._print(f"{self._name}  {_figures(row)}  {speed:,.0f} tokens/s  {_duration(row['seconds'])}")

    def average_judged(self, epochs: int, figures: EpochRow) -> None:
        self._print(f"mean of the last {epochs} epochs  {_figures(figures)}")

    def _print(self, line: str) -> None:
        self._drop()
        self.console.print(line, highlight=False, soft_wrap=True)

    def _start(self, description: str, total: int | None, completed: int = 0) -> None:
        self._drop()
        self._task = self.progress.add_task(description, total=total, completed=completed, figures="")

    def _drop(self) -> None:
        if self._task is not None:
            self.progress.remove_task(self._task)
            self._task = None


def _figures(row: EpochRow) -> str:
    figures = {name: f"{value:.4f}" for name, value in row.items() if name not in ("epoch", "seconds")}
    margins = {name.removesuffix(MARGIN): figures.pop(name) for name in row if name.endswith(MARGIN)}
    figures |= {name: f"{figures[name]} ± {margin}" for name, margin in margins.items()}
    return "  ".join(f"{name.replace('_', ' ')} {figure}" for name, figure in figures.items())


def validation_row(report: Any, **figures: str) -> EpochRow:
    """An epoch's figures out of a report on the validation split, by the name of each there, and half the width of its
    interval where it has one: `validation_row(report, val_accuracy="accuracy")`."""
    row: EpochRow = {}
    for name, figure in figures.items():
        row[name] = getattr(report, figure)
        if figure in report.intervals:
            low, high = report.intervals[figure]
            row[name + MARGIN] = (high - low) / 2
    return row


def _roughly(seconds: float) -> str:
    """A time to come, as one would say it."""
    if seconds < 50:
        return f"{max(10, round(seconds, -1)):.0f} seconds"
    minutes = round(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes" if minutes < 100 else f"{seconds / 3600:.1f} hours"


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes}:{seconds:02d}"
