"""LSTM, GRU and RNN cells in NumPy: what their gates do at each step, and gradients through them.

Weights are in the layout of ONNX' operators, in which a bundle's graph holds them: kernel [gates * units, features],
recurrent kernel [gates * units, units] and bias [2, gates * units], that of the input and that of the state. An LSTM's
gates stand in the order input, output, forget, candidate; a GRU's are update, reset, candidate.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

GATES = {
    "lstm": ("input", "output", "forget", "candidate"),
    "gru": ("update", "reset", "candidate"),
    "rnn": ("candidate",),
}


@dataclass(frozen=True)
class CellWeights:
    """One direction of one layer: kernel [gates * units, features], recurrent [gates * units, units], bias
    [2, gates * units]."""

    cell: str
    kernel: np.ndarray
    recurrent: np.ndarray
    bias: np.ndarray

    @property
    def units(self) -> int:
        return int(self.recurrent.shape[1])


@dataclass(frozen=True)
class Steps:
    """What a cell did at each step, float32 [rows, steps, units] each: its gates and its candidate by name, its memory,
    which an LSTM alone has apart from its hidden state, and that."""

    gates: dict[str, np.ndarray]
    memory: np.ndarray | None
    hidden: np.ndarray

    def row(self, row: int) -> "Steps":
        """Those of one row, [steps, units] each."""
        memory = None if self.memory is None else self.memory[row]
        return Steps({name: gate[row] for name, gate in self.gates.items()}, memory, self.hidden[row])


def run_cell(weights: CellWeights, x: np.ndarray, h: np.ndarray | None = None, c: np.ndarray | None = None) -> Steps:
    """What a cell does over x [rows, steps, features], from a hidden state h and a memory c [rows, units], zero where
    they are not given. Rows are of one length: padding has no place here."""
    rows, steps, _ = x.shape
    h = np.zeros((rows, weights.units), np.float32) if h is None else h
    c = np.zeros_like(h) if c is None else c
    of_input = x @ weights.kernel.T + weights.bias[0]
    transposed = np.ascontiguousarray(weights.recurrent.T)
    names, lstm = GATES[weights.cell], weights.cell == "lstm"
    gates = {name: np.empty((rows, steps, weights.units), np.float32) for name in names}
    hidden = np.empty((rows, steps, weights.units), np.float32)
    memory = np.empty_like(hidden) if lstm else None
    step = _STEPS[weights.cell]
    for t in range(steps):
        found, h, c = step(of_input[:, t], h @ transposed + weights.bias[1], h, c)
        for name, gate in zip(names, found, strict=True):
            gates[name][:, t] = gate
        hidden[:, t] = h
        if memory is not None:
            memory[:, t] = c
    return Steps(gates, memory, hidden)


def input_gradient(weights: CellWeights, done: Steps, d_hidden: np.ndarray) -> np.ndarray:
    """The gradient in a cell's inputs [rows, steps, features], given that in its hidden states [rows, steps, units],
    after `run_cell` from a state of zeros; by hand, back through time."""
    rows, steps, units = d_hidden.shape
    before = np.concatenate([np.zeros((rows, 1, units), np.float32), done.hidden[:, :-1]], 1)
    back = {"lstm": _lstm_back, "gru": _gru_back, "rnn": _rnn_back}[weights.cell](weights, done, before)
    d_products = np.empty((rows, steps, len(weights.kernel)), np.float32)
    dh, dc = np.zeros((rows, units), np.float32), np.zeros((rows, units), np.float32)
    for t in range(steps - 1, -1, -1):
        d_products[:, t], dh, dc = back(t, dh + d_hidden[:, t], dc)
    gradient: np.ndarray = d_products @ weights.kernel
    return gradient


def _sigmoid(x: np.ndarray) -> np.ndarray:
    found: np.ndarray = 0.5 * np.tanh(0.5 * x) + 0.5  # which does not overflow
    return found


_Found = tuple[tuple[np.ndarray, ...], np.ndarray, np.ndarray]


def _lstm_step(of_input: np.ndarray, of_state: np.ndarray, h: np.ndarray, c: np.ndarray) -> _Found:
    units = h.shape[1]
    z = of_input + of_state
    i, o, f = np.split(_sigmoid(z[:, : 3 * units]), 3, axis=1)
    g = np.tanh(z[:, 3 * units :])
    c = f * c + i * g
    return (i, o, f, g), o * np.tanh(c), c


def _gru_step(of_input: np.ndarray, of_state: np.ndarray, h: np.ndarray, c: np.ndarray) -> _Found:
    units = h.shape[1]
    z, r = np.split(_sigmoid(of_input[:, : 2 * units] + of_state[:, : 2 * units]), 2, axis=1)
    g = np.tanh(of_input[:, 2 * units :] + r * of_state[:, 2 * units :])
    return (z, r, g), z * h + (1 - z) * g, c


def _rnn_step(of_input: np.ndarray, of_state: np.ndarray, h: np.ndarray, c: np.ndarray) -> _Found:
    g = np.tanh(of_input + of_state)
    return (g,), g, c


_STEPS = {"lstm": _lstm_step, "gru": _gru_step, "rnn": _rnn_step}

_Back = Callable[[int, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]
"""From the gradients in the output and the memory after a step, its number first, to those in the products with the
input kernel, and in the output and the memory before it."""


def _lstm_back(weights: CellWeights, done: Steps, before: np.ndarray) -> _Back:
    i, o, f, g = (done.gates[name] for name in GATES["lstm"])
    memory = done.memory
    assert memory is not None
    squashed = np.tanh(memory)
    c_before = np.concatenate([np.zeros_like(memory[:, :1]), memory[:, :-1]], 1)
    # what each gate's gradient is multiplied by, for all steps at once
    of_h = squashed * o * (1 - o)
    into_c = o * (1 - squashed * squashed)
    of_c = np.stack([g * i * (1 - i), c_before * f * (1 - f), i * (1 - g * g)])

    def back(t: int, dh: np.ndarray, dc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dc = dc + dh * into_c[:, t]
        di, df, dg = dc * of_c[:, :, t]
        dz = np.concatenate([di, dh * of_h[:, t], df, dg], 1)
        return dz, dz @ weights.recurrent, dc * f[:, t]

    return back


def _gru_back(weights: CellWeights, done: Steps, before: np.ndarray) -> _Back:
    z, r, g = (done.gates[name] for name in GATES["gru"])
    units = z.shape[2]
    of_state = before @ weights.recurrent[2 * units :].T + weights.bias[1, 2 * units :]

    def back(t: int, dh: np.ndarray, dc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dg = dh * (1 - z[:, t]) * (1 - g[:, t] ** 2)
        dz = dh * (before[:, t] - g[:, t]) * z[:, t] * (1 - z[:, t])
        dr = dg * of_state[:, t] * r[:, t] * (1 - r[:, t])
        onward = np.concatenate([dz, dr, dg * r[:, t]], 1) @ weights.recurrent
        return np.concatenate([dz, dr, dg], 1), onward + dh * z[:, t], dc

    return back


def _rnn_back(weights: CellWeights, done: Steps, before: np.ndarray) -> _Back:
    g = done.gates["candidate"]

    def back(t: int, dh: np.ndarray, dc: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        dz = dh * (1 - g[:, t] ** 2)
        return dz, dz @ weights.recurrent, dc

    return back
