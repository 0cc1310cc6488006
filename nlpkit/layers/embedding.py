"""The embedding under a classifier: Keras' own, with dropout that leaves equal tokens equal."""

from typing import Any

import keras
from keras import ops

from nlpkit.layers.dropout import dropped


@keras.saving.register_keras_serializable("nlpkit")
class Embedding(keras.layers.Embedding):
    """`keras.layers.Embedding` that in training drops entries of its matrix (DropConnect; Wan et al., 2013).

    They are drawn anew for each batch, in all of which a token so has one vector, whose products an `LSTM` that is told
    the ids computes once. Dropout that differs from text to text would take that away.
    """

    def __init__(self, input_dim: int, output_dim: int, *, dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(input_dim, output_dim, **kwargs)
        self.dropout = dropout
        self.dropout_seed = keras.random.SeedGenerator()

    def call(self, ids: Any, training: bool = False) -> Any:
        if not training or not self.dropout:
            return super().call(ids)
        return ops.take(dropped(ops.convert_to_tensor(self.embeddings), self.dropout, self.dropout_seed), ids, axis=0)

    def compute_output_spec(self, ids: Any, training: bool = False) -> Any:
        return super().compute_output_spec(ids)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "dropout": self.dropout}
