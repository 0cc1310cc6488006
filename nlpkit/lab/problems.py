"""Two problems that only a memory solves, with what is reached without one."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

SYMBOLS, COPIED = 8, 10

Batch = Callable[[np.random.Generator, int, int], tuple[np.ndarray, np.ndarray]]
"""From a generator, a number of rows and a lag to inputs float32 [rows, steps, features] and what is wanted."""


@dataclass(frozen=True)
class Problem:
    """A problem at any lag: its batches, its loss in Keras' name and in words, what it outputs at how many steps, and
    the loss of knowing nothing at a lag."""

    name: str
    batch: Batch
    loss: str
    measure: str
    features: int
    outputs: int
    each_step: bool
    bar: Callable[[int], float]


def _adding(rng: np.random.Generator, rows: int, lag: int) -> tuple[np.ndarray, np.ndarray]:
    values = rng.random((rows, lag), np.float32)
    marks = np.zeros((rows, lag), np.float32)
    half = lag // 2
    each = np.arange(rows)
    first, second = rng.integers(0, half, rows), rng.integers(half, lag, rows)
    marks[each, first] = marks[each, second] = 1
    return np.stack([values, marks], 2), (values * marks).sum(1, keepdims=True)


def _copying(rng: np.random.Generator, rows: int, lag: int) -> tuple[np.ndarray, np.ndarray]:
    steps = lag + 2 * COPIED
    read, wanted = np.full((rows, steps), SYMBOLS), np.full((rows, steps), SYMBOLS)
    kept = rng.integers(0, SYMBOLS, (rows, COPIED))
    read[:, :COPIED] = wanted[:, -COPIED:] = kept
    read[:, -COPIED - 1] = SYMBOLS + 1  # from the next step on it is to be written
    return np.eye(SYMBOLS + 2, dtype=np.float32)[read], wanted.astype(np.int32)


ADDING = Problem(
    "adding",
    _adding,
    "mean_squared_error",
    "mean squared error",
    features=2,
    outputs=1,
    each_step=False,
    bar=lambda lag: 1 / 6,
)
"""The sum of two marked numbers among many, one in each half (Hochreiter & Schmidhuber, 1997). Answering 1 always has a
mean squared error of a sixth."""

COPYING = Problem(
    "copying",
    _copying,
    "sparse_categorical_crossentropy",
    "nats a step",
    features=SYMBOLS + 2,
    outputs=SYMBOLS + 1,
    each_step=True,
    bar=lambda lag: COPIED * float(np.log(SYMBOLS)) / (lag + 2 * COPIED),
)
"""Ten symbols of eight kinds, to be written again after a wait (Arjovsky et al., 2016). Without a memory, a guess at
each of the ten has 10 ln 8 / (lag + 20) nats a step."""
