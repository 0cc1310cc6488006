"""A linear model of hashed n-grams, which stands beside the recurrent layers (wide and deep; Cheng et al., 2016)."""

from typing import Any

import keras
from keras import ops

from nlpkit.tasks.classification.ngrams import MARKS, NgramWeights, code_limit


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
            "edges": ((self.vocabulary, 2), "bool"),
            "marks": ((self.buckets,), "uint8"),
            "table": ((self.buckets, self.columns), "int8"),
            "norms": ((self.buckets, self.columns), "uint8"),
            "kernel": ((self.columns, self.classes), "float32"),
        }
        for name, (shape, dtype) in shapes.items():
            weight = self.add_weight(shape=shape, dtype=dtype, initializer="zeros", trainable=False, name=name)
            setattr(self, name, weight)
        self.built = True

    def call(self, ids: Any, lengths: Any) -> Any:
        rows, steps, ahead = ops.shape(ids)[0], ops.shape(ids)[1], self.n - 1
        codes, edges = ops.take(self.codes, ids, axis=0), ops.take(self.edges, ids, axis=0)
        position = ops.arange(steps, dtype="int32")[None, :]
        real = ops.cast(position < lengths[:, None], "int32")
        begins = ops.logical_or(edges[:, :, 0], ops.pad(edges[:, :-1, 1], ((0, 0), (1, 0)), constant_values=True))
        begins = ops.cast(begins, "int32") * real
        # each row has as many places for words as steps
        word = ops.arange(rows, dtype="int32")[:, None] * steps + ops.cumsum(begins, axis=1) - 1
        # not segment_sum, which is in float32 on PyTorch: too coarse for codes, whole numbers of up to 30 bits
        nothing = ops.zeros((rows * steps, self.n), "int32")
        codes = ops.reshape(codes * real[:, :, None], (-1, self.n))
        words = ops.scatter_update(nothing, ops.reshape(word, (-1, 1)), codes, reduction="add")
        words = ops.pad(ops.reshape(words, (rows, steps, self.n)), ((0, 0), (0, ahead), (0, 0))) % code_limit(self.n)
        count, total, keys = ops.sum(begins, axis=1, keepdims=True), 0, []
        for place in range(self.n):
            total = total + words[:, place : place + steps, place]
            keys.append(ops.where(position + place < count, total, -1))
        key = ops.sort(ops.concatenate(keys, axis=1), axis=1)
        before = ops.pad(key[:, :-1], ((0, 0), (1, 0)), constant_values=-1)
        counted = ops.logical_and(key >= 0, ops.not_equal(key, before))
        bucket, mark = key % self.buckets, key // self.buckets % MARKS
        own = ops.logical_and(counted, ops.equal(ops.cast(ops.take(self.marks, bucket, axis=0), "int32"), mark))
        table, norms = (
            ops.cast(ops.take(values, bucket, axis=0), "float32") * ops.cast(own, "float32")[:, :, None]
            for values in (self.table, self.norms)
        )
        length = ops.sqrt(ops.maximum(ops.sum(ops.square(norms), axis=1), 1.0))
        return ops.matmul(ops.sum(table, axis=1) / length, self.kernel)

    def assign(self, weights: NgramWeights) -> None:
        """Takes the weights of a model that was fitted."""
        self.set_weights([weights.codes, weights.edges, weights.marks, weights.table, weights.norms, weights.kernel])

    def ngram_weights(self) -> NgramWeights:
        """The weights as NumPy arrays."""
        return NgramWeights(*self.get_weights())

    def compute_output_shape(self, ids_shape: Any, lengths_shape: Any = None) -> Any:
        return (ids_shape[0], self.classes)

    def get_config(self) -> dict[str, Any]:
        sizes = ("vocabulary", "n", "buckets", "columns", "classes")
        return {**super().get_config(), **{name: getattr(self, name) for name in sizes}}
