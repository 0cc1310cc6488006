"""One LSTM layer under max and mean pooling, for many rows at once, as a loop of ONNX' smaller operators.

ONNX Runtime's LSTM operator multiplies the vector of every token with the input kernel. A batch of many rows holds most
of its tokens many times, so here each distinct one is multiplied once, and the loop looks the products up. It pools as
it goes and keeps nothing of a step. With few rows the operator is quicker, as every small operator costs a call.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.runtime.builder import GraphBuilder, outputs_of, real_steps

if TYPE_CHECKING:
    import onnx

MANY_ROWS = 32
"""From so many rows on the loop is the quicker."""

POOLS = ("max", "mean")


def pooled_in_loop(
    graph: GraphBuilder, table: str, operator: Sequence[str], units: int, directions: int
) -> dict[str, str]:
    """Each of `POOLS`, [batch, directions * units], of the model's inputs ids and lengths.

    table: the embedding [vocabulary, features]; operator: the LSTM operator's kernel [directions, 4 * units, features],
    recurrent kernel [directions, 4 * units, units] and biases [directions, 8 * units], the second half of them zero.
    """
    none, low = graph.constant(np.float32(0)), graph.constant(np.float32(-1e9))
    ids = graph.add("Transpose", "ids", perm=[1, 0])
    real = real_steps(graph, ids)
    vectors, places = _distinct(graph, table, ids, real)
    far = graph.add("Where", real, none, low)  # from the maximum
    lengths = graph.add("Cast", "lengths", to=7)  # int64
    counts = graph.add("Unsqueeze", graph.add("Cast", "lengths", to=1), graph.ints(1))  # float32
    size = graph.add("Concat", graph.add("Shape", "lengths"), graph.ints(units), axis=0)
    zeros, lowest = graph.add("Expand", none, size), graph.add("Expand", low, size)
    maxima, totals = [], []
    for number in range(directions):
        kernel, recurrent, bias = (graph.add("Gather", name, graph.constant(np.int64(number))) for name in operator)
        parts = graph.ints(3 * units, units)  # the gates i, o and f, then the candidate
        kernels, recurrents = (outputs_of(graph.add("Split", one, parts, outputs=2), 2) for one in (kernel, recurrent))
        biases = outputs_of(graph.add("Split", bias, graph.ints(3 * units, units, 4 * units), outputs=3), 2)
        # padding shuts the gates, so that outputs are zero there
        padding = graph.add("Expand", low, graph.ints(1, 3 * units)), graph.add("Expand", none, graph.ints(1, units))
        products = [
            graph.add("Concat", first, graph.add("Gemm", vectors, *weights, transB=1), axis=0)
            for first, *weights in zip(padding, kernels, biases, strict=True)
        ]
        if number:
            places = graph.add("ReverseSequence", places, lengths, time_axis=0, batch_axis=1)
        body = _step(graph, products, recurrents, units)
        scan = graph.add("Scan", zeros, zeros, lowest, zeros, places, far, outputs=4, body=body, num_scan_inputs=2)
        *_, highest, total = outputs_of(scan, 4)
        maxima.append(highest)
        totals.append(total)
    mean = graph.add("Div", graph.add("Concat", *totals, axis=1), counts)
    return {"max": graph.add("Concat", *maxima, axis=1), "mean": mean}


def _distinct(graph: GraphBuilder, table: str, ids: str, real: str) -> tuple[str, str]:
    """The vectors of the distinct tokens [tokens, features], and for each place [steps, batch] which is its token's,
    counted from 1, int32; 0 at padding."""
    zero, one = graph.constant(np.int32(0)), graph.constant(np.int32(1))
    flat = graph.add("Reshape", ids, graph.ints(-1))
    absent = graph.add("Expand", zero, graph.add("Shape", table, start=0, end=1))
    present = graph.add("ScatterElements", absent, flat, graph.add("Expand", one, graph.add("Shape", flat)))
    vectors = graph.add("Gather", table, graph.add("Squeeze", graph.add("NonZero", present), graph.ints(0)))
    places = graph.add("Gather", graph.add("CumSum", present, graph.constant(np.int64(0))), ids)
    return vectors, graph.add("Where", graph.add("Squeeze", real, graph.ints(2)), places, zero)


def _step(outer: GraphBuilder, products: Sequence[str], recurrents: Sequence[str], units: int) -> "onnx.GraphProto":
    """A step's output, memory, and maximum and sum of the outputs so far, each [batch, units], from those before it,
    the places of the tokens' products int32 [batch], and what the maximum is to have added [batch, 1]."""
    from onnx import TensorProto, helper

    graph = outer.inner()
    h, c, highest, total, place, far = (next(graph.names) for _ in range(6))
    gates, candidate = (
        graph.add("Gemm", h, recurrent, graph.add("Gather", table, place), transB=1)
        for table, recurrent in zip(products, recurrents, strict=True)
    )
    i, o, f = outputs_of(graph.add("Split", graph.add("Sigmoid", gates), outputs=3, axis=1), 3)
    written = graph.add("Mul", i, graph.add("Tanh", candidate))
    next_c = graph.add("Add", graph.add("Mul", f, c), written)
    next_h = graph.add("Mul", o, graph.add("Tanh", next_c))
    next_highest = graph.add("Max", highest, graph.add("Add", next_h, far))
    next_total = graph.add("Add", total, next_h)

    def floats(names: Sequence[str], size: int = units) -> list["onnx.ValueInfoProto"]:
        return [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", size]) for name in names]

    places = helper.make_tensor_value_info(place, TensorProto.INT32, ["batch"])
    given = [*floats((h, c, highest, total)), places, *floats((far,), 1)]
    return helper.make_graph(graph.nodes, next(graph.names), given, floats((next_h, next_c, next_highest, next_total)))
