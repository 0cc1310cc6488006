"""Beam search against looking at every sequence there is."""

from itertools import product

import numpy as np
import pytest

from nlpkit.errors import UsageError
from nlpkit.runtime.beam import Hypothesis, Ranking, Step, beam_search

VOCABULARY, END, BEGIN = 4, 3, 9
SOURCE_STEPS = 3


def chances(ids: tuple[int, ...], given: int = 0) -> np.ndarray:
    """Made-up log-probabilities of what follows, which depend on an input and on all that came before."""
    logits = np.random.default_rng([7, given, *ids]).normal(0, 1.5, VOCABULARY)
    found: np.ndarray = logits - np.log(np.exp(logits).sum())
    return found


def attention(ids: tuple[int, ...], given: int = 0) -> np.ndarray:
    shares = np.random.default_rng([8, given, *ids]).random(SOURCE_STEPS)
    found: np.ndarray = shares / shares.sum()
    return found


def search(
    width: int, limits: list[int], ends: tuple[int, ...] = (), ranking: Ranking = Ranking()
) -> list[list[Hypothesis]]:
    """The made-up model, one input for each limit."""
    sequences: list[tuple[int, tuple[int, ...]]] = [(given, ()) for given in range(len(limits))]
    searched = list(range(len(limits)))

    def step(places: np.ndarray, parents: np.ndarray, tokens: np.ndarray) -> Step:
        nonlocal sequences, searched
        searched = [searched[place] for place in places]
        grown = []
        for place, (rows, drawn) in enumerate(zip(parents.tolist(), tokens.tolist(), strict=True)):
            for row, token in zip(rows, drawn, strict=True):
                given, ids = sequences[row]
                assert given == searched[place]
                grown.append((given, ids if token == BEGIN else (*ids, token)))
        sequences = grown
        return Step(
            np.array([chances(ids, given) for given, ids in sequences]),
            np.array([attention(ids, given) for given, ids in sequences]),
        )

    return beam_search(
        step,
        len(limits),
        width=width,
        limits=np.array(limits),
        begin=BEGIN,
        ends=ends,
        ranking=ranking,
        lengths=np.full(len(limits), SOURCE_STEPS),
    )


def log_probability(ids: tuple[int, ...], given: int = 0) -> float:
    return sum(float(chances(ids[:i], given)[token]) for i, token in enumerate(ids))


def rank(ids: tuple[int, ...], given: int, ranking: Ranking) -> float:
    paid = np.sum([attention(ids[:i], given) for i in range(len(ids))], axis=0)
    coverage = ranking.coverage_penalty * float(np.log(np.minimum(paid, 1)).sum())
    normalized: float = log_probability(ids, given) / ((5 + len(ids)) / 6) ** ranking.length_penalty
    return normalized + coverage


def everything(length: int, ends: tuple[int, ...], given: int, ranking: Ranking) -> list[tuple[int, ...]]:
    """Every sequence of `length` tokens without an end in it, and every shorter one that ends, the best first."""
    found = []
    for size in range(1, length + 1):
        for ids in product(range(VOCABULARY), repeat=size):
            inner = not any(i in ends for i in ids[:-1])
            if inner and (ids[-1] in ends or size == length):
                found.append(ids)
    return sorted(found, key=lambda ids: -rank(ids, given, ranking))


RANKINGS = [Ranking(), Ranking(length_penalty=1.0), Ranking(length_penalty=0.6, coverage_penalty=0.4)]


@pytest.mark.parametrize("ranking", RANKINGS, ids=str)
@pytest.mark.parametrize("ends", [(), (END,)])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_wide_beam_finds_the_best_there_are(length: int, ends: tuple[int, ...], ranking: Ranking) -> None:
    limits = [length, 2, length]
    for given, found in enumerate(search(VOCABULARY ** max(limits), limits, ends, ranking)):
        best = everything(limits[given], ends, given, ranking)[:10]
        shown = [ids[:-1] if ids[-1] in ends else ids for ids in best]
        assert [one.ids for one in found[:10]] == shown
        np.testing.assert_allclose(
            [one.log_probability for one in found[:10]], [log_probability(ids, given) for ids in best]
        )
        np.testing.assert_allclose([one.score for one in found[:10]], [rank(ids, given, ranking) for ids in best])


def test_a_beam_of_one_is_greedy() -> None:
    greedy: tuple[int, ...] = ()
    for _ in range(6):
        greedy = (*greedy, int(chances(greedy).argmax()))
    (one,) = search(1, [6])[0]
    assert one.ids == greedy
    assert one.log_probability == pytest.approx(log_probability(greedy))


def test_greedy_stops_at_an_end() -> None:
    for given, (one,) in enumerate(search(1, [12] * 20, (END,))):
        greedy: tuple[int, ...] = ()
        while len(greedy) < 12:
            token = int(chances(greedy, given).argmax())
            if token == END:
                break
            greedy = (*greedy, token)
        assert one.ids == greedy


def test_inputs_do_not_depend_on_each_other() -> None:
    together = search(3, [6, 2, 9, 1, 6], (END,))
    assert together[0] == search(3, [6], (END,))[0]
    assert [len(found) for found in together] == [3] * 5


def test_a_wider_beam_never_finds_worse_here() -> None:
    narrow, middle, wide = (search(width, [6])[0][0].score for width in (1, 3, 64))
    assert narrow <= middle <= wide


def test_attention_is_that_of_each_step() -> None:
    for one in search(3, [5], (END,))[0]:
        ended = len(one.ids) < 5 or log_probability(one.ids) != pytest.approx(one.log_probability)
        steps = len(one.ids) + ended
        assert one.attention is not None
        np.testing.assert_allclose(one.attention, [attention(one.ids[:i]) for i in range(steps)])


@pytest.mark.parametrize("settings", [{"length_penalty": -1}, {"coverage_penalty": float("inf")}], ids=str)
def test_impossible_rankings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="must be 0 or more"):
        Ranking(**settings)
