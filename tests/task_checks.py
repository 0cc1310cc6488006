"""What every task's model must do, whatever it is made of. A task's test file calls each of these."""

import copy
import pickle
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

import nlpkit
from nlpkit.errors import Interrupted, UsageError
from nlpkit.tasks.base import TrainedTask
from nlpkit.training.progress import EpochRow, TrainingDisplay

M = TypeVar("M", bound=TrainedTask[Any])


def check_overfits_eight_examples(
    answers: Callable[[list[str]], list[str]], given: list[str], wanted: list[str]
) -> None:
    """`answers` is a model's that was trained on eight examples and nothing else."""
    assert len(given) == len(wanted) == 8
    assert answers(given) == wanted


def check_reloads_identically(model: M, answers: Callable[[M], Any], folder: Path) -> None:
    before = answers(model)
    model.save(folder / "first")
    (folder / "first").rename(folder / "elsewhere")
    np.testing.assert_array_equal(answers(nlpkit.load(folder / "elsewhere")), before)  # type: ignore[arg-type]


def check_copies_and_threads_answer_alike(model: M, answers: Callable[[M], Any]) -> None:
    """As multiprocessing, Spark and Ray send a model around, and as a server asks one."""
    expected = answers(model)
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):  # noqa: S301
        np.testing.assert_array_equal(answers(other), expected)
        assert other.metadata == model.metadata
        assert other.session is not model.session
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(answers, [model] * 12):
            np.testing.assert_array_equal(found, expected)
    untrained = pickle.loads(pickle.dumps(type(model)(model.recipe)))  # noqa: S301
    assert untrained.recipe == model.recipe
    with pytest.raises(UsageError, match="not trained yet"):
        answers(untrained)


def check_batch_equals_single(
    scores: Callable[[list[str]], Sequence[np.ndarray] | np.ndarray], texts: list[str]
) -> None:
    """`scores` gives an array for each text, whatever it stands beside."""
    for text, together in zip(texts, scores(texts), strict=True):
        np.testing.assert_allclose(scores([text])[0], together, atol=1e-6)


def check_padding_changes_nothing(
    scores: Callable[[list[str]], Sequence[np.ndarray] | np.ndarray], texts: list[str], long_text: str
) -> None:
    for alone, beside in zip(scores(texts), scores([*texts, long_text]), strict=False):
        np.testing.assert_allclose(beside, alone, atol=1e-6)


def check_same_seed_same_history(fit: Callable[[TrainingDisplay], TrainedTask[Any]]) -> None:
    first, second = Kept(), Kept()
    weights = [model.bundle.files["model.onnx"] for model in (fit(first), fit(second))]
    assert len(first.rows) > 1
    assert first.rows == second.rows
    assert weights[0] == weights[1]


def check_resumes_to_the_same_weights(
    fit: Callable[[TrainingDisplay, Path | None, bool], TrainedTask[Any]], folder: Path, stop_after: Sequence[int]
) -> None:
    """Stops after so many steps of the run, again and again, and compares with a run left alone."""
    whole = Kept()
    expected = fit(whole, None, False)
    for number, steps in enumerate(stop_after):
        with pytest.raises(Interrupted):
            fit(Stopping(steps), folder, number > 0)
    rest = Kept()
    resumed = fit(rest, folder, True)
    assert resumed.bundle.files["model.onnx"] == expected.bundle.files["model.onnx"]
    assert rest.rows
    assert rest.rows == whole.rows[-len(rest.rows) :]


def read_charts(folder: Path) -> dict[str, dict[int, float]]:
    """What TensorBoard shows of a folder of logs: value by step, for each of its runs and charts."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.util.tensor_util import make_ndarray

    found: dict[str, dict[int, float]] = {}
    for run in folder.iterdir():
        events = EventAccumulator(str(run)).Reload()
        for name in events.Tags()["tensors"]:
            if name.startswith("epoch_"):
                steps = {event.step: make_ndarray(event.tensor_proto).item() for event in events.Tensors(name)}
                found[f"{run.name}/{name}"] = steps
    return found


class Kept(TrainingDisplay):
    """Keeps what it is told, less what a clock says."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[EpochRow] = []

    def epoch_ends(self, row: EpochRow) -> None:
        self.rows.append({name: value for name, value in row.items() if name != "seconds"})


class Stopping(TrainingDisplay):
    """Sends this process a signal after so many steps: SIGINT, as Ctrl-C would, or another."""

    def __init__(self, steps: int, number: signal.Signals = signal.SIGINT) -> None:
        super().__init__()
        self.steps, self.number = steps, number

    def batch_ends(self, examples: int, tokens: int, loss: float) -> None:
        self.steps -= 1
        if self.steps == 0:
            signal.raise_signal(self.number)
