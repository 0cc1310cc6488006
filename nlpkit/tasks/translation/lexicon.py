"""Which words translate which: IBM Model 1, from pairs of sentences, without a network."""

from collections.abc import Sequence

import numpy as np

FOLDS = 5
TRANSLATIONS = 4  # of a token that are kept
_ITERATIONS = 10
_MOST_CELLS = 10_000_000  # a token beside one of the other side: a few seconds


def some_pairs(source_lengths: np.ndarray, target_lengths: np.ndarray, seed: int) -> np.ndarray:
    """The numbers of pairs of such lengths, drawn, that there is time for: all, or as many as come to `_MOST_CELLS`."""
    order = np.random.default_rng(seed).permutation(len(source_lengths))
    cells = ((source_lengths + 1) * target_lengths)[order].cumsum()
    return order[: max(1, int(np.searchsorted(cells, _MOST_CELLS, side="right")))]


def word_chances(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """t(target | source) of words that stand in a pair together: source ids, target ids and chances, the likeliest of
    each source's last.

    IBM Model 1 (Brown et al., 1993) by expectation maximization. Ids are above 0, which is the empty word.
    """
    # a cell for each word of a target beside each of its source, the empty one included
    words = 1 + max((int(target.max(initial=0)) for target in targets), default=0)
    sides = [(np.append(0, source).astype(np.int64), target) for source, target in zip(sources, targets, strict=True)]
    cells = [np.add.outer(target, source * words).reshape(-1) for source, target in sides]
    widths = [np.full(len(target), len(source)) for source, target in sides]
    place = np.repeat(np.arange(sum(map(len, widths))), np.concatenate([[], *widths]).astype(np.int64))
    kinds, kind = np.unique(np.concatenate([np.empty(0, np.int64), *cells]), return_inverse=True)
    given, found = np.divmod(kinds, words)
    chances = np.ones(len(kinds))
    for _ in range(_ITERATIONS):
        shares = chances[kind]
        shares /= np.bincount(place, shares)[place]  # of a target's word, among its source's
        counts = np.bincount(kind, shares, minlength=len(kinds))
        chances = counts / np.bincount(given, counts)[given]
    order = np.lexsort((chances, given))
    return given[order], found[order], chances[order]


def fold_lexicon(
    sources: Sequence[np.ndarray], targets: Sequence[np.ndarray], vocab_size: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """For each token id its likeliest translations and their chances: int32 and float32 [(FOLDS + 1) * vocab_size,
    TRANSLATIONS], a table after the other.

    Table f leaves out the pairs whose number is f modulo FOLDS: in the table that it went into, a rare word's
    translations are its own sentence's, which a network would learn to trust more than it can elsewhere. The last is
    of all pairs, or of as many as come to `_MOST_CELLS`. A token that a table has not seen has chances of zero.
    """
    source, target = (np.array([len(row) for row in side], np.int64) for side in (sources, targets))
    rows = some_pairs(source, target, seed)
    ids = np.zeros((FOLDS + 1, vocab_size, TRANSLATIONS), np.int32)
    kept = np.zeros(ids.shape, np.float32)
    for fold in range(FOLDS + 1):
        some = rows[rows % FOLDS != fold]
        given, found, chances = word_chances([sources[row] for row in some], [targets[row] for row in some])
        rank = np.searchsorted(given, given, side="right") - 1 - np.arange(len(given))
        best = (rank < TRANSLATIONS) & (given > 0)
        ids[fold, given[best], rank[best]] = found[best]
        kept[fold, given[best], rank[best]] = chances[best]
    return ids.reshape(-1, TRANSLATIONS), kept.reshape(-1, TRANSLATIONS)
