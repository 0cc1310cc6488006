"""The training loop around Keras' `fit`: an epoch a call, with validation, the best kept, and resume."""

import math
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from types import FrameType
from typing import Any, Protocol

import keras
import numpy as np
from keras import ops, tree

from nlpkit.data.batching import Batch
from nlpkit.errors import Interrupted, NlpkitError, UsageError, reason
from nlpkit.quiet import quiet
from nlpkit.recipe import TrainingSection
from nlpkit.training.checkpoint import restore_checkpoint, save_checkpoint
from nlpkit.training.devices import parts
from nlpkit.training.length import run_length
from nlpkit.training.progress import EpochRow, TrainingDisplay
from nlpkit.training.run import STATE, Run

Arrays = tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]


class EpochBatches(Protocol):
    """What the loop asks of a task."""

    unit: str
    """What the rows of a batch are, in the plural."""
    one_shape: bool
    """Whether all batches are of one shape: layers may then compile for it."""
    amount: str
    """How much there is to train on, in words: "180 texts"."""

    def plan(self, epoch: int) -> list[Batch]:
        """The batches of a pass over the data: the same for the same pass, whatever ran before."""
        ...

    def collate(self, epoch: int, batch: Batch) -> Arrays:
        """A batch's inputs, targets and sample weights."""
        ...

    def computed(self, batch: Batch) -> int:
        """Steps computed for a batch, padding included."""
        ...

    def tokens(self, batch: Batch) -> int:
        """Real tokens in a batch: what its speed is counted in."""
        ...

    def validate(self, network: keras.Model) -> EpochRow:
        """The figures on the validation split, "score" among them, which is better when higher."""
        ...


@dataclass
class Progress:
    """How far a run is. `step` counts the batches done in `epoch`; `seconds` those of earlier processes."""

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    best_score: float = float("-inf")
    best_epoch: int = -1
    history: list[EpochRow] = field(default_factory=list)


def fit(
    network: keras.Model,
    epochs: EpochBatches,
    section: TrainingSection,
    run: Run,
) -> list[EpochRow]:
    """Trains a compiled network, leaves its best averaged weights in it, and gives the history.

    With `average_epochs` the mean of the last epochs' weights is judged too, when all are done, and left in the network
    where it is the best (checkpoint averaging; Vaswani et al., 2017).
    A run with a checkpoint is saved there after each epoch, every `checkpoint_minutes` and when SIGINT, SIGTERM
    or SIGHUP comes, which raises Interrupted; resumed, it continues to the same weights. Without one, nothing is kept.
    """
    display, checkpoint = run.display, run.checkpoint
    progress, best = Progress(), _weights(network)
    mean: list[np.ndarray] = []  # of the weights after each of the last epochs
    network.optimizer.build(network.trainable_variables)
    if run.resume and checkpoint is not None and (checkpoint / STATE).is_file():
        saved, best, mean = restore_checkpoint(checkpoint, network)
        progress = Progress(**saved)
    started = time.monotonic() - progress.seconds
    length = run_length(section, len(epochs.plan(0)))
    averaged = min(section.average_epochs, length.epochs)
    display.run_begins(length.told(epochs.amount))

    def save() -> None:
        if checkpoint is not None:
            progress.seconds = time.monotonic() - started
            save_checkpoint(checkpoint, network, vars(progress), best, mean)

    with _stop_requests() as stop_requested, _tensorboard(run.tensorboard, network) as chart:
        while progress.epoch < length.epochs and not _out_of_patience(progress, section.patience):
            epoch = progress.epoch
            reading, _ = length.place(epoch)
            plan = length.part(epochs.plan(reading), epoch)
            display.epoch_begins(epoch, length.epochs, len(plan), progress.step, epochs.unit)

            steps = _Steps(progress, plan, epochs, display, save, stop_requested, section.checkpoint_minutes * 60)
            with background_batches(epochs, reading, plan[progress.step :]) as batches:
                logs = network.fit(
                    batches,
                    initial_epoch=epoch,
                    epochs=epoch + 1,
                    shuffle=False,  # the plan is
                    verbose=0,
                    callbacks=[steps],
                ).history
            if steps.stopped:
                raise _stopped(checkpoint, stop_requested())
            if not math.isfinite(logs["loss"][-1]):
                raise NlpkitError(
                    f"training diverged in epoch {epoch + 1}: the loss is not a number; "
                    "try a lower training.learning_rate"
                )
            # `fit` has just replaced the weights by their moving average, if there is one: these are judged
            figures = epochs.validate(network)
            score, judged = figures.pop("score"), _weights(network)
            if score > progress.best_score:
                progress.best_score, progress.best_epoch, best = score, epoch, judged
            if (number := epoch + 1 - (length.epochs - averaged)) > 0:
                mean = [m + (w - m) / number for m, w in zip(mean or judged, judged, strict=True)]
            _assign(network, steps.raw_weights)
            seconds = time.monotonic() - started
            row = {"epoch": epoch + 1, **{k: v[-1] for k, v in logs.items()}, **figures, "seconds": seconds}
            progress.history.append(row)
            chart(epoch, {**{name: values[-1] for name, values in logs.items()}, **figures})
            progress.epoch, progress.step = epoch + 1, 0
            save()
            display.epoch_ends(row)
            if stop_requested() and progress.epoch < length.epochs:
                raise _stopped(checkpoint, stop_requested())
    if mean and progress.epoch == length.epochs:
        _assign(network, mean)
        figures = epochs.validate(network)
        if figures.pop("score") > progress.best_score:
            best = mean
        display.average_judged(averaged, figures)
    _assign(network, best)
    return progress.history


