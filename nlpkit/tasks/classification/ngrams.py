"""Hashed n-grams of a text's words, and the weights of a linear model on them: in NumPy, and as a part of a graph.

A word is the pieces between two of its edges. The number of a word is the sum of those of its pieces, and an n-gram's
key the sum of those of its words, drawn for the piece and for the word's place in the n-gram (tabulation hashing;
Zobrist, 1970). The key by the number of buckets tells the bucket, and what is left of it, to eight bits, the mark: of
the n-grams of a bucket one owns it, and of those that a model has not seen, or that found their bucket taken, all but
one in 256 are known by their mark, and count for nothing (feature hashing without its collisions; Weinberger et al.,
2009; Bloom, 1970).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlpkit.runtime.builder import GraphBuilder

MARKS = 256

_FLOAT, _INT32, _INT64, _DOUBLE = 1, 6, 7, 11  # ONNX's numbers for types


@dataclass(frozen=True)
class NgramWeights:
    """A linear model of which n-grams a text has, each column of them as a vector of length one.

    Its scores of a text are the sum of its n-grams' rows of the table, each column by the square root of the sum of
    their squared norms, times the kernel. codes: int32 [vocabulary, n], as `piece_codes` draws them; edges: bool
    [vocabulary, 2], whether a word begins before a piece, and whether one begins after it; marks: uint8 [buckets];
    table: int8 [buckets, columns]; norms: uint8 [buckets, columns]; kernel: float32 [columns, classes].
    """

    codes: np.ndarray
    edges: np.ndarray
    marks: np.ndarray
    table: np.ndarray
    norms: np.ndarray
    kernel: np.ndarray

    def scores(self, row: np.ndarray) -> np.ndarray:
        """The scores [classes] of a text's token ids."""
        bucket, mark = place_of(np.unique(find_ngrams(row, self.codes, self.edges).keys), len(self.table))
        own = bucket[self.marks[bucket] == mark]
        length = np.sqrt(np.maximum((self.norms[own].astype(np.float64) ** 2).sum(0), 1))
        scores: np.ndarray = (self.table[own].sum(0) / length).astype(np.float32) @ self.kernel
        return scores

    def goes_with(self, other: "NgramWeights") -> bool:
        """Whether both find the same n-grams in a text."""
        return np.array_equal(self.codes, other.codes) and np.array_equal(self.edges, other.edges)

    def beside(self, earlier: "NgramWeights") -> "NgramWeights":
        """Both as one, in as many buckets, whose scores are the sum of theirs: the columns of the `earlier` one after
        these. A bucket that both have another n-gram in is this one's."""
        own = self.norms.any(1) | self.table.any(1)
        lost = (own & (self.marks != earlier.marks))[:, None]
        return NgramWeights(
            self.codes,
            self.edges,
            np.where(own, self.marks, earlier.marks),
            np.concatenate([self.table, np.where(lost, 0, earlier.table)], 1),
            np.concatenate([self.norms, np.where(lost, 0, earlier.norms)], 1),
            np.concatenate([self.kernel, earlier.kernel]),
        )


@dataclass(frozen=True)
class FoundNgrams:
    """The n-grams of a text: the key int32 of each, and the first of its tokens and the one after its last."""

    keys: np.ndarray
    starts: np.ndarray
    ends: np.ndarray


def code_limit(n: int) -> int:
    """What codes stay below: a power of two, any `n` of which sum to an int32."""
    return 1 << (30 - (n - 1).bit_length())


def piece_codes(alike: np.ndarray, n: int) -> np.ndarray:
    """The codes of pieces in n-grams of up to `n` words, int32 [vocabulary, n]; `alike`, int [vocabulary], names for
    each piece the one whose codes it has."""
    drawn = np.random.default_rng(0).integers(0, code_limit(n), (len(alike), n), dtype=np.int32)
    codes: np.ndarray = drawn[alike]
    return codes


def find_ngrams(ids: np.ndarray, codes: np.ndarray, edges: np.ndarray) -> FoundNgrams:
    """The n-grams of a text of one token or more: its single words, its pairs, and so on, in the order in which they
    begin."""
    begins = np.flatnonzero(np.concatenate([[True], edges[ids[1:], 0] | edges[ids[:-1], 1]]))
    sums = np.add.reduceat(codes[ids], begins, axis=0, dtype=np.int64) % code_limit(codes.shape[1])
    words, edge = sums.astype(np.int32), np.append(begins, len(ids))
    keys, spans, total = [], [], np.zeros(len(words), np.int32)
    for place in range(min(codes.shape[1], len(words))):
        total = total[: len(words) - place] + words[place:, place]
        keys.append(total)
        spans.append(np.stack([edge[: len(total)], edge[place + 1 :]]))
    starts, ends = np.concatenate(spans, axis=1)
    return FoundNgrams(np.concatenate(keys), starts, ends)


