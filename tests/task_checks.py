"""What every task's model must do, whatever it is made of. A task's test file calls each of these."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

import nlpkit
from nlpkit.errors import Interrupted
from nlpkit.tasks.classification import TextClassifier
from nlpkit.training.progress import Row, TrainingDisplay


def check_overfits_eight_examples(model: TextClassifier, texts: list[str], labels: list[str]) -> None:
    assert len(texts) == 8
    model.fit(texts * 4, labels * 4)
    assert model.predict(texts) == labels


def check_reloads_identically(model: TextClassifier, texts: list[str], folder: Path) -> None:
    before = model.predict_proba(texts)
    model.save(folder / "first")
    (folder / "first").rename(folder / "elsewhere")
    np.testing.assert_array_equal(nlpkit.load(folder / "elsewhere").predict_proba(texts), before)


def check_batch_equals_single(model: TextClassifier, texts: Sequence[str]) -> None:
    together = model.predict_proba(texts)
    for text, row in zip(texts, together, strict=True):
        np.testing.assert_allclose(model.predict_proba([text])[0], row, atol=1e-6)


def check_padding_changes_nothing(model: TextClassifier, texts: Sequence[str], long_text: str) -> None:
    alone = model.predict_proba(texts)
    beside = model.predict_proba([*texts, long_text])[: len(texts)]
    np.testing.assert_allclose(beside, alone, atol=1e-6)


def check_same_seed_same_history(fit: Callable[[TrainingDisplay], TextClassifier]) -> None:
    first, second = Kept(), Kept()
    weights = [model._trained().files["model.onnx"] for model in (fit(first), fit(second))]
    assert len(first.rows) > 1
    assert first.rows == second.rows
    assert weights[0] == weights[1]


def check_resumes_to_the_same_weights(
    fit: Callable[[TrainingDisplay, Path | None, bool], TextClassifier], folder: Path, stop_after: Sequence[int]
) -> None:
    """Stops after so many steps of the run, again and again, and compares with a run left alone."""
    whole = Kept()
    expected = fit(whole, None, False)
    for number, steps in enumerate(stop_after):
        with pytest.raises(Interrupted):
            fit(Stopping(steps), folder, number > 0)
    rest = Kept()
    resumed = fit(rest, folder, True)
    assert resumed._trained().files["model.onnx"] == expected._trained().files["model.onnx"]
    assert rest.rows[-1] == whole.rows[-1]


class Kept(TrainingDisplay):
    """Keeps what it is told, less what a clock says."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []

    def epoch_ends(self, row: Row) -> None:
        self.rows.append({name: value for name, value in row.items() if name != "seconds"})


class Stopping(TrainingDisplay):
    """Sends this process SIGINT after so many steps, as Ctrl-C would."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps = steps

    def batch_ends(self, examples: int, tokens: int, loss: float) -> None:
        import signal

        self.steps -= 1
        if self.steps == 0:
            signal.raise_signal(signal.SIGINT)
