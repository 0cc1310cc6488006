"""Counts beside the sequence: an interpolated Kneser-Ney model of token ids, small enough for a bundle.

Loads no training framework.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from nlpkit.arrays import packed, unpacked

COUNTS = "counts.npz"  # their file in a bundle
MOST = 2_000_000  # n-grams that are kept, at two bytes each or a little more
_READ = 16_000_000  # tokens that are counted: what more would tell is hardly kept
_NONE = -1  # the node of a context that tells nothing
_LEAST = 2.0**-24  # the smallest number above zero that is kept
_STRETCH = 1 << 16  # tokens judged at a time
_STEPS, _ENOUGH = 20, 1e-3  # of Newton's method at most, and nats below which a further one is not worth while
_HEAVIEST = 100.0  # weight

FEATURES = 3  # that tell how far a context is to be trusted


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

    # what is told of nodes has one more at its end, for _NONE

    @cached_property
    def _starts(self) -> np.ndarray:
        """Where the children of each node begin."""
        return np.append(1 + np.cumsum(self.children, dtype=np.int64) - self.children, 0).astype(np.int32)

    @cached_property
    def _counts(self) -> np.ndarray:
        """How many children each node has."""
        return np.append(self.children, np.uint8(0)).astype(np.int32)

    @cached_property
    def _parents(self) -> np.ndarray:
        """Those of all nodes but the first."""
        return np.repeat(np.arange(len(self.tokens)), self.children)

    @cached_property
    def _keys(self) -> np.ndarray:
        """Parent and token of each node but the first, as one number, ascending, and a last one above them."""
        return np.append(self._parents * self.vocabulary + self.tokens[1:], np.iinfo(np.int64).max)

    @cached_property
    def _contexts(self) -> np.ndarray:
        """For each key the node, if anything goes on from it, else _NONE."""
        return np.append(np.where(self.children > 0, np.arange(len(self.tokens)), _NONE)[1:], _NONE)

    @cached_property
    def _left(self) -> np.ndarray:
        """What is left after each node, float64."""
        return np.append(np.where(self.children > 0, self.backoff, 1).astype(np.float64), 1.0)

    @cached_property
    def _given(self) -> np.ndarray:
        """The chance of each node, float64: as it was kept, but that with what is left they are one."""
        found = self.chances.astype(np.float64)
        totals = np.bincount(self._parents, found[1:], len(found))[self._parents]
        found[1:] *= (1 - self._left[self._parents]) / totals
        return np.append(found, 0.0)

    @cached_property
    def _first(self) -> np.ndarray:
        """The distribution after nothing, float64 [vocabulary]."""
        found = np.full(self.vocabulary, self._left[0] / self.vocabulary)
        known = slice(1, 1 + self._counts[0])
        found[self.tokens[known]] += self._given[known]
        return found

    @cached_property
    def confidence(self) -> np.ndarray:
        """What tells how far to trust what is known after each node, float64 [nodes + 1, features]: a one, and the
        logarithms of what is left and of how many tokens are known."""
        return np.stack([np.ones(len(self._left)), np.log(self._left), np.log(np.maximum(self._counts, 1))], 1)

    def is_ordered(self) -> bool:
        """Whether the nodes lie as they have to."""
        return bool((np.diff(self._keys) > 0).all())

    def begin(self, rows: int) -> np.ndarray:
        """Where nothing was read yet: the nodes of the last 0, 1, ... order - 1 tokens, int64 [rows, order]. Longer
        ones have higher numbers, and those from which nothing is known to go on are _NONE, the lowest."""
        contexts = np.full((rows, self.order), _NONE)
        contexts[:, 0] = 0
        return contexts

    def advance(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The contexts after a further token each, [rows]."""
        followed = np.zeros_like(contexts)
        followed[:, 1:] = self._follow(contexts[:, :-1], tokens[:, None])
        return followed

    def along(self, ids: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """The contexts after each token of ids [rows, steps], read on from others: int64 [rows, steps, order]."""
        found = np.zeros((*ids.shape, self.order), np.int64)
        for length in range(1, self.order):
            before = np.concatenate([contexts[:, None, length - 1], found[:, :-1, length - 1]], 1)
            found[..., length] = self._follow(before, ids)
        return found

    def distribution(self, contexts: np.ndarray) -> np.ndarray:
        """Each token's chance of being the next after contexts [rows, order]: float64 [rows, vocabulary]."""
        longer, rows = contexts[:, 1:], len(contexts)
        left, counts = self._left[longer], self._counts[longer].reshape(-1)
        rest = left[:, ::-1].cumprod(1)[:, ::-1]  # when a context and all longer ones have given
        which = np.repeat(np.arange(len(counts)), counts)
        nodes = np.arange(len(which)) + (self._starts[longer].reshape(-1) - counts.cumsum() + counts)[which]
        cells = self.tokens[nodes] + (which // longer.shape[1] * self.vocabulary if rows > 1 else 0)
        shares = self._given[nodes] * (rest / left).reshape(-1)[which]
        found: np.ndarray = rest[:, :1] * self._first
        found += np.bincount(cells, shares, rows * self.vocabulary).reshape(rows, -1)
        return found

    def nats(self, ids: np.ndarray) -> np.ndarray:
        """The surprise of each token of a text given all before it, -log p in nats: float64 [tokens]."""
        nats = np.empty(len(ids))
        contexts = self.begin(1)
        for start in range(0, len(ids), _STRETCH):
            part = ids[None, start : start + _STRETCH].astype(np.int64)
            after = self.along(part, contexts)
            before = np.concatenate([contexts[:, None], after[:, :-1]], 1)[0]
            nats[start : start + _STRETCH] = -np.log(self._chance(before, part[0]))
            contexts = after[:, -1]
        return nats

    def _chance(self, contexts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """That of a token [rows] after each of contexts [rows, order]; as `distribution` has it, without the others."""
        chance: np.ndarray = self._first[tokens]
        for nodes in contexts[:, 1:].T:
            place, found = self._find(nodes, tokens)
            chance = np.where(found, self._given[place + 1], 0) + self._left[nodes] * chance
        return chance

    def _follow(self, nodes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        place, found = self._find(nodes, tokens)
        return np.where(found, self._contexts[place], _NONE)

    def _find(self, nodes: np.ndarray, tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The place among the keys of each node's child by a token, and whether there is one."""
        wanted = nodes * self.vocabulary + tokens
        place = self._keys.searchsorted(wanted)
        return place, self._keys[place] == wanted


@dataclass(frozen=True)
class WeightedCounts:
    """Counts, and what they and a network beside them weigh: weights, float64 [2, features], the network's before the
    counts', each to be multiplied with the `confidence` of the longest context that is known.

    The next token's distribution is softmax(a log p(network) + b log p(counts)): a product of experts (Hinton, 1999),
    whose weights a and b follow the context (as in maximum entropy mixing; Klakow, 1998).
    """

    ngrams: NgramModel
    weights: np.ndarray

    @cached_property
    def _own(self) -> np.ndarray:
        """The weights of the two after each node, float64 [2, nodes + 1, 1]."""
        own: np.ndarray = (self.weights @ self.ngrams.confidence.T)[..., None]
        return own

    def scores(self, logits: np.ndarray, contexts: np.ndarray) -> np.ndarray:
        """Scores of what is next, float64 [rows, vocabulary], from a network's logits [rows, vocabulary] and contexts
        [rows, order]."""
        network, counts = self._own[:, contexts.max(-1)]
        scores: np.ndarray = network * logits + counts * np.log(self.ngrams.distribution(contexts))
        return scores

    def to_bytes(self) -> bytes:
        """The file that a bundle keeps."""
        arrays = {name: getattr(self.ngrams, name) for name in ("tokens", "children", "chances", "backoff")}
        return packed(weights=self.weights, **arrays)


def counts_from_bytes(content: bytes, vocabulary: int, order: int) -> WeightedCounts:
    """Reads back what `to_bytes` wrote. Raises BundleError for anything else."""
    with unpacked(content, COUNTS) as arrays:
        weights = arrays["weights"]
        tokens, children = (_whole(arrays[name]) for name in ("tokens", "children"))
        chances, backoff = (_shares(arrays[name]) for name in ("chances", "backoff"))
        if weights.dtype != np.float64 or weights.shape != (2, FEATURES) or not (np.abs(weights) <= _HEAVIEST).all():
            raise ValueError("no weights")
        nodes = len(tokens)
        if (
            any(len(array) != nodes for array in (children, chances, backoff))
            or children.sum(dtype=np.int64) != nodes - 1
        ):
            raise ValueError("parts that do not go together")
        if tokens.max() >= vocabulary:
            raise ValueError("tokens that the tokenizer does not have")
        ngrams = NgramModel(vocabulary, order, tokens, children, chances, backoff)
        if not ngrams.is_ordered():
            raise ValueError("no ascending n-grams")
        return WeightedCounts(ngrams, weights)


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


def weigh(network: np.ndarray, counts: np.ndarray, confidence: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The weights of `WeightedCounts` that predict best what came, of text that neither part was fitted on.

    network, counts: scores [places, vocabulary]; confidence [places, features]; wanted, int64 [places]. What is
    minimized, by Newton's method, is convex: surprise in nats, and the squared distance from the geometric mean.
    """
    parts = np.stack([network - network.max(-1, keepdims=True), counts])
    came = np.take_along_axis(parts, wanted[None, :, None], -1)[..., 0]  # [2, places]
    start = np.zeros((2, FEATURES))
    start[:, 0] = 0.5

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        """And the chances [places, vocabulary]."""
        own = weights @ confidence.T
        scores = own[0, :, None] * parts[0] + own[1, :, None] * parts[1]
        highest = scores.max(-1, keepdims=True)
        powers = np.exp(scores - highest)
        total = powers.sum(-1, keepdims=True)
        surprise = (np.log(total) + highest)[:, 0] - (own * came).sum(0)
        return float(surprise.sum() + ((weights - start) ** 2).sum() / 2), powers / total

    weights, (least, chances) = start, loss(start)
    for _ in range(_STEPS):
        mean = np.einsum("pv,ipv->ip", chances, parts)
        gradient = (mean - came) @ confidence + weights - start
        spread = np.stack([[np.einsum("pv,pv,pv->p", chances, one, other) for one in parts] for other in parts])
        spread -= mean[:, None] * mean[None]
        curvature = np.einsum("ijp,pf,pg->ifjg", spread, confidence, confidence).reshape(2 * FEATURES, -1)
        step = np.linalg.solve(curvature + np.eye(2 * FEATURES), gradient.reshape(-1)).reshape(weights.shape)
        for _ in range(_STEPS):
            value, found = loss(weights - step)
            if value <= least:
                break
            step /= 2
        else:
            break
        weights, gained, least, chances = weights - step, least - value, value, found
        if gained < _ENOUGH:
            break
    clipped: np.ndarray = np.clip(weights, -_HEAVIEST, _HEAVIEST)
    return clipped


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
    discounts: np.ndarray = np.clip(found, [0, 0.1, 0.1, 0.1], [0, 0.95, 1.95, 2.95])
    return discounts


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
