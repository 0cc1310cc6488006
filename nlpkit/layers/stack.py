"""The backbone that every task shares: stacked recurrent layers over vectors and lengths."""

from typing import Any

import keras
from keras import ops

from nlpkit.layers.lstm import LSTM
from nlpkit.runtime.graph import STATES, RecurrentWeights

_CELLS = {"lstm": LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}


def step_mask(lengths: Any, steps: int) -> Any:
    """1.0 at real steps and 0.0 at padding: float32 [batch, steps, 1] from int [batch]."""
    return ops.cast(ops.arange(steps)[None, :, None] < lengths[:, None, None], "float32")


def reverse_by_length(x: Any, lengths: Any) -> Any:
    """Each row's real steps back to front, its padding left at the end: [batch, steps] or more, same out."""
    batch, steps, *rest = ops.shape(x)
    position = ops.arange(steps)[None, :]
    source = ops.where(position < lengths[:, None], lengths[:, None] - 1 - position, position)
    if keras.backend.backend() == "tensorflow":
        return _taken_from(x, source)
    flat = ops.reshape(x, (-1, *rest))
    return ops.reshape(ops.take(flat, ops.arange(batch)[:, None] * steps + source, axis=0), ops.shape(x))


def _taken_from(x: Any, source: Any) -> Any:
    """Each row's steps in the order of `source` [batch, steps], which is its own inverse."""
    import tensorflow as tf

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def taken(x: Any) -> Any:
        # the gradient only copies too; TensorFlow's ReverseSequence takes four times as long, forward and back
        return tf.gather(x, source, batch_dims=1), lambda gradient: tf.gather(gradient, source, batch_dims=1)

    return taken(x)


@keras.saving.register_keras_serializable("nlpkit")
class LSTMStack(keras.layers.Layer):
    """Recurrent layers on top of one another, over right-padded rows of vectors.

    Takes vectors [batch, steps, features] and, when bidirectional, lengths int32 [batch]; gives [batch, steps,
    units], or [batch, steps, 2 * units] when bidirectional: forward, then backward. No mask is used, because masks
    take the fast paths away: padding follows a row's real steps, so it cannot reach them going forward, and the
    backward direction starts at each row's own last step. Outputs at padding are meaningless.

    Given a state [layers * STATES[cell], batch, units], it goes on from there and gives (outputs, the state after
    the last step); of an LSTM's layer the output comes first in it, then the memory. One direction only.

    The ids of the tokens whose vectors these are, int32 [batch, steps], spare an LSTM the products of equal ones.
    """

    def __init__(
        self,
        cell: str,
        units: int,
        layers: int,
        *,
        bidirectional: bool = False,
        recurrent_dropout: float = 0.0,
        weight_dropout: float = 0.0,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """`dropout` falls on the outputs of every layer but the last, the same at every step (Gal & Ghahramani,
        2016); `weight_dropout`, of LSTM cells alone, on the recurrent weights."""
        super().__init__(**kwargs)
        self.cell, self.units, self.layers, self.bidirectional = cell, units, layers, bidirectional
        self.recurrent_dropout, self.weight_dropout, self.dropout = recurrent_dropout, weight_dropout, dropout
        directions = ("forward", "backward") if bidirectional else ("forward",)
        options = {"weight_dropout": weight_dropout} if weight_dropout else {}
        self.recurrent = [
            [
                _CELLS[cell](
                    units,
                    return_sequences=True,
                    return_state=True,
                    recurrent_dropout=recurrent_dropout,
                    name=f"{direction}_{number}",
                    **options,
                )
                for direction in directions
            ]
            for number in range(layers)
        ]
        self.between = [keras.layers.SpatialDropout1D(dropout) for _ in range(layers - 1)]

    def build(self, vectors_shape: tuple[int | None, ...], *_: Any, **__: Any) -> None:
        features = vectors_shape[-1]
        for directions in self.recurrent:
            for layer in directions:
                layer.build((vectors_shape[0], vectors_shape[1], features))
            features = self.units * len(directions)
        self.built = True

    def call(
        self, vectors: Any, lengths: Any = None, state: Any = None, ids: Any = None, training: bool = False
    ) -> Any:
        x, final, count = vectors, [], STATES[self.cell]
        for number, directions in enumerate(self.recurrent):
            initial = [state[number * count + i] for i in range(count)] if state is not None else None
            known = ids is not None and number == 0 and self.cell == "lstm"
            options = {"ids": ids} if known else {}
            forward, *states = directions[0](x, initial_state=initial, training=training, **options)
            final += states
            if self.bidirectional:
                options = {"ids": reverse_by_length(ids, lengths)} if known else {}
                backward = directions[1](reverse_by_length(x, lengths), training=training, **options)[0]
                forward = ops.concatenate([forward, reverse_by_length(backward, lengths)], axis=-1)
            x = forward
            if number < len(self.between):
                x = self.between[number](x, training=training)
        return x if state is None else (x, ops.stack(final))

    def compute_output_shape(
        self, vectors_shape: Any, lengths_shape: Any = None, state_shape: Any = None, ids_shape: Any = None
    ) -> Any:
        outputs = (*vectors_shape[:-1], self.units * (2 if self.bidirectional else 1))
        return outputs if state_shape is None else (outputs, state_shape)

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
            "weight_dropout": self.weight_dropout,
            "dropout": self.dropout,
        }
