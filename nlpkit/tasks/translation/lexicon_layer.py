"""What tokens are likely translated as, as a table inside a network."""

from typing import Any

import keras
from keras import ops

from nlpkit.tasks.translation.lexicon import FOLDS, TRANSLATIONS


@keras.saving.register_keras_serializable("nlpkit")
class Lexicon(keras.layers.Layer):
    """Looks up, for each of tokens int32 [batch, steps], its likeliest translations int32 [batch, steps,
    TRANSLATIONS] and their chances, the same shape, in the table of the row's `fold` int32 [batch]: one that the row
    had no part in, or FOLDS, that of all data. Its weights are a `fold_lexicon`, which training leaves as it is."""

    def __init__(self, vocab_size: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocab_size = vocab_size

    def build(self, *_: Any) -> None:
        shape, fixed = ((FOLDS + 1) * self.vocab_size, TRANSLATIONS), {"initializer": "zeros", "trainable": False}
        self.ids = self.add_weight(shape=shape, dtype="int32", name="ids", **fixed)
        self.chances = self.add_weight(shape=shape, name="chances", **fixed)
        self.built = True

    def call(self, tokens: Any, fold: Any) -> Any:
        rows = tokens + fold[:, None] * self.vocab_size
        return ops.take(self.ids, rows, axis=0), ops.take(self.chances, rows, axis=0)

    def compute_output_spec(self, tokens: Any, fold: Any) -> Any:
        shape = (*tokens.shape, TRANSLATIONS)
        return keras.KerasTensor(shape, "int32"), keras.KerasTensor(shape, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "vocab_size": self.vocab_size}
