"""Which parts of a text an answer comes from."""

from collections.abc import Callable, Sequence

import numpy as np

Differentiated = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From inputs [rows, steps, features] to their scores [rows], and the scores' gradients in the inputs."""

_POINTS = 33  # of the way from the baseline, at first
_HALVINGS = 12  # of a part of the way, at most
_MOST_POINTS = 1_025
NEAR = 1e-3  # of the change of the score
_HELD = 1 << 24  # values of a gate held at a time, over all rows
_SHARES = (0.01, 0.05, 0.1, 0.2, 0.5)  # of the words, taken away or kept


def integrated_gradients(
    differentiated: Differentiated, x: np.ndarray, baseline: np.ndarray, *, width: int
) -> tuple[np.ndarray, float]:
    """What each step of x [steps, features] adds to a score in comparison with a baseline of the same shape, float64
    [steps], and the baseline's score (integrated gradients; Sundararajan et al., 2017).

    Gradients are taken at points of the way between the two. Where the trapezoids between them are furthest from the
    change of the score, the way is halved, until their sum is all of its change to a thousandth of it, or of one: a
    score that bends in one place needs points there alone. One that jumps never gets there, and is left after twelve
    halvings, or 1,025 points. `width` is how many values a step keeps of a row.
    """
    rows = max(1, _HELD // (len(x) * width))

    def at(shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores, rates = [], []
        for start in range(0, len(shares), rows):
            part = shares[start : start + rows, None, None].astype(np.float32)
            score, gradient = differentiated(baseline + part * (x - baseline))
            scores.append(score.astype(np.float64))
            rates.append((gradient * (x - baseline)).sum(2, dtype=np.float64))
        return np.concatenate(scores), np.concatenate(rates)

    shares = np.linspace(0, 1, _POINTS)
    scores, rates = at(shares)
    near = NEAR * max(1.0, abs(scores[-1] - scores[0]))
    for left in reversed(range(_HALVINGS + 1)):
        lengths = np.diff(shares)
        added = (rates[:-1] + rates[1:]) / 2 * lengths[:, None]
        off = added.sum(1) - np.diff(scores)
        if abs(off.sum()) <= near or not left:
            break
        order = np.argsort(-np.abs(off), kind="stable")
        rest = np.abs(off).sum() - np.cumsum(np.abs(off[order]))  # if the first of them were right
        count = min(int(np.argmax(rest <= near / 2)) + 1, _MOST_POINTS - len(shares))
        if count <= 0:
            break
        chosen = np.sort(order[:count])
        between = shares[chosen] + lengths[chosen] / 2
        between_scores, between_rates = at(between)
        shares = np.insert(shares, chosen + 1, between)
        scores = np.insert(scores, chosen + 1, between_scores)
        rates = np.insert(rates, chosen + 1, between_rates, axis=0)
    return added.sum(0), float(scores[0])


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
