"""The backbone that every task shares: stacked recurrent layers over vectors and lengths."""

from typing import Any

import keras
from keras import ops

from nlpkit.runtime.graph import RecurrentWeights

_CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def step_mask(lengths: Any, steps: int) -> Any:
    """1.0 at real steps and 0.0 at padding: float32 [batch, steps, 1] from int [batch]."""
    return ops.cast(ops.arange(steps)[None, :, None] < lengths[:, None, None], "float32")


def reverse_by_length(x: Any, lengths: Any) -> Any:
    """Each row's real steps back to front, its padding left at the end: [batch, steps, features], same out."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.reverse_sequence(x, lengths, seq_axis=1)
    batch, steps, features = ops.shape(x)
    position = ops.arange(steps)[None, :]
    source = ops.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)
    flat = ops.reshape(x, (-1, features))
    return ops.reshape(ops.take(flat, ops.arange(batch)[:, None] * steps + source, axis=0), ops.shape(x))


@keras.saving.register_keras_serializable("nlpkit")
class LSTMStack(keras.layers.Layer):
    """Recurrent layers on top of one another, over right-padded rows of vectors.

    Takes vectors [batch, steps, features] and lengths int32 [batch]; gives [batch, steps, units], or
    [batch, steps, 2 * units] when bidirectional: forward, then backward. No mask is used, because masks take
    the fast paths away: padding follows a row's real steps, so it cannot reach them going forward, and the
    backward direction starts at each row's own last step. Outputs at padding are meaningless.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        layers: int,
        *,
        bidirectional: bool,
        recurrent_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """`dropout` falls on the outputs of every layer but the last."""
        super().__init__(**kwargs)
        self.cell, self.units, self.layers = cell, units, layers
        self.bidirectional, self.recurrent_dropout, self.dropout = bidirectional, recurrent_dropout, dropout
        directions = ("forward", "backward") if bidirectional else ("forward",)
        self.recurrent = [
            [
                _CELLS[cell](
                    units,
                    return_sequences=True,
                    recurrent_dropout=recurrent_dropout,
                    name=f"{direction}_{number}",
                )
                for direction in directions
            ]
            for number in range(layers)
        ]
        self.between = [keras.layers.Dropout(dropout) for _ in range(layers - 1)]

    def build(self, vectors_shape: tuple[int | None, ...], lengths_shape: Any = None) -> None:
        features = vectors_shape[-1]
        for directions in self.recurrent:
            for layer in directions:
                layer.build((vectors_shape[0], vectors_shape[1], features))
            features = self.units * len(directions)
        self.built = True

    def call(self, vectors: Any, lengths: Any, training: bool = False) -> Any:
        x = vectors
        for number, directions in enumerate(self.recurrent):
            outputs = [directions[0](x, training=training)]
            if self.bidirectional:
                backward = directions[1](reverse_by_length(x, lengths), training=training)
                outputs.append(reverse_by_length(backward, lengths))
            x = ops.concatenate(outputs, axis=-1) if self.bidirectional else outputs[0]
            if number < len(self.between):
                x = self.between[number](x, training=training)
        return x

    def compute_output_shape(self, vectors_shape: tuple[int | None, ...], lengths_shape: Any = None) -> Any:
        return (*vectors_shape[:-1], self.units * (2 if self.bidirectional else 1))

    def recurrent_weights(self) -> list[list[RecurrentWeights]]:
        """Each layer's weights, a direction each, as numpy arrays in Keras' layout."""
        return [
            [RecurrentWeights(*(ops.convert_to_numpy(w) for w in layer.cell.weights)) for layer in directions]
            for directions in self.recurrent
        ]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "cell": self.cell,
            "units": self.units,
            "layers": self.layers,
            "bidirectional": self.bidirectional,
            "recurrent_dropout": self.recurrent_dropout,
            "dropout": self.dropout,
        }
