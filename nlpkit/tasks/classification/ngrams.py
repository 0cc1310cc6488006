"""Hashed n-grams of a text's pieces, and the weights of a linear model on them: in NumPy, and as a part of a graph.

An n-gram's key is the sum of a number for each of its pieces, drawn for the piece and its place in the n-gram
(tabulation hashing; Zobrist, 1970). The key by the number of buckets tells the bucket, and what is left of it, to eight
bits, the mark: of the n-grams of a bucket one owns it, and of those that a model has not seen, or that found their
bucket taken, all but one in 256 are known by their mark, and count for nothing (feature hashing without its collisions;
Weinberger et al., 2009; Bloom, 1970).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlpkit.runtime.builder import GraphBuilder

MARKS = 256


@dataclass(frozen=True)
class NgramWeights:
    """A linear model whose scores of a text are the sum of its n-grams' rows of the table, times the kernel.

    codes: int32 [vocabulary, n], from 0 on, any n of which sum to an int32; marks: uint8 [buckets]; table: int8
    [buckets, columns]; kernel: float32 [columns, classes].
    """

    codes: np.ndarray
    marks: np.ndarray
    table: np.ndarray
    kernel: np.ndarray

    def scores(self, row: np.ndarray) -> np.ndarray:
        """The scores [classes] of a text's token ids."""
        keys = ngram_keys(row, self.codes)
        bucket, mark = place_of(np.concatenate(keys), len(self.table))
        own = bucket[self.marks[bucket] == mark]
        scores: np.ndarray = self.table[own].sum(0, dtype=np.float32) @ self.kernel
        return scores


def piece_codes(alike: np.ndarray, n: int) -> np.ndarray:
    """The codes of pieces in n-grams of up to `n`, int32 [vocabulary, n]; `alike`, int [vocabulary], names for each
    piece the one whose codes it has."""
    drawn = np.random.default_rng(0).integers(0, (2**31 - 1) // n, (len(alike), n), dtype=np.int32)
    codes: np.ndarray = drawn[alike]
    return codes


def ngram_keys(ids: np.ndarray, codes: np.ndarray) -> list[np.ndarray]:
    """The keys of a text's single pieces, of its pairs, and so on, each int32, in the order in which they begin."""
    found, total = [], np.zeros(len(ids), np.int32)
    for place in range(min(codes.shape[1], len(ids))):
        total = total[: len(ids) - place] + codes[ids[place:], place]
        found.append(total)
    return found


def place_of(keys: np.ndarray, buckets: int) -> tuple[np.ndarray, np.ndarray]:
    """The bucket int32 and the mark uint8 of each key."""
    return keys % buckets, (keys // buckets % MARKS).astype(np.uint8)


def ngram_scores(graph: "GraphBuilder", weights: NgramWeights) -> str:
    """The scores [batch, classes] of the model's inputs ids and lengths; whole numbers are summed, so that they are
    the same to the last bit whatever stands beside a text."""
    n, ints = weights.codes.shape[1], graph.ints
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    buckets, marks = graph.constant(np.int32(len(weights.table))), graph.constant(np.int32(MARKS))
    last = np.iinfo(np.int64).max
    ids = graph.add("Pad", "ids", ints(0, 0, 0, n - 1))
    codes = graph.add("Gather", graph.constant(weights.codes), ids)  # [batch, steps + n - 1, n]
    steps = graph.add("Gather", graph.add("Shape", "ids"), one)
    position = graph.add("Range", zero, steps, one)
    lengths = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=7), ints(1))  # int64
    total, keys, whole = "", [], []
    for place in range(n):
        code = graph.add("Gather", codes, graph.constant(np.int64(place)), axis=2)
        code = graph.add("Slice", code, ints(place), ints(place + 1 - n if place + 1 < n else last), ints(1))
        total = graph.add("Add", total, code) if total else code
        keys.append(total)
        whole.append(graph.add("Less", graph.add("Add", position, ints(place)), lengths))  # it ends within the text
    key = graph.add("Concat", *keys, axis=1)  # [batch, n * steps]
    bucket = graph.add("Mod", key, buckets)
    mark = graph.add("Mod", graph.add("Div", key, buckets), marks)
    owner = graph.add("Cast", graph.add("Gather", graph.constant(weights.marks), bucket), to=6)  # int32
    own = graph.add("And", graph.add("Concat", *whole, axis=1), graph.add("Equal", owner, mark))
    # one row more, of zeros, for what counts for nothing
    table = graph.constant(np.pad(weights.table, ((0, 1), (0, 0))))
    rows = graph.add("Gather", table, graph.add("Where", own, bucket, buckets))
    total = graph.add("ReduceSum", graph.add("Cast", rows, to=1), ints(1), keepdims=0)  # float32
    return graph.add("MatMul", total, graph.constant(weights.kernel))
