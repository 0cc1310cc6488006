"""The decoder of a translator: LSTM layers that look back on the source at every step."""

from typing import Any, Literal

import keras
from keras import ops

from nlpkit.layers.stack import step_mask


@keras.saving.register_keras_serializable("nlpkit")
class AttentionDecoder(keras.layers.Layer):
    """LSTM layers under attention over a source, taught with the right target tokens.

    Takes embedded target tokens [batch, steps, features], the encoder's outputs [batch, source steps, memory] and
    the source's lengths int32 [batch]; gives attentional vectors [batch, steps, size], from which the next tokens
    are predicted. The top layer's output h asks the source, by `general` scores h W m (Luong et al., 2015) or
    `additive` ones v tanh(W h + U m) (Bahdanau et al., 2015); what is found there, c, makes with it the attentional
    vector tanh(V [c, h]), which with `input_feeding` the next step is given too. The first state is made of the mean
    of the encoder's outputs.

    With `lexicon` the last `size` features of the encoder's outputs are the embeddings of what each source token is
    likely translated as, and what attention finds of them is added to the attentional vector, each feature by a weight
    of its own, so that the way from a word to its translation is short (Arthur et al., 2016; Nguyen & Chiang, 2018).
    """

    def __init__(
        self,
        units: int,
        layers: int,
        size: int,
        *,
        attention: Literal["general", "additive"] = "general",
        input_feeding: bool = True,
        lexicon: bool = False,
        dropout: float = 0.0,
        **kwargs: Any,
    ) -> None:
        """`dropout` falls on the attentional vectors, those fed to the next step too, the same at every step."""
        super().__init__(**kwargs)
        self.units, self.layers, self.size = units, layers, size
        self.attention, self.input_feeding, self.lexicon, self.dropout = attention, input_feeding, lexicon, dropout
        self.dropout_seed = keras.random.SeedGenerator()

    def build(self, vectors_shape: Any, memory_shape: Any, *_: Any, **__: Any) -> None:
        features, memory = vectors_shape[-1], memory_shape[-1]

        def weight(name: str, *shape: int, initializer: str = "glorot_uniform") -> Any:
            return self.add_weight(shape=shape, initializer=initializer, name=name)

        self.bridge_kernel = weight("bridge_kernel", memory, 2 * self.layers * self.units)
        self.bridge_bias = weight("bridge_bias", 2 * self.layers * self.units, initializer="zeros")
        self.kernels = []
        for number in range(self.layers):
            below = features + (self.size if self.input_feeding else 0) if number == 0 else self.units
            # gates in Keras' order i, f, c, o; the layer's own output comes last in its input
            self.kernels.append(
                (
                    weight(f"kernel_{number}", below + self.units, 4 * self.units),
                    self.add_weight(shape=(4 * self.units,), initializer=_forget_ones, name=f"bias_{number}"),
                )
            )
        self.key_kernel = weight("key_kernel", memory, self.units)
        if self.attention == "additive":
            self.query_kernel = weight("query_kernel", self.units, self.units)
            self.score_vector = weight("score_vector", self.units, 1)
        self.combine_kernel = weight("combine_kernel", memory + self.units, self.size)
        self.combine_bias = weight("combine_bias", self.size, initializer="zeros")
        if self.lexicon:
            self.lexicon_scale = weight("lexicon_scale", self.size, initializer="ones")
        self.built = True

    def call(self, vectors: Any, memory: Any, lengths: Any, training: bool = False) -> Any:
        keys = ops.matmul(memory, self.key_kernel)
        real = step_mask(lengths, ops.shape(memory)[1])
        mask = (ops.transpose(real, (0, 2, 1)) - 1) * 1e9  # [batch, 1, source steps]
        mean = ops.sum(memory * real, 1) / ops.cast(lengths, "float32")[:, None]
        states = ops.split(ops.tanh(ops.matmul(mean, self.bridge_kernel) + self.bridge_bias), 2 * self.layers, axis=-1)
        features = vectors.shape[-1]
        (first, bias), *above = self.kernels
        # the tokens' part of the first layer's gates, for all steps at once
        projected = ops.matmul(ops.transpose(vectors, (1, 0, 2)), first[:features]) + bias
        fed = ops.zeros_like(vectors[:, 0, :1]) * ops.ones((1, self.size))
        kept = ops.ones_like(fed)
        if training and self.dropout:
            kept = keras.random.dropout(kept, self.dropout, seed=self.dropout_seed)

        def step(carry: Any, x: Any) -> Any:
            states, fed = list(carry[:-2]), carry[-2]
            below = ops.concatenate([fed, states[0]], -1) if self.input_feeding else states[0]
            gates = x + ops.matmul(below, first[features:])
            for number in range(self.layers):
                if number:
                    kernel, bias = above[number - 1]
                    below = ops.concatenate([states[2 * number - 2], states[2 * number]], -1)
                    gates = ops.matmul(below, kernel) + bias
                states[2 * number : 2 * number + 2] = lstm_cell(gates, states[2 * number + 1])
            h = states[-2]
            if self.attention == "additive":
                query = ops.matmul(h, self.query_kernel)[:, None]
                scores = ops.transpose(ops.matmul(ops.tanh(keys + query), self.score_vector), (0, 2, 1))
            else:
                scores = ops.matmul(h[:, None], ops.transpose(keys, (0, 2, 1)))
            shares = ops.exp(ops.log_softmax(scores + mask))  # Keras' softmax warns of a source of one step
            found = ops.matmul(shares, memory)[:, 0]
            fed = ops.tanh(ops.matmul(ops.concatenate([found, h], -1), self.combine_kernel) + self.combine_bias) * kept
            given = fed + found[:, -self.size :] * self.lexicon_scale if self.lexicon else fed
            carry = (*states, fed, given)
            return carry, carry

        _, outputs = ops.scan(step, (*states, fed, fed), projected)
        return ops.transpose(outputs[-1], (1, 0, 2))

    def compute_output_shape(self, vectors_shape: Any, *_: Any, **__: Any) -> Any:
        return (*vectors_shape[:-1], self.size)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "layers": self.layers,
            "size": self.size,
            "attention": self.attention,
            "input_feeding": self.input_feeding,
            "lexicon": self.lexicon,
            "dropout": self.dropout,
        }


def lstm_cell(gates: Any, c: Any) -> tuple[Any, Any]:
    """The output and the memory after a step: gates before their squashing [batch, 4 * units] in Keras' order, and
    the memory before it [batch, units]."""
    i, f, g, o = ops.split(gates, 4, axis=-1)
    c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
    return ops.sigmoid(o) * ops.tanh(c), c


def _forget_ones(shape: Any, dtype: Any = None) -> Any:
    """Biases of zero, and of one at the forget gate, so that memory lasts from the start (Jozefowicz et al., 2015)."""
    units = shape[0] // 4
    return ops.concatenate([ops.zeros(units), ops.ones(units), ops.zeros(2 * units)])
