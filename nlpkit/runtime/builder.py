"""ONNX graphs, put together node by node."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import onnx

OPSET = 17
IR_VERSION = 8  # what goes with the opset; older runtimes refuse newer ones


@dataclass
class GraphBuilder:
    """Collects nodes and constants; every method that adds a node gives the name of its first output."""

    nodes: list["onnx.NodeProto"] = field(default_factory=list)
    constants: dict[tuple[Any, ...], "onnx.TensorProto"] = field(default_factory=dict)
    names: Iterator[str] = field(default_factory=lambda: (f"n{number}" for number in count()))

    def inner(self) -> "GraphBuilder":
        """The builder of a graph inside a node of this one, which sees the names around it."""
        return GraphBuilder([], self.constants, self.names)

    def constant(self, value: Any) -> str:
        """A constant of the whole model, of the value's own type; equal ones are kept once."""
        from onnx import numpy_helper

        array = np.asarray(value, order="C")
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self.constants:
            self.constants[key] = numpy_helper.from_array(array, f"c{len(self.constants)}")
        return str(self.constants[key].name)

    def ints(self, *values: int) -> str:
        """A constant int64 [values]."""
        return self.constant(np.array(values, np.int64))

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> str:
        """A node; an input of "" is one left out. Its further outputs are called like the first, with `.1` …"""
        from onnx import helper

        name = next(self.names)
        found = outputs_of(name, outputs)
        self.nodes.append(helper.make_node(operator, list(inputs), found, name=name, **attributes))
        return name

    def either(
        self, condition: str, then: Callable[["GraphBuilder"], str], otherwise: Callable[["GraphBuilder"], str]
    ) -> str:
        """What `then` adds and gives where the condition, one bool, is true, and else what `otherwise` does."""
        from onnx import TensorProto, helper

        graphs = []
        for build in (then, otherwise):
            inner = self.inner()
            found = helper.make_tensor_value_info(build(inner), TensorProto.FLOAT, None)
            graphs.append(helper.make_graph(inner.nodes, next(self.names), [], [found]))
        return self.add("If", condition, then_branch=graphs[0], else_branch=graphs[1])


def outputs_of(name: str, count: int) -> list[str]:
    """The names of a node's outputs."""
    return [name, *(f"{name}.{number}" for number in range(1, count))]


def real_steps(graph: GraphBuilder, x: str) -> str:
    """Which steps are real: bool [steps, batch, 1], for x [steps, batch, …]."""
    zero, one = graph.constant(np.int64(0)), graph.constant(np.int64(1))
    steps = graph.add("Gather", graph.add("Shape", x), zero)
    position = graph.add("Unsqueeze", graph.add("Range", zero, steps, one), graph.ints(1, 2))
    lengths = graph.add("Cast", "lengths", to=7)  # int64
    return graph.add("Less", position, graph.add("Unsqueeze", lengths, graph.ints(0, 2)))


def serialized(
    graph: GraphBuilder,
    name: str,
    inputs: Mapping[str, tuple[int, Sequence[int | str]]],
    outputs: Mapping[str, Sequence[int | str]],
    facts: Mapping[str, str] | None = None,
) -> bytes:
    """The model around a graph, its inputs by type and shape, its outputs, all float32, by shape, and what else is to
    be told of it."""
    from onnx import TensorProto, helper

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            name,
            [helper.make_tensor_value_info(key, kind, shape) for key, (kind, shape) in inputs.items()],
            [helper.make_tensor_value_info(key, TensorProto.FLOAT, shape) for key, shape in outputs.items()],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="nlpkit",
    )
    helper.set_model_props(model, facts or {})
    serialized: bytes = model.SerializeToString()
    return serialized
