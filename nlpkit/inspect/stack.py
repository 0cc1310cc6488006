"""A bundle's recurrent layers, read out of its graph, and run and differentiated in NumPy."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nlpkit.cores import one_blas_thread
from nlpkit.errors import BundleError
from nlpkit.inspect.cells import CellWeights, Steps, input_gradient, run_cell
from nlpkit.runtime.quantize import constants_of

if TYPE_CHECKING:
    import onnx

OLDER = "the model's graph is of an older form, which cannot be opened up; train it again"

_CELLS = {"LSTM": "lstm", "GRU": "gru", "RNN": "rnn"}


@dataclass(frozen=True)
class Stack:
    """Recurrent layers on top of each other, each with its one or two directions: forward, then backward."""

    layers: Sequence[Sequence[CellWeights]]

    @one_blas_thread()
    def run(self, x: np.ndarray, state: np.ndarray | None = None) -> "Run":
        """What the layers do over x [rows, steps, features], all rows of one length, from a `state` [states, rows,
        units] on, as a generator's session has it."""
        done, each = [], 2 if self.layers[0][0].cell == "lstm" else 1
        for number, directions in enumerate(self.layers):
            initial = [] if state is None else list(state[number * each : (number + 1) * each])
            found = [run_cell(directions[0], x, *initial)]
            if len(directions) == 2:
                found.append(_reversed(run_cell(directions[1], x[:, ::-1])))
            done.append(found)
            x = np.concatenate([steps.hidden for steps in found], -1)
        return Run(self, done, x)


@dataclass(frozen=True)
class Run:
    """What a stack did over some rows: of each layer and direction the steps, in the order of the text, and the last
    layer's hidden states [rows, steps, directions * units]."""

    stack: Stack
    done: list[list[Steps]]
    hidden: np.ndarray

    @one_blas_thread()
    def gradient(self, d_hidden: np.ndarray) -> np.ndarray:
        """The gradient in the inputs [rows, steps, features], given that in the outputs."""
        for directions, found in zip(reversed(self.stack.layers), reversed(self.done), strict=True):
            parts = np.split(d_hidden, len(directions), axis=-1)
            d_hidden = input_gradient(directions[0], found[0], parts[0])
            if len(directions) == 2:
                backward = input_gradient(directions[1], _reversed(found[1]), parts[1][:, ::-1])
                d_hidden = d_hidden + backward[:, ::-1]
        return d_hidden


class GraphReader:
    """The nodes of a bundle's graph, in int8 or not, as `GraphBuilder` put them together, and its constants; of a
    choice between few rows and many, the nodes for few. Its errors are KeyError and ValueError."""

    def __init__(self, model: bytes) -> None:
        import onnx

        self.constants = constants_of(model)
        self.nodes: list[onnx.NodeProto] = []
        for node in onnx.load_model_from_string(model).graph.node:
            branch = next((one.g for one in node.attribute if one.name == "else_branch"), None)
            self.nodes += [node] if branch is None else branch.node
        self._makers = {name: node for node in self.nodes for name in node.output}

    def maker(self, name: str) -> "onnx.NodeProto":
        """The node that gives a value."""
        return self._makers[name]

    def all(self, operator: str) -> "list[onnx.NodeProto]":
        """The nodes of an operator, in order."""
        return [node for node in self.nodes if node.op_type == operator]

    def given(self, node: "onnx.NodeProto") -> list[np.ndarray]:
        """The constants among a node's inputs."""
        return [self.constants[name] for name in node.input if name in self.constants]

    def stack(self) -> Stack:
        """The recurrent layers, from below."""
        layers = []
        for node in (node for node in self.nodes if node.op_type in _CELLS):
            kernel, recurrent, bias = (self.constants[name] for name in node.input[1:4])
            cell = _CELLS[node.op_type]
            layers.append(
                [
                    CellWeights(cell, *arrays[:2], arrays[2].reshape(2, -1))
                    for arrays in zip(kernel, recurrent, bias, strict=True)
                ]
            )
        return Stack(layers)

    def embedding(self) -> np.ndarray:
        """What the lowest layer reads: float32 [vocabulary, features]."""
        first = next(node for node in self.nodes if node.op_type in _CELLS)
        return self.constants[self.maker(first.input[0]).input[0]]


@contextmanager
def opened_up() -> Iterator[None]:
    """Raises BundleError where a graph is not of the form that is looked for in it."""
    try:
        yield
    except (KeyError, ValueError, IndexError, StopIteration):
        raise BundleError(OLDER) from None


def _reversed(steps: Steps) -> Steps:
    """Back to front."""
    memory = None if steps.memory is None else steps.memory[:, ::-1]
    return Steps({name: gate[:, ::-1] for name, gate in steps.gates.items()}, memory, steps.hidden[:, ::-1])