class _Steps(keras.callbacks.Callback):
    """Counts steps, tells the display, saves now and then, and stops when asked to."""

    def __init__(
        self,
        progress: Progress,
        plan: list[Batch],
        epochs: EpochBatches,
        display: TrainingDisplay,
        save: Callable[[], None],
        stop_requested: Callable[[], int],
        save_every: float,
    ) -> None:
        super().__init__()
        self.progress, self.plan, self.epochs, self.display = progress, plan, epochs, display
        self.save, self.stop_requested, self.save_every = save, stop_requested, save_every
        self.saved_at = time.monotonic()
        self.raw_weights: list[np.ndarray] = []
        self.stopped = False

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        # `fit` resets the metrics when an epoch begins; one that is resumed half-way goes on counting
        self.metric_values = [ops.convert_to_numpy(v) for v in model.metrics_variables]

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if self.progress.step:
            for variable, value in zip(self.model.metrics_variables, self.metric_values, strict=True):
                variable.assign(value)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        done = self.plan[self.progress.step]
        self.progress.step += 1
        self.display.batch_ends(len(done.rows), self.epochs.tokens(done), float(logs["loss"]))
        if self.progress.step == len(self.plan):
            return  # the epoch's end is worked out and saved first
        if self.stop_requested():
            self.save()
            # not an exception: its traceback would keep the data's threads alive until the interpreter ends
            self.stopped = self.model.stop_training = True
        elif time.monotonic() - self.saved_at > self.save_every:
            self.save()
            self.saved_at = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.raw_weights = _weights(self.model)


