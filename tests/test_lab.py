"""The lab: problems whose bars are what knowing nothing reaches, and cells that pass them or do not."""

import json
from pathlib import Path

import numpy as np
import pytest

from nlpkit.inspect.cells import CellWeights
from nlpkit.inspect.chart import Panel, svg
from nlpkit.inspect.stack import Stack
from nlpkit.lab.problems import ADDING, COPIED, COPYING, SYMBOLS
from tests.conftest import Command


def test_the_adding_problem_and_its_bar() -> None:
    inputs, wanted = ADDING.batch(np.random.default_rng(0), 4_000, 30)
    assert inputs.shape == (4_000, 30, 2)
    assert (inputs[:, :15, 1].sum(1) == 1).all()
    assert (inputs[:, 15:, 1].sum(1) == 1).all()
    assert np.allclose(wanted[:, 0], (inputs[:, :, 0] * (inputs[:, :, 1] == 1)).sum(1))
    assert np.square(wanted - 1).mean() == pytest.approx(ADDING.bar(30), rel=0.05)


def test_the_copying_problem_and_its_bar() -> None:
    inputs, wanted = COPYING.batch(np.random.default_rng(0), 50, 30)
    read = inputs.argmax(2)
    assert inputs.shape == (50, 30 + 2 * COPIED, SYMBOLS + 2)
    assert (read[:, :COPIED] == wanted[:, -COPIED:]).all()
    assert (read[:, COPIED : 30 + COPIED - 1] == SYMBOLS).all()
    assert (read[:, 30 + COPIED - 1] == SYMBOLS + 1).all()
    assert (wanted[:, :-COPIED] == SYMBOLS).all()
    # sure of the wait, and one in eight right of the rest
    nats = np.where(wanted == SYMBOLS, 0.0, np.log(SYMBOLS))
    assert nats.mean() == pytest.approx(COPYING.bar(30))


def test_chrono_forgets_over_the_lags() -> None:
    from nlpkit.lab.memory import chrono_bias

    input_gate, forget, *rest = np.split(chrono_bias(1_000, 200, np.random.default_rng(0)), 4)
    assert (input_gate == -forget).all()
    assert not np.concatenate(rest).any()
    kept = 1 / (1 + np.exp(-forget))
    lasts = 1 / (1 - kept)  # steps, of a leaky memory
    assert lasts.min() >= 2
    assert lasts.max() <= 200
    assert np.median(lasts) == pytest.approx(100, rel=0.1)


def test_gradients_fade_where_nothing_keeps_a_memory() -> None:
    units, x = 6, np.random.default_rng(0).normal(size=(1, 40, 3)).astype(np.float32)
    rng = np.random.default_rng(1)

    def last_over_first(cell: str, gates: int, recurrent: np.ndarray, bias: np.ndarray) -> float:
        kernel = rng.normal(size=(gates * units, 3)).astype(np.float32) * 0.1
        run = Stack([[CellWeights(cell, kernel, recurrent, bias)]]).run(x)
        d_hidden = np.zeros_like(run.hidden)
        d_hidden[:, -1] = 1
        norms = np.linalg.norm(run.gradient(d_hidden)[0], axis=1)
        return float(norms[0] / norms[-1])

    half = 0.5 * np.eye(units, dtype=np.float32)
    assert last_over_first("rnn", 1, half, np.zeros((2, units), np.float32)) < 0.5**38
    bias = np.zeros((2, 4 * units), np.float32)
    bias[0, 2 * units : 3 * units] = 8  # the forget gate stays open
    nothing = np.zeros((4 * units, units), np.float32)
    assert 0.3 < last_over_first("lstm", 4, nothing, bias) < 3


@pytest.mark.slow
def test_an_lstm_passes_where_knowing_nothing_fails(nlpkit: Command, tmp_path: Path) -> None:
    options = ["--lags", "12", "--units", "24", "--updates", "250"]
    done = nlpkit("lab", "memory", *options, "--json", "--svg", tmp_path / "lab.svg")
    assert done.returncode == 0, done.stderr
    trials = {(one["problem"], one["cell"]): one for one in json.loads(done.stdout)}
    assert len(trials) == 10
    for cell in ("GRU", "LSTM, chrono"):
        assert trials["adding", cell]["loss"] < 0.3 * trials["adding", cell]["bar"]
    assert trials["adding", "RNN"]["bar"] == pytest.approx(1 / 6)
    assert trials["copying", "RNN"]["bar"] == pytest.approx(10 * np.log(8) / 32)
    assert all(0 < one["loss"] < 2 * one["bar"] for one in trials.values())
    chrono, zero = (trials["adding", f"LSTM, {bias}"] for bias in ("chrono", "bias 0"))
    assert len(chrono["before"]) == 12
    assert chrono["before"][0] == pytest.approx(1)
    assert chrono["before"][-1] > 10 * zero["before"][-1]
    assert (tmp_path / "lab.svg").read_text().count("<polyline") > 20


@pytest.mark.parametrize("lags", ["ten", "1", "10,,30", ""])
def test_lags_that_are_none(nlpkit: Command, lags: str) -> None:
    done = nlpkit("lab", "memory", "--lags", lags)
    assert done.returncode == 2
    assert f"--lags {lags}: " in done.stderr


def test_a_chart_has_its_points_where_they_belong() -> None:
    lines = {"<a>": [(1, 0.0), (10, 0.5), (100, 1.0)]}
    drawn = svg([Panel("title", "across", "up", lines, {"bar": [(1, 0.5), (100, 0.5)]}), Panel("empty", "", "", {})])
    first, second = (drawn.split("<polyline")[i].split('points="')[1].split('"')[0] for i in (1, 2))
    xs, ys = zip(*(map(float, point.split(",")) for point in first.split()), strict=True)
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
    assert ys[0] > ys[1] > ys[2]
    assert {point.split(",")[1] for point in second.split()} == {f"{ys[1]:.1f}"}
    assert "&lt;a&gt;" in drawn
    assert "<a>" not in drawn
