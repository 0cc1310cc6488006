"""The LSTM layer: Keras' own, with its loop over the steps replaced by a faster one."""

from functools import cache
from typing import Any

import keras
from keras import ops

from nlpkit.cores import cores
from nlpkit.layers.dropout import dropped

_LEAST_ROWS = 16  # of a batch on one core: fewer were not measured


@keras.saving.register_keras_serializable("nlpkit")
class LSTM(keras.layers.LSTM):
    """`keras.layers.LSTM`, weight for weight and result for result, quicker to train on a CPU.

    The inputs of all steps are multiplied in one product before the loop, and on TensorFlow the gradient is written
    by hand, so that the weights' is one product after it. There, in training, a batch whose shape is known when the
    function around it is traced is compiled by XLA, a part of its rows for each core. `weight_dropout` drops entries
    of the recurrent kernel, the same for a whole batch, in training only (DropConnect; Merity et al., 2017).

    Where the inputs are the vectors of tokens, a call may be given the tokens' `ids`, int32 [batch, steps], too. Equal
    ids must then have equal vectors, of which one alone is multiplied, and has the gradient of them all: what comes
    out, and what the embedding learns, are the same.
    """

    def __init__(self, units: int, *, weight_dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(units, **kwargs)
        self.weight_dropout = weight_dropout
        self.weight_dropout_seed = keras.random.SeedGenerator()

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool = False, ids: Any = None
    ) -> Any:
        if ids is None or self.stateful or self.dropout or self.recurrent_dropout:
            return super().call(sequences, initial_state=initial_state, mask=mask, training=training)
        if initial_state is None:
            initial_state = self.get_initial_state(ops.shape(sequences)[0])
        last, outputs, states = self.inner_loop(sequences, list(initial_state), mask, training, ids)
        output = outputs if self.return_sequences else last
        return (output, *states) if self.return_state else output

    def inner_loop(self, sequences: Any, initial_state: Any, mask: Any, training: bool = False, ids: Any = None) -> Any:
        usual = self.activation is keras.activations.tanh and self.recurrent_activation is keras.activations.sigmoid
        dropout = self.dropout or self.recurrent_dropout
        special = mask is not None or self.go_backwards or self.unroll or not self.use_bias or dropout or not usual
        if special and self.weight_dropout:
            raise ValueError(
                "weight_dropout does not go with masks, go_backwards, unroll, other dropout or activations"
            )
        # other backends have fast paths of their own
        if special or (keras.backend.backend() != "tensorflow" and not self.weight_dropout):
            return super().inner_loop(sequences, initial_state, mask, training=training)
        cell = self.cell
        kernel, recurrent, bias = map(ops.convert_to_tensor, (cell.kernel, cell.recurrent_kernel, cell.bias))
        if training and self.weight_dropout:
            recurrent = dropped(recurrent, self.weight_dropout, self.weight_dropout_seed)
        given = [sequences, *initial_state, recurrent, bias, kernel]
        if ids is not None and keras.backend.backend() == "tensorflow":
            given = [_products_of_distinct(sequences, ids, kernel), *initial_state, recurrent, bias]
        run = _run_compiled if training and _shape_is_known(sequences) else _run
        outputs, h, c = run(*given)
        return h, outputs, [h, c]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "weight_dropout": self.weight_dropout}


def _run(x: Any, h: Any, c: Any, recurrent: Any, bias: Any, kernel: Any = None) -> tuple[Any, Any, Any]:
    """The outputs [batch, steps, units], and output and memory after the last step [batch, units], from the inputs
    [batch, steps, features], or without a kernel their products with it, and output and memory before the first."""
    projected = ops.transpose(x, (1, 0, 2))
    if kernel is not None:
        projected = ops.matmul(projected, kernel)
    outputs, c = lstm_steps(projected, recurrent, bias, h, c)
    return ops.transpose(outputs, (1, 0, 2)), outputs[-1], c


def _products_of_distinct(x: Any, ids: Any, kernel: Any) -> Any:
    """x @ kernel, [batch, steps, 4 * units], where the vectors of equal ids are multiplied once."""
    import tensorflow as tf

    ids = tf.ensure_shape(ids, x.shape[:2])
    distinct, places = tf.unique(tf.reshape(ids, [-1]))
    first = tf.math.unsorted_segment_min(tf.range(tf.size(ids)), places, tf.size(distinct))
    table = tf.matmul(tf.gather(tf.reshape(x, [-1, x.shape[-1]]), first), kernel)
    return tf.gather(table, tf.reshape(places, tf.shape(ids)))


def _shape_is_known(x: Any) -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return tf.inside_function() and None not in x.shape


