"""Hashed n-grams of a text's pieces, and the weights of a linear model on them: in NumPy, and as a part of a graph.

An n-gram's bucket is the sum, by the number of buckets, of a code for each of its pieces, drawn for the piece and its
place in the n-gram: tabulation hashing (Zobrist, 1970) for feature hashing (Weinberger et al., 2009). Nothing in it
overflows or depends on a platform.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nlpkit.runtime.builder import GraphBuilder


@dataclass(frozen=True)
class NgramWeights:
    """A linear model whose scores of a text are the sum of its n-grams' rows of the table, times the kernel.

    codes: int32 [vocabulary, n], from 0 on and below the number of buckets; table: int8 [buckets, columns]; kernel:
    float32 [columns, classes].
    """

    codes: np.ndarray
    table: np.ndarray
    kernel: np.ndarray


def piece_codes(alike: np.ndarray, n: int, buckets: int) -> np.ndarray:
    """The codes of pieces in n-grams of up to `n`, int32 [vocabulary, n]; `alike`, int [vocabulary], names for each
    piece the one whose codes it has."""
    drawn = np.random.default_rng(0).integers(0, buckets, (len(alike), n), dtype=np.int32)
    codes: np.ndarray = drawn[alike]
    return codes


def ngram_buckets(ids: np.ndarray, codes: np.ndarray, buckets: int) -> list[np.ndarray]:
    """The buckets of a text's single pieces, of its pairs, and so on, each int32, in the order in which they begin."""
    found, total = [], np.zeros(len(ids), np.int32)
    for place in range(min(codes.shape[1], len(ids))):
        total = total[: len(ids) - place] + codes[ids[place:], place]
        found.append(total % buckets)
    return found


def ngram_scores(graph: "GraphBuilder", weights: NgramWeights) -> str:
    """The scores [batch, classes] of the model's inputs ids and lengths; whole numbers are summed, so that they are
    the same to the last bit whatever stands beside a text."""
    n, buckets, ints = weights.codes.shape[1], len(weights.table), graph.ints
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    last = np.iinfo(np.int64).max
    ids = graph.add("Pad", "ids", ints(0, 0, 0, n - 1))
    codes = graph.add("Gather", graph.constant(weights.codes), ids)  # [batch, steps + n - 1, n]
    steps = graph.add("Gather", graph.add("Shape", "ids"), one)
    position = graph.add("Range", zero, steps, one)
    lengths = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=7), ints(1))  # int64
    total, found = "", []
    for place in range(n):
        code = graph.add("Gather", codes, graph.constant(np.int64(place)), axis=2)
        code = graph.add("Slice", code, ints(place), ints(place + 1 - n if place + 1 < n else last), ints(1))
        total = graph.add("Add", total, code) if total else code
        bucket = graph.add("Mod", total, graph.constant(np.int32(buckets)))
        whole = graph.add("Less", graph.add("Add", position, ints(place)), lengths)  # it ends within the text
        found.append(graph.add("Where", whole, bucket, graph.constant(np.int32(buckets))))
    # one row more, of zeros, for what is no n-gram
    table = graph.constant(np.pad(weights.table, ((0, 1), (0, 0))))
    rows = graph.add("Gather", table, graph.add("Concat", *found, axis=1))
    total = graph.add("ReduceSum", graph.add("Cast", rows, to=1), ints(1), keepdims=0)  # float32
    return graph.add("MatMul", total, graph.constant(weights.kernel))
