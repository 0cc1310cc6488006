"""Plain RNN, GRU and LSTM cells of one size on problems that need a memory, at growing lags.

The loss beside the bar of knowing nothing, and how the gradient fades on its way back, show why gates that can leave a
memory as it is were worth inventing; the LSTM's forget gate begins with a bias of 0, of 1 (Jozefowicz et al., 2015), or
spread over the lags that are to be bridged (chrono initialisation; Tallec & Ollivier, 2018).
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from nlpkit.inspect.cells import CellWeights
from nlpkit.inspect.chart import Panel
from nlpkit.inspect.stack import Stack
from nlpkit.lab.problems import ADDING, COPYING, Problem
from nlpkit.layers.lstm import LSTM
from nlpkit.runtime.graph import RecurrentWeights, in_operator_order

CELLS = ("RNN", "GRU", "LSTM, bias 0", "LSTM, bias 1", "LSTM, chrono")
PROBLEMS = {problem.name: problem for problem in (ADDING, COPYING)}
_ROWS = 64
_JUDGED = 512
_SOLVED = 0.02  # of the bar
_EVERY = 50  # updates between two looks


@dataclass(frozen=True)
class Settings:
    """lags: of the adding problem how many numbers there are, of copying how long the wait is; updates: at most, one
    that has solved its problem ends."""

    lags: tuple[int, ...] = (10, 30, 100)
    units: int = 64
    updates: int = 1_000
    learning_rate: float = 0.01
    seed: int = 1


@dataclass(frozen=True)
class Trial:
    """A cell on a problem at a lag: the loss on fresh rows, that of knowing nothing, after how many updates it was
    reached, and by lag the norm of the gradient of the last output in the input so many steps back, over that of none,
    before training and after it."""

    problem: str
    cell: str
    lag: int
    loss: float
    bar: float
    updates: int
    before: list[float]
    after: list[float]


def run(settings: Settings, report: Callable[[int, int], object] = lambda done, total: None) -> list[Trial]:
    """Every cell on every problem at every lag, each from the same rows."""
    wanted = [(problem, lag, cell) for problem in PROBLEMS.values() for lag in settings.lags for cell in CELLS]
    found: list[Trial] = []
    total = sum(lag for _, lag, _ in wanted)
    for problem, lag, cell in wanted:
        report(sum(trial.lag for trial in found), total)
        found.append(_trial(problem, lag, cell, settings))
    return found


def _trial(problem: Problem, lag: int, cell: str, settings: Settings) -> Trial:
    keras.utils.set_random_seed(settings.seed)
    model = _model(problem, lag, cell, settings)
    rng, fresh = np.random.default_rng(settings.seed), np.random.default_rng(settings.seed + 1)
    judged = problem.batch(fresh, _JUDGED, lag)
    before = _fading(model, judged[0])
    loss, updates = float("inf"), 0
    while updates < settings.updates and loss > _SOLVED * problem.bar(lag):
        some = min(_EVERY, settings.updates - updates)
        for _ in range(some):
            model.train_on_batch(*problem.batch(rng, _ROWS, lag))
        updates += some
        loss = float(np.asarray(model.test_on_batch(*judged)))
    return Trial(problem.name, cell, lag, loss, problem.bar(lag), updates, before, _fading(model, judged[0]))


def _model(problem: Problem, lag: int, cell: str, settings: Settings) -> keras.Model:
    options: dict[str, Any] = {"return_sequences": problem.each_step, "name": "cell"}
    layers = {"RNN": keras.layers.SimpleRNN, "GRU": keras.layers.GRU}
    if cell in layers:
        layer = layers[cell](settings.units, **options)
    else:
        layer = LSTM(settings.units, unit_forget_bias=cell != "LSTM, bias 0", **options)
    steps = problem.batch(np.random.default_rng(0), 1, lag)[0].shape[1]
    given = keras.Input(batch_shape=(_ROWS, steps, problem.features))
    activation = "softmax" if problem.each_step else None
    model = keras.Model(given, keras.layers.Dense(problem.outputs, activation=activation)(layer(given)))
    if cell == "LSTM, chrono":
        kernel, recurrent, bias = layer.get_weights()
        bias = chrono_bias(settings.units, steps, np.random.default_rng(settings.seed))
        layer.set_weights([kernel, recurrent, bias])
    model.compile(keras.optimizers.Adam(settings.learning_rate, clipnorm=1.0), problem.loss, jit_compile="auto")
    return model


def chrono_bias(units: int, longest: int, rng: np.random.Generator) -> np.ndarray:
    """An LSTM's first bias [4 * units], gates in Keras' order: forget gates whose half-lives are spread evenly up to
    the longest lag, and input gates that open as little as those forget (Tallec & Ollivier, 2018)."""
    forget = np.log(rng.uniform(1, max(2, longest - 1), units))
    return np.concatenate([-forget, forget, np.zeros(2 * units)]).astype(np.float32)


def _fading(model: keras.Model, x: np.ndarray) -> list[float]:
    """By lag, the norm of the gradient of the last output in the input so many steps back, over that of none."""
    layer = model.get_layer("cell")
    kind = {"SimpleRNN": "rnn", "GRU": "gru", "LSTM": "lstm"}[type(layer).__name__]
    weights = RecurrentWeights(*layer.get_weights())
    stack = Stack([[CellWeights(kind, *in_operator_order(weights, kind))]])
    found = stack.run(x[:_ROWS])
    d_hidden = np.zeros_like(found.hidden)
    d_hidden[:, -1] = 1 / np.sqrt(d_hidden.shape[2])
    norms = np.linalg.norm(found.gradient(d_hidden), axis=2).mean(0)[::-1]
    faded: list[float] = (norms / max(float(norms[0]), 1e-30)).astype(float).tolist()
    return faded


def panels(trials: Sequence[Trial]) -> list[Panel]:
    """What the trials show: the loss of each cell by lag, and at the longest lag how gradients fade."""
    found = []
    for problem in PROBLEMS.values():
        own = [trial for trial in trials if trial.problem == problem.name]
        lines = {cell: [(one.lag, one.loss) for one in own if one.cell == cell] for cell in CELLS}
        bars = {"knowing nothing": sorted({(one.lag, one.bar) for one in own})}
        found.append(Panel(f"The {problem.name} problem", "lag, steps", problem.measure, lines, bars))
    longest = max(trial.lag for trial in trials)
    for when in ("before", "after"):
        lines = {
            one.cell: [(back, max(value, 1e-12)) for back, value in enumerate(getattr(one, when))]
            for one in trials
            if one.problem == ADDING.name and one.lag == longest
        }
        title = f"How gradients fade, {when} training"
        found.append(Panel(title, "steps back", "of the last step's", lines, log_x=False, log_y=True))
    return found


def to_dict(trials: Sequence[Trial]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(trial) for trial in trials]
