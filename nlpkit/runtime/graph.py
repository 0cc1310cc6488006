"""Keras weights to an ONNX graph with real LSTM, GRU and RNN nodes.

Keras' own exporter turns a recurrent layer into a loop, which is several times slower and knows no lengths. The loop of
a classifier for many rows, in `loop`, is another, and quicker than the nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nlpkit.runtime.builder import GraphBuilder, outputs_of, real_steps, serialized
from nlpkit.tasks.classification.loop import MANY_ROWS, POOLS, pooled_in_loop
from nlpkit.tasks.classification.ngrams import NgramWeights, ngram_scores

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
        *_operator_weights(graph, directions, cell),
        lengths,
        *initial,
        outputs=STATES[cell] + 1,
        hidden_size=units,
        direction="bidirectional" if len(directions) == 2 else "forward",
        **extra,
    )


def classifier_graph(
    *,
    embedding: np.ndarray,
    layers: Sequence[Sequence[RecurrentWeights]],
    cell: str,
    pooling: Sequence[str],
    attention: tuple[np.ndarray, np.ndarray] | None,
    logits: tuple[np.ndarray, np.ndarray],
    ngrams: NgramWeights | None = None,
    several: bool = False,
) -> bytes:
    """A classifier as a serialized ONNX model.

    embedding: [vocabulary, features]; layers: each with its one or two directions; attention and logits: a dense
    kernel and its bias; ngrams: a linear model whose scores are added to the logits. The model takes ids int32 [batch,
    steps] and lengths int32 [batch], each at least 1, and gives probabilities float32 [batch, classes], on which
    padding has no influence: of one class, so that they sum to one, or, where a text may have `several`, of each by
    itself. One LSTM layer under max and mean pooling takes
    `MANY_ROWS` rows and more in a loop of its own.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    table = graph.constant(embedding)

    def by_operator(graph: GraphBuilder) -> str:
        x = graph.add("Gather", table, graph.add("Transpose", "ids", perm=[1, 0]))
        for directions in layers:
            x, states = _joined(graph, recurrent_layer(graph, x, "lengths", directions, cell), directions)
        real = real_steps(graph, x)
        return graph.add("Concat", *(_pool(graph, kind, x, states, real, attention) for kind in pooling), axis=-1)

    def by_loop(graph: GraphBuilder) -> str:
        weights = _operator_weights(graph, layers[0], cell)
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
    scores = graph.add("Gemm", features, *map(graph.constant, logits))
    if ngrams is not None:
        scores = graph.add("Add", scores, ngram_scores(graph, ngrams))
    last = helper.make_node("Sigmoid", [scores], ["probabilities"])
    if not several:
        last = helper.make_node("Softmax", [scores], ["probabilities"], axis=-1)
    graph.nodes.append(last)
    inputs = {"ids": (TensorProto.INT32, ["batch", "steps"]), "lengths": (TensorProto.INT32, ["batch"])}
    return serialized(graph, "classifier", inputs, {"probabilities": ["batch", logits[1].shape[0]]}, facts)


def generator_graph(
    *,
    embedding: np.ndarray,
    layers: Sequence[RecurrentWeights],
    cell: str,
    logits: tuple[np.ndarray, np.ndarray],
) -> bytes:
    """A generator as a serialized ONNX model, for one step or for many.

    It takes ids int32 [batch, steps] and a state float32 [layers * STATES[cell], batch, units], zero at a beginning,
    and gives logits float32 [batch, steps, vocabulary] for the token after each, and the state after the last. Of an
    LSTM's layer the output comes first in the state, then the memory.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    x = graph.add("Gather", graph.constant(embedding), graph.add("Transpose", "ids", perm=[1, 0]))
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
    scores = graph.add("Add", graph.add("MatMul", x, graph.constant(logits[0])), graph.constant(logits[1]))
    graph.nodes.append(helper.make_node("Transpose", [scores], ["logits"], perm=[1, 0, 2]))
    state = [count, "batch", size]
    inputs = {"ids": (TensorProto.INT32, ["batch", "steps"]), "state": (TensorProto.FLOAT, state)}
    return serialized(
        graph, "generator", inputs, {"logits": ["batch", "steps", logits[1].shape[0]], "next_state": state}
    )


def encoder_graph(
    *,
    embedding: np.ndarray,
    layers: Sequence[Sequence[RecurrentWeights]],
    cell: str,
    decoder: Mapping[str, np.ndarray],
    lexicon: np.ndarray | None = None,
) -> bytes:
    """A translator's encoder as a serialized ONNX model; `decoder` are the weights of an `AttentionDecoder` by name,
    `lexicon` [vocabulary, size] the embeddings of what each token is likely translated as, zero for padding.

    It takes ids int32 [batch, steps] and lengths int32 [batch], each at least 1, and gives float32 memory [batch,
    steps, features], zero at padding, keys [batch, steps, units], which the decoder's queries are held against, and
    the decoder's first state [2 * layers, batch, units]: of each layer the output, then the memory.
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    x = graph.add("Gather", graph.constant(embedding), graph.add("Transpose", "ids", perm=[1, 0]))
    for directions in layers:
        x, _ = _joined(graph, recurrent_layer(graph, x, "lengths", directions, cell), directions)
    if lexicon is not None:
        words = graph.add("Gather", graph.constant(lexicon), graph.add("Transpose", "ids", perm=[1, 0]))
        x = graph.add("Concat", x, words, axis=-1)
    mean = _mean(graph, x)
    graph.nodes.append(helper.make_node("Transpose", [x], ["memory"], perm=[1, 0, 2]))
    graph.nodes.append(helper.make_node("MatMul", ["memory", graph.constant(decoder["key_kernel"])], ["keys"]))
    bridge = graph.constant(decoder["bridge_kernel"]), graph.constant(decoder["bridge_bias"])
    first = graph.add("Tanh", graph.add("Gemm", mean, *bridge))
    units = decoder["key_kernel"].shape[1]
    states = decoder["bridge_bias"].shape[0] // units
    first = graph.add("Reshape", first, graph.ints(0, states, units))
    graph.nodes.append(helper.make_node("Transpose", [first], ["state"], perm=[1, 0, 2]))
    inputs = {"ids": (TensorProto.INT32, ["batch", "steps"]), "lengths": (TensorProto.INT32, ["batch"])}
    features = decoder["key_kernel"].shape[0]
    outputs: dict[str, Sequence[int | str]] = {
        "memory": ["batch", "steps", features],
        "keys": ["batch", "steps", units],
        "state": [states, "batch", units],
    }
    return serialized(graph, "encoder", inputs, outputs)


