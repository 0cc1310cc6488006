"""The training loop on a network of one weight, whose every step can be worked out."""

import errno
import os
import signal
import time
from pathlib import Path

import keras
import numpy as np
import pytest

from nlpkit.data.batching import Batch
from nlpkit.errors import Interrupted, NlpkitError
from nlpkit.recipe import TrainingSection
from nlpkit.training.checkpoint import restore_checkpoint, save_checkpoint
from nlpkit.training.fit import background_batches, fit
from nlpkit.training.progress import EpochRow, TrainingDisplay
from nlpkit.training.run import Run
from nlpkit.training.schedule import WarmUp
from tests.task_checks import Stopping, read_charts


class Scripted:
    """Two batches an epoch, and validation scores as given."""

    unit = "rows"
    one_shape = False
    amount = "4 rows"

    def __init__(self, scores: list[float], target: float = 1.0) -> None:
        self.scores, self.target = scores, target
        self.judged: list[float] = []

    def plan(self, epoch: int) -> list[Batch]:
        return [Batch(np.arange(4), 4, 1)] * 2

    def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        ones = np.ones((4, 1), np.float32)
        return {"x": ones}, ones * self.target, np.ones(4, np.float32)

    def computed(self, batch: Batch) -> int:
        return len(batch.rows)

    def tokens(self, batch: Batch) -> int:
        return 4

    def validate(self, network: keras.Model) -> EpochRow:
        self.judged.append(weight(network))
        return {"val_weight": self.judged[-1], "score": self.scores[len(self.judged) - 1]}


def weight(network: keras.Model) -> float:
    return float(network.get_weights()[0].item())


def compiled(ema: float = 0.0) -> keras.Model:
    x = keras.Input((1,), name="x")
    dense = keras.layers.Dense(1, use_bias=False, kernel_initializer="zeros")
    network = keras.Model({"x": x}, dense(x))
    network.compile(keras.optimizers.SGD(0.1, use_ema=ema > 0, ema_momentum=ema), "mse", jit_compile=False)
    return network


def section(epochs: int, patience: int = 0, average: int = 0) -> TrainingSection:
    return TrainingSection(epochs=epochs, patience=patience, average_epochs=average)


def test_the_best_epoch_is_left_in_the_network() -> None:
    network, epochs = compiled(), Scripted([0.1, 0.9, 0.5])
    history = fit(network, epochs, section(3), Run(TrainingDisplay()))
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert epochs.judged == pytest.approx([1 - 0.8**2, 1 - 0.8**4, 1 - 0.8**6])  # w += 0.2 * (1 - w) each step
    assert weight(network) == pytest.approx(epochs.judged[1])


def test_the_average_is_judged_and_the_raw_weights_train_on() -> None:
    network, epochs = compiled(ema=0.5), Scripted([0.1, 0.2])
    fit(network, epochs, section(2), Run(TrainingDisplay()))
    raw = [1 - 0.8**n for n in range(1, 5)]
    average = [raw[0]]
    for value in raw[1:]:
        average.append(0.5 * average[-1] + 0.5 * value)
    assert epochs.judged == pytest.approx([average[1], average[3]])
    assert weight(network) == pytest.approx(average[3])


@pytest.mark.parametrize(("score_of_mean", "kept"), [(0.95, "mean"), (0.5, "best")])
def test_the_mean_of_the_last_epochs_is_kept_where_it_is_better(score_of_mean: float, kept: str) -> None:
    network, epochs = compiled(), Scripted([0.1, 0.9, 0.2, 0.3, score_of_mean])
    fit(network, epochs, section(4, average=3), Run(TrainingDisplay()))
    after = [1 - 0.8 ** (2 * n) for n in range(1, 5)]
    assert epochs.judged == pytest.approx([*after, np.mean(after[1:])])
    assert weight(network) == pytest.approx(np.mean(after[1:]) if kept == "mean" else after[1])


def test_of_fewer_epochs_than_are_asked_for_the_mean_is_that_of_all() -> None:
    network, epochs = compiled(), Scripted([0.1, 0.2, 0.9])
    fit(network, epochs, section(2, average=5), Run(TrainingDisplay()))
    assert weight(network) == pytest.approx(np.mean([1 - 0.8**2, 1 - 0.8**4]))


def test_a_resumed_run_comes_to_the_same_mean(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):  # in the third epoch of four, when the second is in the mean already
        fit(compiled(), Scripted([0.1, 0.9]), section(4, average=3), Run(Stopping(5), tmp_path))
    network = compiled()
    fit(network, Scripted([0.2, 0.3, 0.95]), section(4, average=3), Run(TrainingDisplay(), tmp_path, resume=True))
    assert weight(network) == pytest.approx(np.mean([1 - 0.8 ** (2 * n) for n in (2, 3, 4)]))


def test_a_stopped_run_says_whether_it_was_saved(tmp_path: Path) -> None:
    for steps in (1, 2):  # within an epoch, and at its end
        with pytest.raises(Interrupted, match="nothing was saved, since fit was given no checkpoint"):
            fit(compiled(), Scripted([0.1]), section(2), Run(Stopping(steps)))
        folder = tmp_path / str(steps)
        with pytest.raises(Interrupted, match=rf"saved in {folder}; fit goes on with resume=True"):
            fit(compiled(), Scripted([0.1]), section(2), Run(Stopping(steps), folder))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_what_asks_the_process_to_end_saves_the_run(tmp_path: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted) as caught:
        fit(compiled(), Scripted([0.1]), section(2), Run(Stopping(1, number), tmp_path))
    assert caught.value.exit_code == 128 + number
    assert signal.getsignal(number) == before
    assert (tmp_path / "state.npz").is_file()


