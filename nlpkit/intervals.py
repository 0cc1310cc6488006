"""How sure a figure is: where it lies in 95 % of draws of as many rows as it was found on."""

from collections.abc import Callable

import numpy as np

Interval = tuple[float, float]

_Z = 1.959964  # standard deviations to either side
_RESAMPLES = 1_000
_HELD = 1 << 22  # numbers in memory at a time


def share_interval(hits: int, rows: int) -> Interval:
    """Of a share `hits / rows`, from one row on (Wilson, 1927): of few rows, and near 0 and 1, better than the normal
    one."""
    share, rest = hits / rows, _Z * _Z / rows
    middle = (share + rest / 2) / (1 + rest)
    half = _Z * float(np.sqrt(share * (1 - share) / rows + rest / (4 * rows))) / (1 + rest)
    return max(0.0, middle - half), min(1.0, middle + half)


def mean_interval(values: np.ndarray) -> Interval:
    """Of the mean of values [rows], by the normal distribution, but not below zero where no value is; a single row,
    whose spread is not known, may be off by all of it."""
    mean = float(values.mean())
    half = _Z * float(values.std(ddof=1)) / len(values) ** 0.5 if len(values) > 1 else abs(mean)
    return max(mean - half, min(0.0, float(values.min()))), mean + half


def paired_interval(better: int, worse: int, rows: int) -> Interval:
    """Of the difference between two shares found on the same rows, where one was right in `better` rows that the other
    had wrong, and the other way round in `worse` (Agresti & Min, 2005): with half a row more of each of the four kinds,
    so that a handful of rows is sure of nothing."""
    better_more, worse_more, total = better + 0.5, worse + 0.5, rows + 2
    difference = (better_more - worse_more) / total
    variance = ((better_more + worse_more) - (better_more - worse_more) ** 2 / total) / total**2
    found, half = (better - worse) / rows, _Z * float(np.sqrt(variance))
    return min(found, max(-1.0, difference - half)), max(found, min(1.0, difference + half))


def resampled_interval(figure: Callable[[np.ndarray], np.ndarray], rows: np.ndarray, found: float) -> Interval:
    """Of any `figure` of the sum of rows [rows, counts], where it lies in 95 % of bootstrap samples (Efron, 1979),
    widened to what was `found` for all rows. `figure` takes sums [samples, counts] and gives [samples]."""
    rng = np.random.default_rng(12345)
    at_once = max(1, _HELD // len(rows))
    sums = []
    for start in range(0, _RESAMPLES, at_once):
        drawn = rng.multinomial(len(rows), np.full(len(rows), 1 / len(rows)), min(at_once, _RESAMPLES - start))
        sums.append(drawn @ rows)
    low, high = np.quantile(figure(np.concatenate(sums)), [0.025, 0.975]).tolist()
    return min(low, found), max(high, found)
