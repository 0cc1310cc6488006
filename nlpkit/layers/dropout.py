"""Dropout of whole tokens, and of single weights."""

from typing import Any

import keras
from keras import ops

from nlpkit.tokenizer import UNK


@keras.saving.register_keras_serializable("nlpkit")
class WordDropout(keras.layers.Layer):
    """Replaces each token id by the unknown one with probability `rate`, in training only (Dai & Le, 2015)."""

    def __init__(self, rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = rate
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, ids: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return ids
        dropped = keras.random.uniform(ops.shape(ids), seed=self.seed_generator) < self.rate
        return ops.where(dropped, UNK, ids)

    def compute_output_shape(self, ids_shape: Any) -> Any:
        return ids_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate}


def dropped(x: Any, rate: float, seed: keras.random.SeedGenerator) -> Any:
    """`x` with a share `rate` of its entries at zero, drawn anew at each call, and the others scaled to make up."""
    if keras.backend.backend() != "tensorflow":
        return keras.random.dropout(x, rate, seed=seed)
    import tensorflow as tf

    # by the generator's name: XLA's own choice takes 36 times as long on a CPU
    drawn = tf.random.stateless_uniform(
        tf.shape(x), tf.cast(seed.next(), tf.int32), minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    return tf.where(drawn >= round(rate * 2**32), x / (1 - rate), tf.zeros_like(x))
