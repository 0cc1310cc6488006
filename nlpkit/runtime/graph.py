"""Keras weights to real LSTM, GRU and RNN nodes of an ONNX graph.

Keras' own exporter turns a recurrent layer into a loop, which is several times slower and knows no lengths.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlpkit.runtime.builder import GraphBuilder

STATES = {"lstm": 2, "gru": 1, "rnn": 1}
"""How many vectors a cell carries from step to step: an LSTM its output and its memory."""

_OPERATORS = {"lstm": "LSTM", "gru": "GRU", "rnn": "RNN"}
# where each ONNX gate stands among Keras' gates: LSTM i, o, f, c from i, f, c, o; GRU z, r, h in both
_GATES = {"lstm": (0, 3, 1, 2), "gru": (0, 1, 2), "rnn": (0,)}


@dataclass(frozen=True)
class RecurrentWeights:
    """One direction of one layer in Keras' layout.

    kernel: [features, gates * units]; recurrent_kernel: [units, gates * units]; bias: [gates * units], and for a
    GRU [2, gates * units]: that of the input and that of the state.
    """

    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray


def recurrent_layer(
    graph: GraphBuilder,
    x: str,
    lengths: str,
    directions: Sequence[RecurrentWeights],
    cell: str,
    initial: Sequence[str] = (),
) -> str:
    """One layer, forward or in both directions, over x [steps, batch, features], from the `initial` states, if any.

    Gives the node's name, which is that of its outputs [steps, directions, batch, units], zero at padding; `.1`
    and, of an LSTM, `.2` after it are the final states [directions, batch, units], those of the backward direction
    at each row's first step.
    """
    units = directions[0].recurrent_kernel.shape[0]
    extra: dict[str, Any] = {"linear_before_reset": 1} if cell == "gru" else {}
    return graph.add(
        _OPERATORS[cell],
        x,
        *operator_weights(graph, directions, cell),
        lengths,
        *initial,
        outputs=STATES[cell] + 1,
        hidden_size=units,
        direction="bidirectional" if len(directions) == 2 else "forward",
        **extra,
    )


def joined_directions(graph: GraphBuilder, node: str, directions: Sequence[RecurrentWeights]) -> tuple[str, str]:
    """A recurrent layer's outputs [steps, batch, directions * units] and final states [batch, directions * units]."""
    size = directions[0].recurrent_kernel.shape[0] * len(directions)
    outputs = graph.add("Transpose", node, perm=[0, 2, 1, 3])  # [steps, batch, directions, units]
    states = graph.add("Transpose", f"{node}.1", perm=[1, 0, 2])
    return (
        graph.add("Reshape", outputs, graph.ints(0, 0, size)),
        graph.add("Reshape", states, graph.ints(0, size)),
    )


def mean_over_steps(graph: GraphBuilder, x: str) -> str:
    """The mean over the real steps of x [steps, batch, features], which is zero at padding: [batch, features]."""
    lengths = graph.add("Cast", graph.add("Unsqueeze", "lengths", graph.ints(1)), to=1)
    return graph.add("Div", graph.add("ReduceSum", x, graph.ints(0), keepdims=0), lengths)


def operator_weights(graph: GraphBuilder, directions: Sequence[RecurrentWeights], cell: str) -> list[str]:
    """The operator's kernel, recurrent kernel and biases, each with the directions as its first axis."""
    ordered = [in_operator_order(weights, cell) for weights in directions]
    kernels, recurrents, biases = (np.stack(arrays) for arrays in zip(*ordered, strict=True))
    return [*map(graph.constant, (kernels, recurrents, biases.reshape(len(directions), -1)))]


def in_operator_order(weights: RecurrentWeights, cell: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A direction's kernel [gates * units, features], recurrent kernel [gates * units, units] and biases [2, gates *
    units], as ONNX has them."""
    return (
        _reorder(weights.kernel, cell).T,
        _reorder(weights.recurrent_kernel, cell).T,
        np.stack(np.split(_biases(weights.bias, cell), 2)),
    )


def _reorder(array: np.ndarray, cell: str) -> np.ndarray:
    """Keras' order of gates to ONNX', on the last axis."""
    gates = np.split(array, len(_GATES[cell]), axis=-1)
    return np.concatenate([gates[i] for i in _GATES[cell]], axis=-1)


def _biases(bias: np.ndarray, cell: str) -> np.ndarray:
    """ONNX adds two biases, the input's and the state's; only a GRU has the second in Keras."""
    of_input, of_state = bias if cell == "gru" else (bias, np.zeros_like(bias))
    return np.concatenate([_reorder(of_input, cell), _reorder(of_state, cell)])
