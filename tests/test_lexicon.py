"""Which words translate which, found without a network."""

import numpy as np
import pytest

from nlpkit.tasks.translation.lexicon import FOLDS, TRANSLATIONS, fold_lexicon, word_chances

# words 1 to 9 become 11 to 19, in any order
RNG = np.random.default_rng(0)
SOURCES = [RNG.integers(1, 10, RNG.integers(2, 6)) for _ in range(200)]
TARGETS = [RNG.permutation(source + 10) for source in SOURCES]


def test_chances_are_of_one_model_by_hand() -> None:
    # one pair, a word to a word: the empty word and the word share it evenly, and each is translated as nothing else
    given, found, chances = word_chances([np.array([1])], [np.array([2])])
    assert (given.tolist(), found.tolist(), chances.tolist()) == ([0, 1], [2, 2], [1.0, 1.0])
    given, found, chances = word_chances(SOURCES, TARGETS)
    np.testing.assert_allclose(np.bincount(given, chances), 1)
    likeliest = dict(zip(given.tolist(), found.tolist(), strict=True))  # the last of each
    assert {word: likeliest[word] for word in range(1, 10)} == {word: word + 10 for word in range(1, 10)}
    assert [len(part) for part in word_chances([], [])] == [0, 0, 0]
    assert [len(part) for part in word_chances([np.array([1])], [np.array([], np.int64)])] == [0, 0, 0]


def test_a_fold_knows_nothing_of_its_own_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    sources, targets = [*SOURCES, np.array([20, 1])], [*TARGETS, np.array([21, 11])]  # a word of one pair alone
    tables = [table.reshape(FOLDS + 1, 30, TRANSLATIONS) for table in fold_lexicon(sources, targets, 30, seed=1)]
    ids, chances = tables
    own = (len(sources) - 1) % FOLDS
    assert chances[own, 20].tolist() == [0] * TRANSLATIONS
    assert ids[FOLDS, 20, 0] == 21
    assert all(chances[fold, 20, 0] > 0 for fold in range(FOLDS + 1) if fold != own)
    assert not chances[:, 0].any()  # of padding, and so of the empty word, nothing is said
    assert ids[:, 1:10, 0].tolist() == [list(range(11, 20))] * (FOLDS + 1)
    assert (np.diff(chances) <= 0).all()
    monkeypatch.setattr("nlpkit.tasks.translation.lexicon._MOST_CELLS", 500)  # of some pairs, and never of none
    assert 0 < (fold_lexicon(sources, targets, 30, seed=1)[1] > 0).sum() <= (chances > 0).sum()
    monkeypatch.setattr("nlpkit.tasks.translation.lexicon._MOST_CELLS", 0)
    assert fold_lexicon(sources, targets, 30, seed=1)[1].any()
