"""Dropout of whole tokens."""

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