def _run_compiled(x: Any, h: Any, c: Any, *weights: Any) -> tuple[Any, Any, Any]:
    """What `_run` gives. Each core goes through all steps for rows of its own, so that none waits for another at
    every step, as the threads of one product do."""
    import tensorflow as tf

    rows = x.shape[0]
    parts = max(1, min(cores(), rows // _LEAST_ROWS))
    sizes = [rows // parts + (number < rows % parts) for number in range(parts)]
    weights = tuple(map(tf.identity, weights))  # a variable would want a gradient of its own
    given = (tf.split(one, sizes) for one in (x, h, c))
    found = [_compiled()(*part, *weights) for part in zip(*given, strict=True)]
    outputs, h, c = (tf.concat(parts, 0) for parts in zip(*found, strict=True))
    return outputs, h, c


@cache
def _compiled() -> Any:
    import tensorflow as tf

    return tf.function(_run, jit_compile=True)


def lstm_steps(projected: Any, kernel: Any, bias: Any, h: Any, c: Any) -> tuple[Any, Any]:
    """The outputs of all steps [steps, batch, units] and the memory after the last one [batch, units].

    projected: the inputs' products with the input kernel [steps, batch, 4 * units], gates in Keras' order i, f, c, o;
    kernel: the recurrent one [units, 4 * units]; bias [4 * units]; h, c: the state before [batch, units].
    """
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_steps(projected, kernel, bias, h, c)

    def step(state: Any, inputs: Any) -> Any:
        h, c = state
        i, f, g, o = ops.split(inputs + ops.matmul(h, kernel) + bias, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * ops.tanh(g)
        h = ops.sigmoid(o) * ops.tanh(c)
        return (h, c), (h, c)  # some backends want as many outputs as states

    (_, c), (outputs, _) = ops.scan(step, (h, c), projected)
    return outputs, c


def _tensorflow_steps(projected: Any, kernel: Any, bias: Any, h: Any, c: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    steps = tf.shape(projected)[0] if projected.shape[0] is None else projected.shape[0]
    units = kernel.shape[0]
    # the gates kept for the gradient: XLA reads an array for each sooner than slices of one for all, while on
    # TensorFlow's executor every further array costs a call
    apart = projected.shape[0] is not None  # as under XLA

    def array(size: int) -> Any:
        shape = [h.shape[0], size * units]
        return tf.TensorArray(projected.dtype, size=steps, element_shape=shape, clear_after_read=False)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def run(projected: Any, kernel: Any, bias: Any, first_h: Any, first_c: Any) -> Any:
        def forward(t: Any, h: Any, c: Any, outputs: Any, memories: Any, *gates: Any) -> Any:
            z = projected[t] + tf.matmul(h, kernel) + bias
            i, f, _, o = tf.split(tf.sigmoid(z), 4, -1)
            g = tf.tanh(z[:, 2 * units : 3 * units])
            c = f * c + i * g
            h = o * tf.tanh(c)
            values = (i, f, g, o) if apart else (tf.concat([i, f, g, o], -1),)
            written = (kept.write(t, value) for kept, value in zip(gates, values, strict=True))
            return t + 1, h, c, outputs.write(t, h), memories.write(t, c), *written

        _, _, last_c, *arrays = tf.while_loop(
            lambda t, *_: t < steps,
            forward,
            (0, first_h, first_c, array(1), array(1), *map(array, (1, 1, 1, 1) if apart else (4,))),
            maximum_iterations=steps,
        )
        outputs, memories, *gates = (one.stack() for one in arrays)

        def gradient(d_outputs: Any, d_last_c: Any) -> Any:
            transposed = tf.transpose(kernel)
            c_before = tf.concat([first_c[None], memories[:-1]], 0)
            h_before = tf.concat([first_h[None], outputs[:-1]], 0)

            def backward(t: Any, dh: Any, dc: Any, collected: Any) -> Any:
                i, f, g, o = (gate[t] for gate in gates) if apart else tf.split(gates[0][t], 4, -1)
                squashed = tf.tanh(memories[t])
                dh = dh + d_outputs[t]
                dc = dc + dh * o * (1 - squashed * squashed)
                dz = tf.concat(
                    [
                        dc * g * i * (1 - i),
                        dc * c_before[t] * f * (1 - f),
                        dc * i * (1 - g * g),
                        dh * squashed * o * (1 - o),
                    ],
                    -1,
                )
                return t - 1, tf.matmul(dz, transposed), dc * f, collected.write(t, dz)

            _, dh, dc, collected = tf.while_loop(
                lambda t, *_: t >= 0,
                backward,
                (steps - 1, tf.zeros_like(first_h), d_last_c, array(4)),
                maximum_iterations=steps,
            )
            dz = collected.stack()
            # the recurrent kernel's gradient over all steps is one product
            flat = tf.reshape(h_before, [-1, units]), tf.reshape(dz, [-1, 4 * units])
            return dz, tf.matmul(*flat, transpose_a=True), tf.reduce_sum(dz, [0, 1]), dh, dc

        return (outputs, last_c), gradient

    # variables would want gradients of their own
    outputs, last_c = run(projected, tf.identity(kernel), tf.identity(bias), h, c)
    return outputs, last_c