def decoder_graph(
    *,
    embedding: np.ndarray,
    decoder: Mapping[str, np.ndarray],
    layers: int,
    input_feeding: bool,
) -> bytes:
    """One step of a translator's decoder as a serialized ONNX model; `decoder` are the weights of an
    `AttentionDecoder` by name, and embedding [vocabulary, size] gives the scores of the next token too.

    It takes tokens int32 [rows], a state [2 * layers, rows, units], what the step before fed on [rows, size], zero at
    first, and of each source its memory, keys and length, as the encoder gives them: rows are a whole multiple of the
    sources and lie next to each other by source. It gives float32 log_probabilities [rows, vocabulary], next_state,
    next_fed, and attention [rows, source steps].
    """
    from onnx import TensorProto, helper

    graph = GraphBuilder()
    ints = graph.ints

    def weight(name: str) -> str:
        return graph.constant(decoder[name])

    parts = graph.add("Split", "state", outputs=2 * layers, axis=0)
    states = [graph.add("Squeeze", name, ints(0)) for name in outputs_of(parts, 2 * layers)]
    table = graph.constant(embedding)
    x = graph.add("Gather", table, "tokens")
    below = [x, "fed"] if input_feeding else [x]
    for number in range(layers):
        h, c = states[2 * number : 2 * number + 2]
        joined = graph.add("Concat", *below, h, axis=-1)
        gates = graph.add("Gemm", joined, weight(f"kernel_{number}"), weight(f"bias_{number}"))
        split = graph.add("Split", gates, outputs=4, axis=-1)
        i, f, o = (graph.add("Sigmoid", name) for name in (split, f"{split}.1", f"{split}.3"))
        candidate = graph.add("Tanh", f"{split}.2")
        c = graph.add("Add", graph.add("Mul", f, c), graph.add("Mul", i, candidate))
        h = graph.add("Mul", o, graph.add("Tanh", c))
        states[2 * number : 2 * number + 2] = h, c
        below = [h]
    h = states[-2]
    # queries side by side for each source, so that its memory is not copied for each row
    units, features = decoder["key_kernel"].shape[1], decoder["key_kernel"].shape[0]
    sources = graph.add("Shape", "lengths")
    query_shape = graph.add("Concat", sources, ints(-1, units), axis=0)
    if "query_kernel" in decoder:
        query = graph.add("Reshape", graph.add("MatMul", h, weight("query_kernel")), query_shape)
        # [source, 1, steps, units] + [source, rows of it, 1, units]
        both = graph.add("Add", graph.add("Unsqueeze", "keys", ints(1)), graph.add("Unsqueeze", query, ints(2)))
        scores = graph.add("Squeeze", graph.add("MatMul", graph.add("Tanh", both), weight("score_vector")), ints(3))
    else:
        query = graph.add("Reshape", h, query_shape)
        scores = graph.add("MatMul", query, graph.add("Transpose", "keys", perm=[0, 2, 1]))
    steps = graph.add("Gather", graph.add("Shape", "keys"), graph.constant(np.int64(1)))
    position = graph.add("Range", graph.constant(np.int64(0)), steps, graph.constant(np.int64(1)))
    real = graph.add("Less", position, graph.add("Unsqueeze", graph.add("Cast", "lengths", to=7), ints(1, 2)))
    shares = graph.add("Softmax", graph.add("Where", real, scores, graph.constant(np.float32(-1e9))), axis=-1)
    attention_shape = graph.add("Concat", ints(-1), graph.add("Unsqueeze", steps, ints(0)), axis=0)
    found = graph.add("Reshape", graph.add("MatMul", shares, "memory"), ints(-1, features))
    combined = graph.add("Concat", found, h, axis=-1)
    fed = graph.add("Tanh", graph.add("Gemm", combined, weight("combine_kernel"), weight("combine_bias")))
    given = fed
    if "lexicon_scale" in decoder:
        size = decoder["combine_bias"].shape[0]
        words = graph.add("Slice", found, ints(features - size), ints(features), ints(1))
        given = graph.add("Add", fed, graph.add("Mul", words, weight("lexicon_scale")))
    scores = graph.add("MatMul", given, graph.add("Transpose", table, perm=[1, 0]))
    graph.nodes += [
        helper.make_node("LogSoftmax", [scores], ["log_probabilities"], axis=-1),
        helper.make_node("Concat", [graph.add("Unsqueeze", name, ints(0)) for name in states], ["next_state"], axis=0),
        helper.make_node("Identity", [fed], ["next_fed"]),
        helper.make_node("Reshape", [shares, attention_shape], ["attention"]),
    ]
    vocabulary, size = embedding.shape[0], decoder["combine_bias"].shape[0]
    inputs = {
        "tokens": (TensorProto.INT32, ["rows"]),
        "state": (TensorProto.FLOAT, [2 * layers, "rows", units]),
        "fed": (TensorProto.FLOAT, ["rows", size]),
        "memory": (TensorProto.FLOAT, ["sources", "steps", features]),
        "keys": (TensorProto.FLOAT, ["sources", "steps", units]),
        "lengths": (TensorProto.INT32, ["sources"]),
    }
    outputs: dict[str, Sequence[int | str]] = {
        "log_probabilities": ["rows", vocabulary],
        "next_state": [2 * layers, "rows", units],
        "next_fed": ["rows", size],
        "attention": ["rows", "steps"],
    }
    return serialized(graph, "decoder", inputs, outputs)


