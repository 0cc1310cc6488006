"""Beam search against looking at every sequence there is."""

from itertools import product

import numpy as np
import pytest

from nlpkit.decoding.beam import beam_search

VOCABULARY, END = 4, 3


def chances(ids: tuple[int, ...]) -> np.ndarray:
    """Made-up log-probabilities of what follows, which depend on all that came before."""
    logits = np.random.default_rng([7, *ids]).normal(0, 1.5, VOCABULARY)
    found: np.ndarray = logits - np.log(np.exp(logits).sum())
    return found


def search(width: int, length: int, ends: tuple[int, ...] = ()) -> list[tuple[tuple[int, ...], float]]:
    sequences: list[tuple[int, ...]] = [()]

    def step(parents: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        nonlocal sequences
        sequences = [(*sequences[p], t) for p, t in zip(parents.tolist(), tokens.tolist(), strict=True)]
        return np.array([chances(ids) for ids in sequences])

    found = beam_search(chances(()), step, width=width, length=length, ends=ends)
    return [(hypothesis.ids, hypothesis.score) for hypothesis in found]


def score(ids: tuple[int, ...]) -> float:
    return sum(float(chances(ids[:i])[token]) for i, token in enumerate(ids))


def everything(length: int, ends: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Every sequence of `length` tokens without an end in it, and every shorter one that ends."""
    found = []
    for size in range(1, length + 1):
        for ids in product(range(VOCABULARY), repeat=size):
            inner = not any(i in ends for i in ids[:-1])
            if inner and (ids[-1] in ends or size == length):
                found.append(ids)
    return sorted(found, key=lambda ids: -score(ids))


@pytest.mark.parametrize("ends", [(), (END,)])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_wide_beam_finds_the_best_there_are(length: int, ends: tuple[int, ...]) -> None:
    best = everything(length, ends)[:10]
    found = search(VOCABULARY**length, length, ends)[: len(best)]
    assert [ids for ids, _ in found] == best
    np.testing.assert_allclose([total for _, total in found], [score(ids) for ids in best])


def test_a_beam_of_one_is_greedy() -> None:
    greedy: tuple[int, ...] = ()
    for _ in range(6):
        greedy = (*greedy, int(chances(greedy).argmax()))
    ((ids, total),) = search(1, 6)
    assert ids == greedy
    assert total == pytest.approx(score(greedy))


def test_a_wider_beam_never_finds_worse_here() -> None:
    assert search(1, 6)[0][1] <= search(3, 6)[0][1] <= search(64, 6)[0][1]


def test_scores_are_those_of_the_sequences_themselves() -> None:
    for ids, total in search(3, 5, (END,)):
        assert total == pytest.approx(score(ids))
