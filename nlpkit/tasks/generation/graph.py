"""A generator's weights to an ONNX graph."""

from collections.abc import Sequence

import numpy as np

from nlpkit.runtime.builder import GraphBuilder, outputs_of, serialized
from nlpkit.runtime.graph import STATES, RecurrentWeights, recurrent_layer


def generator_graph(
    *,
    embedding: np.ndarray,
    layers: Sequence[RecurrentWeights],
    cell: str,
    projection: np.ndarray | None,
    logits: tuple[np.ndarray, np.ndarray] | None,
) -> bytes:
    """A generator as a serialized ONNX model, for one step or for many.

    It takes ids int32 [batch, steps] and a state float32 [layers * STATES[cell], batch, units], zero at a beginning,
    and gives logits float32 [batch, steps, vocabulary] for the token after each, and the state after the last. Of an
    LSTM's layer the output comes first in the state, then the memory. What the last layer gives is multiplied by the
    `projection` [units, features], where there is one, and by the logits' kernel, to which their bias is added; by the
    embedding where there are none.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    table = graph.constant(embedding)
    x = graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]))
    size, count = layers[0].recurrent_kernel.shape[0], len(layers) * STATES[cell]
    parts = graph.add("Split", "state", outputs=count, axis=0)
    names = outputs_of(parts, count)
    final: list[str] = []
    for number, weights in enumerate(layers):
        initial = names[number * STATES[cell] : (number + 1) * STATES[cell]]
        node = recurrent_layer(graph, x, "", [weights], cell, initial)
        x = graph.add("Squeeze", node, graph.ints(1))
        final += [f"{node}.{i}" for i in range(1, STATES[cell] + 1)]
    graph.nodes.append(helper.make_node("Concat", final, ["next_state"], axis=0))
    if projection is not None:
        x = graph.add("MatMul", x, graph.constant(projection))
    if logits is None:
        scores = graph.add("MatMul", x, graph.add("Transpose", table, perm=[1, 0]))
    else:
        scores = graph.add("Add", graph.add("MatMul", x, graph.constant(logits[0])), graph.constant(logits[1]))
    graph.nodes.append(helper.make_node("Transpose", [scores], ["logits"], perm=[1, 0, 2]))
    state = [count, "batch", size]
    inputs = {"ids": (TensorProto.INT32, ["batch", "steps"]), "state": (TensorProto.FLOAT, state)}
    return serialized(graph, "generator", inputs, {"logits": ["batch", "steps", len(embedding)], "next_state": state})