def _joined(graph: GraphBuilder, node: str, directions: Sequence[RecurrentWeights]) -> tuple[str, str]:
    """A recurrent layer's outputs [steps, batch, directions * units] and final states [batch, directions * units]."""
    size = directions[0].recurrent_kernel.shape[0] * len(directions)
    outputs = graph.add("Transpose", node, perm=[0, 2, 1, 3])  # [steps, batch, directions, units]
    states = graph.add("Transpose", f"{node}.1", perm=[1, 0, 2])
    return (
        graph.add("Reshape", outputs, graph.ints(0, 0, size)),
        graph.add("Reshape", states, graph.ints(0, size)),
    )


def _mean(graph: GraphBuilder, x: str) -> str:
    """The mean over the real steps of x [steps, batch, features], which is zero at padding: [batch, features]."""
    lengths = graph.add("Cast", graph.add("Unsqueeze", "lengths", graph.ints(1)), to=1)
    return graph.add("Div", graph.add("ReduceSum", x, graph.ints(0), keepdims=0), lengths)


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
        return _mean(graph, x)
    assert attention is not None, kind
    kernel, bias = map(graph.constant, attention)
    scores = graph.add("Add", graph.add("MatMul", x, kernel), bias)
    weights = graph.add("Softmax", graph.add("Where", real, scores, far), axis=0)
    return graph.add("ReduceSum", graph.add("Mul", x, weights), graph.ints(0), keepdims=0)


def _operator_weights(graph: GraphBuilder, directions: Sequence[RecurrentWeights], cell: str) -> list[str]:
    """The operator's kernel, recurrent kernel and biases, each with the directions as its first axis."""
    return [
        graph.constant(np.stack([_reorder(w.kernel, cell).T for w in directions])),
        graph.constant(np.stack([_reorder(w.recurrent_kernel, cell).T for w in directions])),
        graph.constant(np.stack([_biases(w.bias, cell) for w in directions])),
    ]


def _reorder(array: np.ndarray, cell: str) -> np.ndarray:
    """Keras' order of gates to ONNX', on the last axis."""
    gates = np.split(array, len(_GATES[cell]), axis=-1)
    return np.concatenate([gates[i] for i in _GATES[cell]], axis=-1)


def _biases(bias: np.ndarray, cell: str) -> np.ndarray:
    """ONNX adds two biases, the input's and the state's; only a GRU has the second in Keras."""
    of_input, of_state = bias if cell == "gru" else (bias, np.zeros_like(bias))
    return np.concatenate([_reorder(of_input, cell), _reorder(of_state, cell)])
