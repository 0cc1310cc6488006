"""Vectors of tokens from which others stand near them."""

import numpy as np
import pytest

from nlpkit.cooccurrence import _near, token_vectors

ANIMALS, COLOURS, RARE = (10, 11, 12), (20, 21, 22), 30


def made(count: int = 3_000) -> list[np.ndarray]:
    """Texts in which animals stand among the tokens 40 to 44, and colours among 50 to 54."""
    rng = np.random.default_rng(1)
    texts = []
    for number in range(count):
        words, near = (ANIMALS, 40) if number % 2 else (COLOURS, 50)
        around = rng.integers(near, near + 5, 4)
        texts.append(np.array([*around[:2], rng.choice(words), *around[2:]], np.int32))
    return [*texts, np.array([RARE, 40, 41], np.int32)]


def test_tokens_of_like_neighbours_have_like_vectors() -> None:
    vectors = token_vectors(made(), 60, 6)
    assert sorted(vectors) == [*ANIMALS, *COLOURS, *range(40, 45), *range(50, 55)]  # and none that is met once

    def likeness(first: int, second: int) -> float:
        return float(vectors[first] @ vectors[second])

    for group, others in ((ANIMALS, COLOURS), (COLOURS, ANIMALS)):
        within = min(likeness(first, second) for first in group for second in group)
        across = max(likeness(first, second) for first in group for second in others)
        assert within > across + 0.5
    for vector in vectors.values():
        assert vector.shape == (6,)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_they_are_the_same_every_time() -> None:
    first, second = token_vectors(made(), 60, 6), token_vectors(iter(made()), 60, 6)
    assert all(np.array_equal(first[token], second[token]) for token in first)
    # a form with one blank, whose entries all stand among the same words: far fewer directions than numbers
    forms = [np.array([1, 2, 3, 10 + number % 60, 4, 5, 6]) for number in range(600)]
    first, second = token_vectors(forms, 80, 32), token_vectors(forms, 80, 32)
    assert len(first) == 66
    assert all(np.array_equal(first[token], second[token]) for token in first)
    assert np.isfinite(list(first.values())).all()


def test_nearer_tokens_count_more_and_those_of_other_texts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [np.array([1, 2, 3, 1, 4, 5, 6]), np.array([7]), np.array([8, 9])]
    whole, met = _near(texts, 10)
    assert met.tolist() == [0, 2, 1, 1, 1, 1, 1, 1, 1, 1]
    counts = whole.toarray()
    assert np.array_equal(counts, counts.T)
    assert counts[1, 2] == pytest.approx(1 + 0.8)  # a step after the first 1, two before the second
    assert counts[1, 6] == pytest.approx(0.6)  # six steps after the first, which is too far, three after the second
    assert counts[7].sum() == 0
    assert counts[8].nonzero()[0].tolist() == [9]
    monkeypatch.setattr("nlpkit.cooccurrence._CHUNK", 3)
    assert np.allclose(_near(texts, 10)[0].toarray(), counts)


def test_too_few_tokens_have_none() -> None:
    assert token_vectors(made(), 60, 16) == {}
    assert token_vectors([], 60, 4) == {}
    assert token_vectors([np.array([], np.int32), np.array([3])], 60, 4) == {}


def test_tokens_by_themselves_have_none() -> None:
    alone = [np.array([number % 40]) for number in range(400)]
    assert token_vectors(alone, 40, 8) == {}
    everywhere = [np.array([first, second]) for first in range(12) for second in range(12)] * 3
    assert np.isfinite([*token_vectors(everywhere, 12, 4).values()]).all()


def test_of_very_many_texts_the_first_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlpkit.cooccurrence._CHUNK", 10)
    monkeypatch.setattr("nlpkit.cooccurrence._MOST", 25)
    _, met = _near([np.array([1, 2, 3, 4, 5])] * 100, 6)
    assert met.tolist() == [0, 6, 6, 6, 6, 6]
