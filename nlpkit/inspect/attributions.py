"""Which parts of a text an answer comes from."""

from collections.abc import Callable, Sequence

import numpy as np

Differentiated = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From inputs [rows, steps, features] to their scores [rows], and the scores' gradients in the inputs."""

_POINTS = (32, 64, 128, 256, 512, 1_024)  # of the way from the baseline, until the sum is near enough
NEAR = 1e-3  # of the change of the score
_HELD = 1 << 24  # values of a gate held at a time, over all rows
_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, taken away or kept


def integrated_gradients(
    differentiated: Differentiated, x: np.ndarray, baseline: np.ndarray, *, width: int
) -> tuple[np.ndarray, float]:
    """What each step of x [steps, features] adds to a score in comparison with a baseline of the same shape, float64
    [steps], and the baseline's score (integrated gradients; Sundararajan et al., 2017).

    Gradients are taken at more and more points between the two until their sum is the change of the score to a
    thousandth of it, or of one, or at 1,024 points; `width` is how many values a step keeps of a row.
    """
    (first, last), _ = differentiated(np.stack([baseline, x]))
    change, found = float(last) - float(first), np.zeros(len(x))
    rows = max(1, _HELD // (len(x) * width))
    for points in _POINTS:
        total = np.zeros(x.shape, np.float64)
        shares = (np.arange(points, dtype=np.float32) + 0.5) / points
        for start in range(0, points, rows):
            part = shares[start : start + rows, None, None]
            total += differentiated(baseline + part * (x - baseline))[1].sum(0, dtype=np.float64)
        found = ((x - baseline) * (total / points)).sum(1)
        if abs(float(found.sum()) - change) <= NEAR * max(1.0, abs(change)):
            break
    return found, float(first)


def without(kept: Sequence[np.ndarray], ids: np.ndarray, empty: int) -> list[np.ndarray]:
    """Token ids of a text with the tokens alone that each mask keeps, bool [tokens]; one `empty` token where it keeps
    none."""
    return [ids[mask] if mask.any() else np.array([empty], ids.dtype) for mask in kept]


def rationale_masks(weights: np.ndarray, words: np.ndarray) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """For a growing share of the words, those of most weight [words]: masks bool [tokens] of the text without them,
    and of them alone; what comprehensiveness and sufficiency are of (ERASER; DeYoung et al., 2020)."""
    order = np.argsort(-weights, kind="stable")
    without_them, alone = [], []
    for share in _SHARES:
        chosen = np.isin(words, order[: max(1, round(share * len(weights)))])
        without_them.append(~chosen)
        alone.append(chosen)
    return without_them, alone