@contextmanager
def background_batches(epochs: EpochBatches, epoch: int, batches: list[Batch]) -> Iterator[Any]:
    """The batches, collated a few ahead in the background, for as long as the context lasts."""
    with quiet():  # on other backends it is imported only now
        import tensorflow as tf

    shared = parts()
    first = _even(epochs.collate(epoch, batches[0]), shared, epochs)
    closed, busy = Event(), Lock()

    def collated() -> Iterator[Any]:
        arrays = first
        for number, batch in enumerate(batches):
            with busy:
                if number and not closed.is_set():
                    arrays = _even(epochs.collate(epoch, batch), shared, epochs)
            yield arrays  # once closed, any: nobody takes them

    def spec(array: np.ndarray) -> Any:
        return tf.TensorSpec(array.shape if epochs.one_shape else [None] * array.ndim, array.dtype)

    signature = tf.nest.map_structure(spec, first)
    dataset = tf.data.Dataset.from_generator(collated, output_signature=signature)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(len(batches))).prefetch(4)
    options = tf.data.Options()
    # an epoch would wait at its end for the tuner, which has nothing to tune and sleeps for up to a minute at a time
    options.autotune.enabled = False
    try:
        yield dataset.with_options(options)
    finally:
        closed.set()
        with busy:  # a thread that was still at work when Python ends would have TensorFlow complain
            pass


def _even(arrays: Arrays, devices: int, epochs: EpochBatches) -> Arrays:
    """A batch of as many rows for each of the devices that share it: where some are missing, with rows that weigh
    nothing, and the others weighing so much more that the mean over all stays."""
    rows = len(arrays[-1])
    missing = -rows % devices
    if not missing:
        return arrays
    if epochs.one_shape:  # which the network is built for
        raise UsageError(
            f"{devices} devices cannot share {rows} {epochs.unit} evenly; set training.batch_size to a smaller "
            f"multiple of {devices}, or training.devices to fewer"
        )
    inputs, targets, weights = tree.map_structure(
        lambda array: np.concatenate([array, np.repeat(array[:1], missing, axis=0)]), arrays
    )
    weights = weights * np.float32(len(weights) / rows)
    weights[rows:] = 0
    return inputs, targets, weights


@contextmanager
def _tensorboard(folder: Path | None, network: keras.Model) -> Iterator[Callable[[int, EpochRow], None]]:
    """Writes an epoch's figures, with the learning rate, where TensorBoard looks for those of training and validation.

    Keras' own callback, told of an epoch when its validation is done, which is not within `network.fit`.
    """
    if folder is None:
        yield lambda epoch, figures: None
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NlpkitError(f"{folder} cannot be written: {reason(error)}; pick another folder for TensorBoard") from None
    callback = keras.callbacks.TensorBoard(str(folder))
    callback.set_model(network)
    try:
        yield callback.on_epoch_end
    finally:
        callback.on_train_end()


def _stopped(checkpoint: Path | None, number: int) -> Interrupted:
    if checkpoint is None:
        told = "training was stopped; nothing was saved, since fit was given no checkpoint"
    else:
        told = f"training was stopped, and saved in {checkpoint}; fit goes on with resume=True"
    return Interrupted(told, 128 + number)


def _out_of_patience(progress: Progress, patience: int) -> bool:
    return patience > 0 and progress.epoch - 1 - progress.best_epoch >= patience


def _weights(network: keras.Model) -> list[np.ndarray]:
    # copied: on some backends the array is a view of the variable
    return [np.array(ops.convert_to_numpy(weight)) for weight in network.weights]


def _assign(network: keras.Model, values: list[np.ndarray]) -> None:
    for weight, value in zip(network.weights, values, strict=True):
        weight.assign(value)


@contextmanager
def _stop_requests() -> Iterator[Callable[[], int]]:
    """What asks a process to end becomes a question to ask after each step: the signal's number, 0 while there is none.
    A second one acts at once. A signal that is ignored, as nohup has SIGHUP, stays so."""
    received: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    try:
        previous = {
            number: signal.signal(number, remember)
            for name in ("SIGINT", "SIGTERM", "SIGHUP")
            if (number := getattr(signal, name, None)) is not None  # Windows has no SIGHUP
            and signal.getsignal(number) not in (signal.SIG_IGN, None)  # None: not Python's to give back
        }
    except ValueError:  # not the main thread, which is the only one that may
        previous = {}
    try:
        yield lambda: received[0] if received else 0
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
