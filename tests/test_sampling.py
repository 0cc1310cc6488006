"""The filters against a plain reference, one token at a time."""

import math
from typing import Any

import numpy as np
import pytest

from nlpkit.errors import UsageError
from nlpkit.tasks.generation.sampling import Sampling, draw, probabilities

ROWS = np.random.default_rng(0).normal(0, 2, (6, 40)).astype(np.float32)
RECENT = np.random.default_rng(1).integers(0, 40, (6, 10))


def reference(logits: list[float], recent: set[int], o: Sampling) -> list[float]:
    """What the options mean, in loops."""
    scores = [
        (x / o.repetition_penalty if x > 0 else x * o.repetition_penalty) if i in recent else x
        for i, x in enumerate(logits)
    ]
    ranked = sorted(range(len(scores)), key=lambda i: -scores[i])
    if o.temperature == 0:
        return [float(i == ranked[0]) for i in range(len(scores))]
    kept = ranked[: o.top_k] if o.top_k else ranked
    odds = {i: math.exp(scores[i] / o.temperature) for i in kept}
    chances = {i: odd / sum(odds.values()) for i, odd in odds.items()}
    share, nucleus = 0.0, {}
    for i in kept:
        if share < o.top_p:
            nucleus[i] = chances[i]
        share += chances[i]
    floor = o.min_p * max(nucleus.values())
    left = {i: chance for i, chance in nucleus.items() if chance >= floor}
    return [left.get(i, 0.0) / sum(left.values()) for i in range(len(scores))]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 1.0},
        {"temperature": 0},
        {"temperature": 0, "repetition_penalty": 3.0},
        {"top_k": 1},
        {"top_k": 5},
        {"top_k": 400},
        {"top_p": 0.5},
        {"top_p": 1e-9},
        {"min_p": 0.2},
        {"min_p": 1.0},
        {"repetition_penalty": 1.7},
        {"temperature": 1.3, "top_k": 12, "top_p": 0.8, "min_p": 0.1, "repetition_penalty": 1.2},
    ],
    ids=str,
)
def test_filters_keep_what_they_should(options: dict[str, Any]) -> None:
    chosen = Sampling(**options)
    found = probabilities(ROWS, chosen, RECENT)
    np.testing.assert_allclose(found.sum(-1), 1)
    for row, logits, recent in zip(found, ROWS.tolist(), RECENT.tolist(), strict=True):
        expected = reference(logits, set(recent), chosen)
        assert [x > 0 for x in row] == [x > 0 for x in expected]
        np.testing.assert_allclose(row, expected, rtol=1e-5, atol=1e-9)


def test_a_token_that_is_forbidden_stays_so() -> None:
    logits = ROWS.copy()
    logits[:, 3] = -np.inf
    for options in (Sampling(), Sampling(top_k=5), Sampling(top_p=0.9), Sampling(temperature=0)):
        assert (probabilities(logits, options)[:, 3] == 0).all()


def test_tokens_are_drawn_as_often_as_their_chance_says() -> None:
    chances = np.array([0.5, 0.0, 0.2, 0.3, 0.0])
    evenly = (np.arange(10_000) + 0.5) / 10_000
    drawn = draw(np.tile(chances, (len(evenly), 1)), evenly)
    np.testing.assert_allclose(np.bincount(drawn, minlength=5) / len(evenly), chances, atol=2e-4)
    ends = draw(np.tile(chances, (2, 1)), np.array([0.0, np.nextafter(1.0, 0)]))
    assert ends.tolist() == [0, 3]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": -0.1}, "temperature must be 0 or more, not -0.1"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 1.1}, "top_p must be above 0 and at most 1, not 1.1"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_k": -1}, "top_k"),
        ({"min_p": 1.5}, "min_p"),
        ({"repetition_penalty": 0.5}, "repetition_penalty must be 1 or more, not 0.5"),
    ],
)
def test_impossible_options(options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Sampling(**options)  # type: ignore[arg-type]
