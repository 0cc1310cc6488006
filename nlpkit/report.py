"""How good a model's answers are: what the reports of all tasks have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from nlpkit.intervals import Interval, resampled_interval

if TYPE_CHECKING:
    from rich.console import Console


class Gain(BaseModel):
    """By how much a model is better than its yardstick in its chief figure, which it is worse in when negative, and
    where that lies in 95 % of draws of as many rows, each judged by both; metadata.json keeps it as it is."""

    model_config = ConfigDict(strict=True, frozen=True)

    figure: str
    model: float
    yardstick: float
    gain: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Report(ABC):
    """The figures of one evaluation. `intervals` hold some of them in 95 % of draws of as many rows; `each` is what
    they are made of, a row for each draw: float or int [rows, ...]."""

    chief: ClassVar[tuple[str, ...]]
    """The figures to look at first."""

    intervals: dict[str, Interval]
    each: np.ndarray = field(repr=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The figures as plain JSON values, less what is None and what they are made of."""
        shown = {one.name: getattr(self, one.name) for one in fields(self) if one.repr and one.name != "intervals"}
        told = {name: _plain(value) for name, value in shown.items() if value is not None}
        return told | {"intervals": {name: list(bounds) for name, bounds in self.intervals.items()}}

    @abstractmethod
    def gain_over(self, yardstick: Self) -> Gain:
        """The gain of a model over its yardstick, whose report is on the same rows."""

    @abstractmethod
    def show(self, console: "Console", title: str) -> None:
        """Prints the figures under a title, as Rich's markup."""

    def show_rows(self, console: "Console") -> None:
        """Prints what rows came to, where that says more than figures."""
        return

    def told(self, figure: str, form: str = ".4f") -> str:
        """A figure with its interval, in Rich's markup."""
        low, high = self.intervals[figure]
        value = f"{getattr(self, figure):{form}}"
        return f"{f'[bold]{value}[/]' if figure in self.chief else value} [dim]({low:{form}} to {high:{form}})[/]"

    def _gain(self, figure: str, yardstick: Self, gain: float, interval: Interval) -> Gain:
        low, high = interval
        ours, theirs = getattr(self, figure), getattr(yardstick, figure)
        return Gain(figure=figure, model=ours, yardstick=theirs, gain=gain, low=low, high=high)

    def _resampled_gain(
        self,
        figure: str,
        of: Callable[[np.ndarray], np.ndarray],
        yardstick: Self,
        ours: np.ndarray,
        theirs: np.ndarray,
    ) -> Gain:
        """A gain in a figure `of` sums of rows, [rows, counts] each, drawn together."""
        width = ours.shape[1]
        difference = getattr(self, figure) - getattr(yardstick, figure)
        both = np.concatenate([ours, theirs], axis=1)
        interval = resampled_interval(lambda sums: of(sums[:, :width]) - of(sums[:, width:]), both, difference)
        return self._gain(figure, yardstick, difference, interval)


def _plain(value: Any) -> Any:
    if isinstance(value, list) and value and is_dataclass(value[0]):
        return [asdict(one) for one in value]
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