def test_a_signal_that_is_ignored_stops_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        history = fit(compiled(), Scripted([0.1, 0.2]), section(2), Run(Stopping(1, signal.SIGHUP)))
    finally:
        signal.signal(signal.SIGHUP, before)
    assert len(history) == 2


def test_tensorboard_is_shown_training_and_validation(tmp_path: Path) -> None:
    network, epochs = compiled(), Scripted([0.1, 0.9, 0.5])
    history = fit(network, epochs, section(3), Run(TrainingDisplay(), tensorboard=tmp_path / "a" / "logs"))
    charts = read_charts(tmp_path / "a" / "logs")
    assert charts["train/epoch_loss"] == pytest.approx({row["epoch"] - 1: row["loss"] for row in history})
    assert charts["train/epoch_learning_rate"] == pytest.approx({0: 0.1, 1: 0.1, 2: 0.1})
    assert charts["validation/epoch_weight"] == pytest.approx(dict(enumerate(epochs.judged)))
    assert len(list((tmp_path / "a" / "logs" / "train").iterdir())) == 1  # not one an epoch


def test_a_folder_for_tensorboard_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NlpkitError, match=r"file/logs cannot be written: Not a directory"):
        fit(compiled(), Scripted([0.1]), section(1), Run(TrainingDisplay(), tensorboard=tmp_path / "file" / "logs"))


@pytest.mark.parametrize(("patience", "epochs_run"), [(0, 6), (1, 3), (2, 4)])
def test_patience(patience: int, epochs_run: int) -> None:
    epochs = Scripted([0.5, 0.9, 0.8, 0.7, 0.6, 0.5])
    assert len(fit(compiled(), epochs, section(6, patience), Run(TrainingDisplay()))) == epochs_run


def test_a_run_that_diverges_says_so() -> None:
    with pytest.raises(NlpkitError, match=r"diverged in epoch 1.*learning_rate"):
        fit(compiled(), Scripted([0.1], target=float("nan")), section(1), Run(TrainingDisplay()))


def test_a_damaged_checkpoint(tmp_path: Path) -> None:
    network = compiled()
    network.optimizer.build(network.trainable_variables)
    save_checkpoint(tmp_path, network, {"epoch": 1}, network.get_weights(), [])
    assert restore_checkpoint(tmp_path, network)[0] == {"epoch": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    content = (tmp_path / "state.npz").read_bytes()
    (tmp_path / "state.npz").write_bytes(content[: len(content) // 2])
    with pytest.raises(NlpkitError, match="damaged"):
        restore_checkpoint(tmp_path, network)
    # a way of packing that nobody knows, in the entries and in the table of them
    for place in (content.find(b"PK\x03\x04") + 8, content.find(b"PK\x01\x02") + 10):
        content = content[:place] + b"\x63" + content[place + 1 :]
    (tmp_path / "state.npz").write_bytes(content)
    with pytest.raises(NlpkitError, match="damaged"):
        restore_checkpoint(tmp_path, network)


def test_a_checkpoint_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = compiled()
    network.optimizer.build(network.trainable_variables)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(NlpkitError, match=r"the disk is full; make room and try again; what was saved before stays"):
        save_checkpoint(tmp_path, network, {"epoch": 1}, [], [])


def test_the_schedule_rises_and_falls() -> None:
    cosine = WarmUp(2.0, 100, 0.1, cosine=True)
    assert float(cosine(4)) == pytest.approx(1.0)
    assert float(cosine(9)) == pytest.approx(2.0, abs=1e-3)
    assert float(cosine(54)) == pytest.approx(1.0, abs=1e-3)
    assert float(cosine(99)) == pytest.approx(0.0, abs=1e-6)
    assert float(WarmUp(2.0, 100, 0.1, cosine=False)(60)) == 2.0
    assert float(WarmUp(2.0, 100, 0.0, cosine=True)(0)) > 1.9


def test_no_thread_is_left_at_work_when_an_epoch_is_left() -> None:
    class Slow(Scripted):
        at_work = 0

        def plan(self, epoch: int) -> list[Batch]:
            return [Batch(np.arange(4), 4, 1)] * 50

        def collate(self, epoch: int, batch: Batch) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
            self.at_work += 1
            time.sleep(0.02)
            self.at_work -= 1
            return super().collate(epoch, batch)

    epochs = Slow([0.0])
    with background_batches(epochs, 0, epochs.plan(0)) as batches:
        next(iter(batches))
    for _ in range(20):
        assert epochs.at_work == 0
        time.sleep(0.005)


@pytest.mark.parametrize(("one_shape", "shape"), [(True, [4, 1]), (False, [None, None])])
def test_layers_are_told_the_shape_that_all_batches_have(one_shape: bool, shape: list[int | None]) -> None:
    epochs = Scripted([0.0])
    epochs.one_shape = one_shape
    with background_batches(epochs, 0, epochs.plan(0)) as batches:
        inputs, _, _ = batches.element_spec
    assert inputs["x"].shape.as_list() == shape


def test_an_epoch_has_no_tuner_to_wait_for_at_its_end() -> None:
    epochs = Scripted([0.0])
    with background_batches(epochs, 0, epochs.plan(0)) as batches:
        assert batches.options().autotune.enabled is False
