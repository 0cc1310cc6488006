"""A classifier's weights to an ONNX graph.

Many rows go through a loop, in `loop`, which is quicker than the nodes, and few rows through the nodes.
"""

from collections.abc import Sequence

import numpy as np

from nlpkit.runtime.builder import GraphBuilder, real_steps, serialized
from nlpkit.runtime.graph import RecurrentWeights, joined_directions, mean_over_steps, operator_weights, recurrent_layer
from nlpkit.tasks.classification.loop import MANY_ROWS, POOLS, pooled_in_loop
from nlpkit.tasks.classification.ngrams import NgramWeights, ngram_scores


def classifier_graph(
    *,
    embedding: np.ndarray,
    layers: Sequence[Sequence[RecurrentWeights]],
    cell: str,
    pooling: Sequence[str],
    attention: tuple[np.ndarray, np.ndarray] | None,
    logits: tuple[np.ndarray, np.ndarray] | None,
    ngrams: NgramWeights | None = None,
    several: bool = False,
) -> bytes:
    """A classifier as a serialized ONNX model.

    embedding: [vocabulary, features]; layers: each with its one or two directions; attention and logits: a dense
    kernel and its bias; ngrams: a linear model whose scores are added to the logits. The model takes ids int32 [batch,
    steps] and lengths int32 [batch], each at least 1, and gives probabilities float32 [batch, classes], on which
    padding has no influence: of one class, so that they sum to one, or, where a text may have `several`, of each by
    itself. One LSTM layer under max and mean pooling takes
    `MANY_ROWS` rows and more in a loop of its own. Without logits it gives the pooled features float32 [batch,
    features].
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    table = graph.constant(embedding)

    def by_operator(graph: GraphBuilder) -> str:
        x = graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]))
        for directions in layers:
            x, states = joined_directions(graph, recurrent_layer(graph, x, "lengths", directions, cell), directions)
        real = real_steps(graph, x)
        return graph.add("Concat", *(_pool(graph, kind, x, states, real, attention) for kind in pooling), axis=-1)

    def by_loop(graph: GraphBuilder) -> str:
        weights = operator_weights(graph, layers[0], cell)
        units = layers[0][0].recurrent_kernel.shape[0]
        pools = pooled_in_loop(graph, table, weights, units, len(layers[0]))
        return graph.add("Concat", *(pools[kind] for kind in pooling), axis=-1)

    facts = {}
    if cell == "lstm" and len(layers) == 1 and set(pooling) <= set(POOLS):
        many = graph.add("Less", graph.ints(MANY_ROWS - 1), graph.add("Shape", "lengths"))
        features = graph.either(many, by_loop, by_operator)
        facts = {"many_rows": str(MANY_ROWS)}
    else:
        features = by_operator(graph)
    inputs = {"ids": (TensorProto.INT32, ["batch", "steps"]), "lengths": (TensorProto.INT32, ["batch"])}
    if logits is None:
        graph.nodes.append(helper.make_node("Identity", [features], ["features"]))
        size = len(pooling) * sum(weights.recurrent_kernel.shape[0] for weights in layers[-1])
        return serialized(graph, "encoder", inputs, {"features": ["batch", size]}, facts)
    scores = graph.add("Gemm", features, *map(graph.constant, logits))
    if ngrams is not None:
        scores = graph.add("Add", scores, ngram_scores(graph, ngrams))
    last = helper.make_node("Sigmoid", [scores], ["probabilities"])
    if not several:
        last = helper.make_node("Softmax", [scores], ["probabilities"], axis=-1)
    graph.nodes.append(last)
    return serialized(graph, "classifier", inputs, {"probabilities": ["batch", logits[1].shape[0]]}, facts)


def _pool(
    graph: GraphBuilder,
    kind: str,
    x: str,
    states: str,
    real: str,
    attention: tuple[np.ndarray, np.ndarray] | None,
) -> str:
    """One pooling over the steps of x: [batch, features]."""
    far = graph.constant(np.float32(-1e9))
    if kind == "last":
        return states
    if kind == "max":
        return graph.add("ReduceMax", graph.add("Where", real, x, far), axes=[0], keepdims=0)
    if kind == "mean":
        return mean_over_steps(graph, x)
    assert attention is not None, kind
    kernel, bias = map(graph.constant, attention)
    scores = graph.add("Add", graph.add("MatMul", x, kernel), bias)
    weights = graph.add("Softmax", graph.add("Where", real, scores, far), axis=0)
    return graph.add("ReduceSum", graph.add("Mul", x, weights), graph.ints(0), keepdims=0)
