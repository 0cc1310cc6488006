"""A translator's weights to two ONNX graphs: its encoder, and a step of its decoder."""

from collections.abc import Mapping, Sequence

import numpy as np

from nlpkit.runtime.builder import GraphBuilder, outputs_of, serialized
from nlpkit.runtime.graph import RecurrentWeights, joined_directions, mean_over_steps, recurrent_layer


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
        x, _ = joined_directions(graph, recurrent_layer(graph, x, "lengths", directions, cell), directions)
    if lexicon is not None:
        words = graph.add("Gather", graph.constant(lexicon), graph.add("Transpose", "ids", perm=[1, 0]))
        x = graph.add("Concat", x, words, axis=-1)
    mean = mean_over_steps(graph, x)
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

    table = graph.constant(embedding)
    x = graph.add("Gather", table, "tokens")
    states = _lstm_step(graph, decoder, layers, [x, "fed"] if input_feeding else [x])
    h = states[-2]
    shares, found = _attention(graph, decoder, h)
    combined = graph.add("Concat", found, h, axis=-1)
    fed = graph.add("Tanh", graph.add("Gemm", combined, weight("combine_kernel"), weight("combine_bias")))
    given = fed
    if "lexicon_scale" in decoder:
        features, size = decoder["key_kernel"].shape[0], decoder["combine_bias"].shape[0]
        words = graph.add("Slice", found, ints(features - size), ints(features), ints(1))
        given = graph.add("Add", fed, graph.add("Mul", words, weight("lexicon_scale")))
    scores = graph.add("MatMul", given, graph.add("Transpose", table, perm=[1, 0]))
    steps = graph.add("Slice", graph.add("Shape", "keys"), ints(1), ints(2))
    graph.nodes += [
        helper.make_node("LogSoftmax", [scores], ["log_probabilities"], axis=-1),
        helper.make_node("Concat", [graph.add("Unsqueeze", name, ints(0)) for name in states], ["next_state"], axis=0),
        helper.make_node("Identity", [fed], ["next_fed"]),
        helper.make_node("Reshape", [shares, graph.add("Concat", ints(-1), steps, axis=0)], ["attention"]),
    ]
    vocabulary, size = embedding.shape[0], decoder["combine_bias"].shape[0]
    features, units = decoder["key_kernel"].shape
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


def _lstm_step(graph: GraphBuilder, decoder: Mapping[str, np.ndarray], layers: int, below: list[str]) -> list[str]:
    """The layers' states [rows, units] after one step, of each the output, then the memory, from the graph's input
    `state` and what is `below` the first layer, [rows, …] each."""
    parts = graph.add("Split", "state", outputs=2 * layers, axis=0)
    states = [graph.add("Squeeze", name, graph.ints(0)) for name in outputs_of(parts, 2 * layers)]
    for number in range(layers):
        h, c = states[2 * number : 2 * number + 2]
        joined = graph.add("Concat", *below, h, axis=-1)
        weights = (graph.constant(decoder[f"{name}_{number}"]) for name in ("kernel", "bias"))
        split = graph.add("Split", graph.add("Gemm", joined, *weights), outputs=4, axis=-1)
        i, f, o = (graph.add("Sigmoid", name) for name in (split, f"{split}.1", f"{split}.3"))
        candidate = graph.add("Tanh", f"{split}.2")
        c = graph.add("Add", graph.add("Mul", f, c), graph.add("Mul", i, candidate))
        h = graph.add("Mul", o, graph.add("Tanh", c))
        states[2 * number : 2 * number + 2] = h, c
        below = [h]
    return states


def _attention(graph: GraphBuilder, decoder: Mapping[str, np.ndarray], h: str) -> tuple[str, str]:
    """The shares [sources, rows of each, steps] that rows with outputs h [rows, units] give to the steps of their
    source, and what they find there: [rows, features]."""
    ints, (features, units) = graph.ints, decoder["key_kernel"].shape
    # queries side by side for each source, so that its memory is not copied for each row
    query_shape = graph.add("Concat", graph.add("Shape", "lengths"), ints(-1, units), axis=0)
    if "query_kernel" in decoder:
        query = graph.add("MatMul", h, graph.constant(decoder["query_kernel"]))
        query = graph.add("Reshape", query, query_shape)
        # [source, 1, steps, units] + [source, rows of it, 1, units]
        both = graph.add("Add", graph.add("Unsqueeze", "keys", ints(1)), graph.add("Unsqueeze", query, ints(2)))
        scores = graph.add("MatMul", graph.add("Tanh", both), graph.constant(decoder["score_vector"]))
        scores = graph.add("Squeeze", scores, ints(3))
    else:
        query = graph.add("Reshape", h, query_shape)
        scores = graph.add("MatMul", query, graph.add("Transpose", "keys", perm=[0, 2, 1]))
    steps = graph.add("Gather", graph.add("Shape", "keys"), graph.constant(np.int64(1)))
    position = graph.add("Range", graph.constant(np.int64(0)), steps, graph.constant(np.int64(1)))
    real = graph.add("Less", position, graph.add("Unsqueeze", graph.add("Cast", "lengths", to=7), ints(1, 2)))
    shares = graph.add("Softmax", graph.add("Where", real, scores, graph.constant(np.float32(-1e9))), axis=-1)
    return shares, graph.add("Reshape", graph.add("MatMul", shares, "memory"), ints(-1, features))
