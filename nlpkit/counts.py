"""Counts beside the sequence: an interpolated Kneser-Ney model of token ids, small enough for a bundle.

Loads no training framework.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nlpkit.errors import BundleError

COUNTS = "counts.npz"  # their file in a bundle
MOST = 2_000_000  # n-grams that are kept, at two bytes each or a little more
_READ = 16_000_000  # tokens that are counted: what more would tell is hardly kept
_LEAST = 2.0**-24  # the smallest number above zero that is kept
_LONGEST = 100  # n-gram in a file, in tokens
_PRIOR, _ROUNDS = 50, 100


@dataclass(frozen=True)
class NgramModel:
    """N-grams as a trie, breadth first: the empty one is node 0, and those that go on from a node lie side by side, by
    their last token.

    tokens, unsigned [nodes]: the last token of each; children, unsigned [nodes]: how many go on from it; chances,
    float16 [nodes]: the discounted chance of its last token after those before it; backoff, float16 [nodes]: the share
    of what is left for the other tokens, which is shared out among them as after one token less.
    """

    vocabulary: int
    order: int
    tokens: np.ndarray
    children: np.ndarray
    chances: np.ndarray
    backoff: np.ndarray

    @property
    def none(self) -> int:
        """The node of a context that was not met, from which nothing goes on."""
        return len(self.tokens)

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where the children of each node begin, and those of none."""
        return np.concatenate([[1], 1 + np.cumsum(self.children, dtype=np.int64), [len(self.tokens)]])

    @cached_property
    def _parents(self) -> np.ndarray:
        """Those of all nodes but the first."""
        return np.repeat(np.arange(len(self.tokens)), self.children)

    @cached_property
    def _keys(self) -> np.ndarray:
        """Parent and token of each node but the first, as one number, ascending."""
        keys: np.ndarray = self._parents * self.vocabulary + self.tokens[1:]
        return keys

    @cached_property
    def _left(self) -> np.ndarray:
        """What is left after each node and none, float64."""
        return np.append(np.where(self.children > 0, self.backoff, 1).astype(np.float64), 1.0)

    @cached_property
    def _given(self) -> np.ndarray:
        """The chance of each node, and of none, float64: as it was kept, but that with what is left they are one."""
        found = self.chances.astype(np.float64)
        totals = np.bincount(self._parents, found[1:], len(found))[self._parents]
        found[1:] *= (1 - self._left[self._parents]) / totals
        return np.append(found, 0.0)

    def is_ordered(self) -> bool:
        """Whether the nodes lie as they have to."""
        return bool((np.diff(self._keys) > 0).all())

    def begin(self, rows: int) -> np.ndarray:
        """Where nothing was read yet: the nodes of the last 0, 1, ... order - 1 tokens, int64 [rows, order]."""
        return np.where(np.arange(self.order) == 0, 0, np.full((rows, 1), self.none))

    def advance(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The contexts after a further token each, [rows]."""
        followed = contexts.copy()
        followed[:, 1:] = self._child(contexts[:, :-1], tokens[:, None])
        return followed

    def matched(self, contexts: np.ndarray) -> np.ndarray:
        """How many of the last tokens were met before with something after them: int64 [rows], below the order."""
        known = self._starts[contexts + 1] > self._starts[contexts]
        matched: np.ndarray = self.order - 1 - known[..., ::-1].argmax(-1)
        return matched

    def distribution(self, contexts: np.ndarray) -> np.ndarray:
        """Each token's chance of being the next: float64 [rows, vocabulary]."""
        rows = len(contexts)
        scale, rest = self._scale(contexts)
        first = self._starts[contexts].reshape(-1)
        counts = self._starts[contexts + 1].reshape(-1) - first
        ends = np.cumsum(counts)
        nodes = np.arange(ends[-1]) + np.repeat(first - ends + counts, counts)
        cells = np.repeat(np.arange(rows), counts.reshape(rows, -1).sum(1)) * self.vocabulary + self.tokens[nodes]
        shares = self._given[nodes] * np.repeat(scale.reshape(-1), counts)
        found = np.bincount(cells, shares, rows * self.vocabulary).reshape(rows, -1)
        found += rest[:, None] / self.vocabulary
        return found

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """The surprise of each token of a text given all before it, -log p in nats: float64 [tokens]."""
        nats: np.ndarray = -np.log(self.along(ids)[0])
        return nats

    def along(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The chance of each token of a text after those before it, float64 [tokens], and how many of these `matched`,
        int64 [tokens]."""
        ids = ids.astype(np.int64)
        contexts = np.full((len(ids), self.order), self.none)
        contexts[:, 0] = 0
        given = np.zeros(contexts.shape)
        for length in range(self.order):
            node = self._child(contexts[:, length], ids)
            given[:, length] = self._given[node]
            if length + 1 < self.order:
                contexts[1:, length + 1] = node[:-1]
        scale, rest = self._scale(contexts)
        return (given * scale).sum(1) + rest / self.vocabulary, self.matched(contexts)

    def _child(self, nodes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        wanted = nodes * self.vocabulary + tokens
        places = np.searchsorted(self._keys, wanted)
        found = self._keys[np.minimum(places, len(self._keys) - 1)] == wanted
        return np.where(found, places + 1, self.none)

    def _scale(self, contexts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What a chance after each context counts, [rows, order], and what is left when all have counted, [rows]."""
        left = np.cumprod(self._left[contexts][:, ::-1], 1)[:, ::-1]
        return np.concatenate([left[:, 1:], np.ones((len(left), 1))], 1), left[:, 0]


@dataclass(frozen=True)
class WeightedCounts:
    """Counts, and how much they weigh beside a network after so many `matched` tokens: weights, float64 [order]."""

    ngrams: NgramModel
    weights: np.ndarray

    def weight(self, matched: np.ndarray) -> np.ndarray:
        """The share that the counts have: float64 [rows]."""
        found: np.ndarray = self.weights[matched]
        return found

    def mixed(self, nats: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The surprise of each token of a text, where the network's is `nats` [tokens]: float64 [tokens]."""
        chances, matched = self.ngrams.along(ids)
        weight = self.weight(matched)
        mixed: np.ndarray = -np.log((1 - weight) * np.exp(-nats) + weight * chances)
        return mixed

    def to_bytes(self) -> bytes:
        """The file that a bundle keeps."""
        file, ngrams = io.BytesIO(), self.ngrams
        np.savez_compressed(
            file,
            weights=self.weights,
            **{name: getattr(ngrams, name) for name in ("tokens", "children", "chances", "backoff")},
        )
        return file.getvalue()


def counts_from_bytes(content: bytes, vocabulary: int) -> WeightedCounts:
    """Reads back what `to_bytes` wrote. Raises BundleError for anything else."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            weights = arrays["weights"]
            tokens, children = (_whole(arrays[name]) for name in ("tokens", "children"))
            chances, backoff = (_shares(arrays[name]) for name in ("chances", "backoff"))
        if weights.dtype != np.float64 or weights.ndim != 1 or not 1 <= len(weights) <= _LONGEST:
            raise ValueError("no weights")
        if not ((weights >= 0) & (weights <= 1)).all():
            raise ValueError("weights out of range")
        if {len(children), len(chances), len(backoff)} != {len(tokens)} or children.sum(dtype=np.int64) + 1 != len(tokens):
            raise ValueError("parts of several tries")
        if tokens.max() >= vocabulary:
            raise ValueError("tokens that the tokenizer does not have")
        ngrams = NgramModel(vocabulary, len(weights), tokens, children, chances, backoff)
        if not ngrams.is_ordered():
            raise ValueError("no ascending n-grams")
        return WeightedCounts(ngrams, weights)
    except Exception as error:  # zipfile, zlib and NumPy raise what comes to them
        what = str(error) or type(error).__name__
        raise BundleError(f"{COUNTS} is damaged or not nlpkit's ({what}); copy or train the model again") from None


def _whole(array: np.ndarray) -> np.ndarray:
    """Raises ValueError for what is no array of whole numbers."""
    if array.dtype.kind != "u" or array.itemsize > 4 or array.ndim != 1 or not len(array):
        raise ValueError("no whole numbers")
    return array


def _shares(array: np.ndarray) -> np.ndarray:
    """Raises ValueError for what is no array of shares of one."""
    if array.dtype != np.float16 or array.ndim != 1 or not ((array > 0) & (array <= 1)).all():
        raise ValueError("no shares")
    return array


def weigh_counts(ngrams: NgramModel, nats: np.ndarray, ids: np.ndarray) -> WeightedCounts:
    """Counts with the weights that foretell a text best beside a network whose surprise there is `nats` [tokens]; of a
    text that neither was trained on.

    Each weight is that of a mixture found by expectation maximization (Jelinek & Mercer, 1980), drawn to that of all as
    if these had been met `_PRIOR` times.
    """
    chances, matched = ngrams.along(ids)
    network = np.exp(-nats)
    weights, prior = np.full(ngrams.order, 0.5), 0.5
    met = np.bincount(matched, minlength=ngrams.order)
    for _ in range(_ROUNDS):
        counted = weights[matched] * chances
        shares = np.bincount(matched, counted / (counted + (1 - weights[matched]) * network), ngrams.order)
        prior = (shares.sum() + 0.5) / (met.sum() + 1)
        weights = (shares + _PRIOR * prior) / (met + _PRIOR)
    return WeightedCounts(ngrams, weights)


@dataclass(frozen=True)
class _Level:
    """N-grams of one length, by their tokens: the n-gram without the last token, that without the first, the last
    token, and how often it was met."""

    parents: np.ndarray
    suffixes: np.ndarray
    tokens: np.ndarray
    counts: np.ndarray


def count_ngrams(ids: np.ndarray, vocabulary: int, order: int, most: int = MOST) -> NgramModel:
    """An interpolated modified Kneser-Ney model (Chen & Goodman, 1998) of n-grams up to `order` tokens.

    Of more than `most` n-grams those stay whose loss costs the text's likelihood most (Stolcke, 1998).
    """
    levels = list(_levels(ids[:_READ], vocabulary, order))
    chances: list[np.ndarray] = []
    gains: list[np.ndarray] = []
    before = np.array([1 / vocabulary])  # with nothing before it every token is as likely
    for number, level in enumerate(levels):
        if number + 1 < len(levels):  # in how many ways it is led up to, which is not known of the first of a text
            adjusted = np.maximum(np.bincount(levels[number + 1].suffixes, minlength=len(level.tokens)), 1)
        else:
            adjusted = level.counts
        totals = np.maximum(np.bincount(level.parents, adjusted), 1)  # one where nothing goes on
        discounts = _discounts(adjusted)[np.minimum(adjusted, 3)]
        left = (np.bincount(level.parents, discounts) / totals)[level.parents]
        chance = (adjusted - discounts) / totals[level.parents]
        shared = left * before[level.suffixes]
        gains.append(level.counts * np.log1p(chance / shared))
        chances.append(chance)
        before = chance + shared
    return _trie(vocabulary, levels, chances, _kept(levels, gains, most))


def _levels(ids: np.ndarray, vocabulary: int, order: int) -> Iterator[_Level]:
    ids = ids.astype(np.int64)
    ranks = np.zeros(len(ids) + 1, np.int64)  # of the n-gram that begins at each place
    for length in range(1, min(order, len(ids)) + 1):
        keys = ranks[: len(ids) - length + 1] * vocabulary + ids[length - 1 :]
        found, first, inverse, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
        parents, tokens = np.divmod(found, vocabulary)
        yield _Level(parents, ranks[first + 1], tokens, counts)
        ranks = inverse


def _discounts(counts: np.ndarray) -> np.ndarray:
    """What is taken off counts of 0, 1, 2, and 3 and more."""
    n = np.bincount(np.minimum(counts, 5), minlength=6)[:5].astype(float)
    if not n[1:].all():  # too few to tell
        return np.array([0, 0.5, 0.75, 0.75])
    y = n[1] / (n[1] + 2 * n[2])
    found = np.array([0, *(i - (i + 1) * y * n[i + 1] / n[i] for i in (1, 2, 3))])
    return np.clip(found, [0, 0.1, 0.1, 0.1], [0, 0.95, 1.95, 2.95])


def _kept(levels: list[_Level], gains: list[np.ndarray], most: int) -> list[np.ndarray]:
    """Which n-grams of each level stay: none without the one before it, and all single tokens."""
    worth = [np.full(len(gains[0]), np.inf), *gains[1:]]
    for shorter, level, gain in zip(worth[:-1][::-1], levels[::-1], worth[::-1], strict=False):
        np.maximum.at(shorter, level.parents, gain)
    every = np.concatenate(worth)
    least = -np.inf if len(every) <= most else np.partition(every, -most - 1)[-most - 1]
    return [gain > min(least, np.finfo(float).max) for gain in worth]


def _trie(vocabulary: int, levels: list[_Level], chances: list[np.ndarray], kept: list[np.ndarray]) -> NgramModel:
    tokens, children, given = [np.zeros(1, np.int64)], [], [np.ones(1)]
    stays = np.ones(1, bool)
    for level, chance, keep in zip(levels, chances, kept, strict=True):
        children.append(np.bincount(level.parents[keep], minlength=len(stays))[stays])
        tokens.append(level.tokens[keep])
        given.append(chance[keep])
        stays = keep
    children.append(np.zeros(int(stays.sum()), np.int64))
    counts, shares = np.concatenate(children), np.concatenate(given)
    left = 1 - np.bincount(np.repeat(np.arange(len(counts)), counts), shares[1:], len(counts))
    return NgramModel(
        vocabulary,
        len(levels),
        *(array.astype(np.min_scalar_type(array.max())) for array in (np.concatenate(tokens), counts)),
        *(np.maximum(array, _LEAST).astype(np.float16) for array in (shares, left)),
    )
