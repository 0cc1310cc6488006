"""A linear model of hashed n-grams, which stands beside the recurrent layers (wide and deep; Cheng et al., 2016)."""

from typing import Any

import keras
from keras import ops

from nlpkit.tasks.classification.ngrams import MARKS, NgramWeights


@keras.saving.register_keras_serializable("nlpkit")
class Ngrams(keras.layers.Layer):
    """Scores [batch, classes] of ids int32 [batch, steps] and lengths int32 [batch], as `NgramWeights` gives them.

    Its weights are those of `NgramWeights`. They are fitted by another solver, and a network learns none of them.
    """

    def __init__(self, vocabulary: int, n: int, buckets: int, columns: int, classes: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary, self.n, self.buckets, self.columns, self.classes = vocabulary, n, buckets, columns, classes

    def build(self, *_: Any, **__: Any) -> None:
        shapes = {
            "codes": ((self.vocabulary, self.n), "int32"),
            "marks": ((self.buckets,), "uint8"),
            "table": ((self.buckets, self.columns), "int8"),
            "kernel": ((self.columns, self.classes), "float32"),
        }
        for name, (shape, dtype) in shapes.items():
            weight = self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False, name=name)
            setattr(self, name, weight)
        self.built = True

    def call(self, ids: Any, lengths: Any) -> Any:
        steps = ops.shape(ids)[1]
        codes = ops.take(self.codes, ops.pad(ids, ((0, 0), (0, self.n - 1))), axis=0)
        position = ops.arange(steps, dtype="int32")[None, :]
        total, scores = 0, 0.0
        for place in range(self.n):
            total = total + codes[:, place : place + steps, place]
            bucket, mark = total % self.buckets, total // self.buckets % MARKS
            own = ops.equal(ops.cast(ops.take(self.marks, bucket, axis=0), "int32"), mark)
            own = ops.logical_and(own, position + place < lengths[:, None])
            rows = ops.cast(ops.take(self.table, bucket, axis=0), "float32")
            scores = scores + ops.sum(rows * ops.cast(own, "float32")[:, :, None], axis=1)
        return ops.matmul(scores, self.kernel)

    def assign(self, weights: NgramWeights) -> None:
        """Takes the weights of a model that was fitted."""
        self.set_weights([weights.codes, weights.marks, weights.table, weights.kernel])

    def ngram_weights(self) -> NgramWeights:
        """The weights as NumPy arrays."""
        return NgramWeights(*self.get_weights())

    def compute_output_shape(self, ids_shape: Any, lengths_shape: Any = None) -> Any:
        return (ids_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        sizes = ("vocabulary", "n", "buckets", "columns", "classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in sizes}}
