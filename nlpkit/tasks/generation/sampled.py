"""A softmax over a part of the vocabulary, for training: over all of it most of the time would go into its sum.

The sum is over the commonest tokens, which have most of it, and over some drawn of the others, which stand for all
of these (complementary sum sampling; Botev, Zheng & Barber, 2017). Judging and answering take all tokens.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from keras import ops


@dataclass(frozen=True)
class SampledClasses:
    """The tokens that are in every sum, int32 [common], those that are drawn from, int32 [rest], and how many of these
    are drawn; `place` int32 [vocabulary] is where a token stands among the common ones, or their number."""

    common: np.ndarray
    rest: np.ndarray
    drawn: int
    place: np.ndarray

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """Tokens of the rest, int32 [drawn], none twice."""
        return self.rest[rng.permutation(len(self.rest))[: self.drawn]]

    def loss(self, features: Any, wanted: Any, drawn: Any, embeddings: Any) -> Any:
        """The cross-entropy [rows, steps] of features [rows, steps, size] and wanted tokens int [rows, steps], by the
        embeddings [vocabulary, size] of the common tokens and of those `drawn`, int [drawn]."""
        drawn = ops.reshape(drawn, (-1,))
        size = embeddings.shape[-1]
        rows, steps = ops.shape(wanted)
        x, wanted = ops.reshape(features, (-1, size)), ops.reshape(wanted, (-1,))
        classes = ops.concatenate([ops.convert_to_tensor(self.common), drawn])
        logits = ops.matmul(x, ops.transpose(ops.take(embeddings, classes, axis=0)))
        common, others = logits[:, : len(self.common)], logits[:, len(self.common) :]
        # one that is wanted, too, is in the sum already
        others = ops.where(drawn[None] == wanted[:, None], -1e9, others + float(np.log(len(self.rest) / self.drawn)))
        own = ops.sum(x * ops.take(embeddings, wanted, axis=0), axis=-1)
        place = ops.take(ops.convert_to_tensor(self.place), wanted)
        is_common = place < len(self.common)
        every = ops.concatenate([common, others, ops.where(is_common, -1e9, own)[:, None]], axis=-1)
        target = ops.where(is_common, place, len(self.common) + self.drawn)
        nats = ops.sparse_categorical_crossentropy(target, every, from_logits=True)
        return ops.reshape(nats, (rows, steps))


def sampled_classes(ids: np.ndarray, vocabulary: int, count: int, rows: int) -> SampledClasses | None:
    """Of token ids [tokens] to train on, in batches of so many rows: half of some `count` classes are the commonest,
    and so many for each row as come to the other half are drawn. None where as many are all there are."""
    drawn = rows * max(1, count // (2 * rows))
    common = count - count // 2
    if common + drawn >= vocabulary:
        return None
    order = np.argsort(-np.bincount(ids, minlength=vocabulary), kind="stable").astype(np.int32)
    place = np.full(vocabulary, common, np.int32)
    place[order[:common]] = np.arange(common)
    return SampledClasses(order[:common], order[common:], drawn, place)