def place_of(keys: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """The bucket int32 and the mark uint8 of each key."""
    return keys % buckets, (keys // buckets % MARKS).astype(np.uint8)


def ngram_scores(graph: "GraphBuilder", weights: NgramWeights) -> str:
    """The scores [batch, classes] of the model's inputs ids and lengths; whole numbers are summed, so that they are
    the same to the last bit whatever stands beside a text."""
    n, ints = weights.codes.shape[1], graph.ints
    buckets, marks = graph.constant(np.int32(len(weights.table))), graph.constant(np.int32(MARKS))
    words, counts, position = _words(graph, weights)
    last = np.iinfo(np.int64).max
    total, keys, real = "", [], []
    for place in range(n):
        code = graph.add("Gather", words, graph.constant(np.int64(place)), axis=2)
        code = graph.add("Slice", code, ints(place), ints(place + 1 - n if place + 1 < n else last), ints(1))
        total = graph.add("Add", total, code) if total else code
        keys.append(total)
        real.append(graph.add("Less", graph.add("Add", position, ints(place)), counts))  # it ends within the text
    # what is padding has a key below zero
    key = graph.add("Where", graph.add("Concat", *real, axis=1), graph.add("Concat", *keys, axis=1), _int32(graph, -1))
    every = graph.add("Slice", graph.add("Shape", key), ints(1), ints(2))  # n * steps
    key = graph.add("TopK", key, every, outputs=2, axis=1)  # descending: equal ones stand together, and count once
    before = graph.add("Pad", graph.add("Slice", key, ints(0), ints(-1), ints(1)), ints(0, 1, 0, 0), _int32(graph, -1))
    first = graph.add("Not", graph.add("Equal", key, before))
    counted = graph.add("And", graph.add("GreaterOrEqual", key, _int32(graph, 0)), first)
    bucket = graph.add("Mod", key, buckets)
    mark = graph.add("Mod", graph.add("Div", key, buckets), marks)
    owner = graph.add("Cast", graph.add("Gather", graph.constant(weights.marks), bucket), to=_INT32)
    own = graph.add("And", counted, graph.add("Equal", owner, mark))
    row = graph.add("Where", own, bucket, buckets)

    def gathered(table: np.ndarray, to: int) -> str:
        """[batch, n * steps, columns]; one row more, of zeros, is that of what counts for nothing."""
        found = graph.add("Gather", graph.constant(np.pad(table, ((0, 1), (0, 0)))), row)
        return graph.add("Cast", found, to=to)

    total = graph.add("ReduceSum", gathered(weights.table, _FLOAT), ints(1), keepdims=0)
    squares = graph.add("ReduceSumSquare", gathered(weights.norms, _DOUBLE), axes=[1], keepdims=0)
    length = graph.add("Sqrt", graph.add("Max", graph.add("Cast", squares, to=_FLOAT), graph.constant(np.float32(1))))
    return graph.add("MatMul", graph.add("Div", total, length), graph.constant(weights.kernel))


def _words(graph: "GraphBuilder", weights: NgramWeights) -> tuple[str, str, str]:
    """The codes of each text's words, one beside the other, int32 [batch, steps + n - 1, n], how many there are int64
    [batch, 1], and the steps' numbers int64 [steps]."""
    n, ints = weights.codes.shape[1], graph.ints
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    steps = graph.add("Gather", graph.add("Shape", "ids"), one)
    position = graph.add("Range", zero, steps, one)
    lengths = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=_INT64), ints(1))
    real = graph.add("Cast", graph.add("Less", position, lengths), to=_INT64)
    edges = graph.add("Gather", graph.constant(weights.edges.astype(np.int64)), "ids")  # [batch, steps, 2]
    after = graph.add("Slice", graph.add("Gather", edges, one, axis=2), ints(0), ints(-1), ints(1))
    after = graph.add("Pad", after, ints(0, 1, 0, 0), one)
    begins = graph.add("Mul", graph.add("Max", graph.add("Gather", edges, zero, axis=2), after), real)
    word = graph.add("Sub", graph.add("CumSum", begins, one), one)  # which word a token is of
    codes = graph.add("Gather", graph.constant(weights.codes.astype(np.int64)), "ids")
    codes = graph.add("Mul", codes, graph.add("Unsqueeze", real, ints(2)))
    each = graph.add("Expand", graph.add("Unsqueeze", word, ints(2)), graph.add("Shape", codes))
    nothing = graph.add("Pad", graph.add("Mul", codes, zero), ints(0, 0, 0, 0, n - 1, 0))
    words = graph.add("ScatterElements", nothing, each, codes, axis=1, reduction="add")
    words = graph.add("Cast", graph.add("Mod", words, graph.constant(np.int64(code_limit(n)))), to=_INT32)
    return words, graph.add("ReduceSum", begins, ints(1)), position


def _int32(graph: "GraphBuilder", value: int) -> str:
    return graph.constant(np.int32(value))
