"""How far back a model's answers come from: what they lose with less of the text before them, or with it in disorder.

Cutting and shuffling what lies farther back tells which context a model uses, and how (Khandelwal et al., 2018).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from nlpkit.inspect.stack import Run

T = TypeVar("T")

Losses = Callable[[list[np.ndarray]], np.ndarray]
"""From the token ids that are read of each example to what the model loses there, in nats: float64 [examples]."""

MOST = 1_024  # tokens back
EXAMPLES = 128
_SHARE = 0.95  # of what context brings
_QUANTILES = (0.1, 0.5, 0.9, 1.0)


@dataclass(frozen=True)
class MemoryReport:
    """What context is worth to a model: its loss in nats, each with the standard error of what it is more than with all
    that is read.

    contexts: numbers of tokens; cut: the loss with so many of the last tokens alone; shuffled: with those before them
    in disorder; gradient: the mean norm of the gradient in the vector of the token so many back, as far as it was
    followed; whole: the loss with all tokens; effective: within how many tokens 95 % of what context brings lies;
    half_lives: by layer and direction how many tokens it takes the memory to halve, by the mean forget gate: of the
    unit above a tenth of them, the median, above nine tenths, and the longest.
    """

    examples: int
    contexts: list[int]
    cut: list[float]
    cut_error: list[float]
    shuffled: list[float]
    shuffled_error: list[float]
    gradient: list[float] | None
    whole: float
    effective: int
    half_lives: dict[str, list[float]]

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def memory_report(
    rows: Sequence[np.ndarray],
    losses: Losses,
    gradient: np.ndarray | None,
    half_lives: dict[str, np.ndarray],
    report: Callable[[int, int], object] = lambda done, total: None,
    whole: np.ndarray | None = None,
) -> MemoryReport:
    """What context is worth, for examples whose token ids are `rows`, the last token that is read last; `gradient`
    [lags] is the mean norm so many tokens back, `whole` [examples] the losses with all that is read, where that is more
    than the rows."""
    longest = max(map(len, rows))
    contexts = [n for n in (2**power for power in range(20)) if n <= longest]
    rng = np.random.default_rng(0)
    farthest = longest if whole is None else 2 * longest  # where there is more than the rows, it lies anywhere beyond
    whole = losses(list(rows)) if whole is None else whole
    found: dict[str, list[np.ndarray]] = {"cut": [], "shuffled": []}
    for done, n in enumerate(contexts):
        report(done, len(contexts))
        found["cut"].append(losses([row[-n:] for row in rows]))
        found["shuffled"].append(losses([np.concatenate([rng.permutation(row[:-n]), row[-n:]]) for row in rows]))
    means = {name: [float(loss.mean()) for loss in values] for name, values in found.items()}
    errors = {
        name: [float((loss - whole).std() / np.sqrt(len(rows))) for loss in values] for name, values in found.items()
    }
    return MemoryReport(
        examples=len(rows),
        contexts=contexts,
        cut=means["cut"],
        cut_error=errors["cut"],
        shuffled=means["shuffled"],
        shuffled_error=errors["shuffled"],
        gradient=None if gradient is None else [float(gradient[n - 1]) for n in contexts if n <= len(gradient)],
        whole=float(whole.mean()),
        effective=_effective(contexts, means["cut"], float(whole.mean()), farthest),
        half_lives={name: np.quantile(lives, _QUANTILES).round(2).tolist() for name, lives in half_lives.items()},
    )


def half_lives_of(runs: Iterable[Run]) -> dict[str, np.ndarray]:
    """By layer and direction, how long each unit remembers, over all that was read: float64 [units]."""
    from nlpkit.inspect.inspection import half_lives, traces_of

    gates: dict[str, list[np.ndarray]] = {}
    for run in runs:
        for row in range(len(run.hidden)):
            for trace in traces_of(run, row):
                if (kept := trace.kept()) is not None:
                    gates.setdefault(trace.name, []).append(kept.mean(0, dtype=np.float64))
    return {name: half_lives(np.mean(means, axis=0)) for name, means in gates.items()}


def _effective(contexts: list[int], cut: list[float], whole: float, longest: int) -> int:
    """Within how many tokens most of what context brings, over one token of it, lies, where all of it lies within the
    `longest`; between two that were measured by the logarithm."""
    if not contexts or cut[0] <= whole:
        return 1
    wanted = cut[0] - _SHARE * (cut[0] - whole)
    places, losses = [*contexts, longest], [*cut, whole]
    for number in range(1, len(places)):
        if losses[number] <= wanted:
            before, after = losses[number - 1], losses[number]
            share = (before - wanted) / max(before - after, 1e-12)
            low, high = np.log(places[number - 1]), np.log(places[number])
            return int(np.ceil(np.exp(low + share * (high - low)) - 1e-9))
    return longest


def some_of(rows: Iterable[T], count: int = EXAMPLES) -> list[T]:
    """So many of the rows, drawn with a seed, and all where there are fewer."""
    rng, kept = np.random.default_rng(0), []
    for number, row in enumerate(rows):
        if number < count:
            kept.append(row)
        elif (place := int(rng.integers(number + 1))) < count:
            kept[place] = row
    return kept


def mean_by_lag(norms: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over examples of what there is so many tokens before the last, for each [tokens], the last last."""
    longest = max(map(len, norms))
    padded = np.full((len(norms), longest), np.nan)
    for row, values in zip(padded, norms, strict=True):
        row[: len(values)] = values[::-1]
    means: np.ndarray = np.nanmean(padded, axis=0)
    return means
