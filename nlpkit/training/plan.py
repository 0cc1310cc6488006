"""What a training run will come to, before it is begun."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from nlpkit.recipe import Recipe
from nlpkit.training.fit import EpochBatches, background_batches
from nlpkit.training.length import run_length

_WARM_UP, _TIMED = 3, 6  # batches


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes, `train` and `validation` in units of `unit`, and the time expected: that of a few real steps, scaled to
    the steps that will be computed. `length` tells in words how long the run is, and why."""

    train: int
    validation: int
    unit: str
    labels: list[str]
    vocabulary: int
    tokens_per_epoch: int
    padding: float
    parameters: int
    steps_per_epoch: int
    epochs: int
    updates: int
    length: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def plan_training(
    network: keras.Model,
    batches: EpochBatches,
    recipe: Recipe,
    *,
    train: int,
    validation: int,
    unit: str,
    vocabulary: int = 0,
    labels: Sequence[str] = (),
) -> TrainingPlan:
    """Times a few steps of a compiled network, which is of no use afterwards."""
    plan = batches.plan(0)
    sizes = np.array([batches.computed(batch) for batch in plan])
    tokens = sum(batches.tokens(batch) for batch in plan)
    timed = plan[: _WARM_UP + _TIMED]
    clock = _Clock()
    with background_batches(batches, 0, timed) as given:
        network.fit(given, verbose=0, shuffle=False, callbacks=[clock])
    # the first steps compile
    warm = min(_WARM_UP, len(timed) - 1)
    per_step = (clock.times[-1] - clock.times[warm]) / sizes[warm : len(timed)].sum()
    length = run_length(recipe.training, len(plan))
    return TrainingPlan(
        train=train,
        validation=validation,
        unit=unit,
        labels=list(labels),
        vocabulary=vocabulary,
        tokens_per_epoch=tokens,
        padding=1 - tokens / int(sizes.sum()),
        parameters=int(sum(np.prod(weight.shape) for weight in network.trainable_weights)),
        steps_per_epoch=len(length.part(plan, 0)),
        epochs=length.epochs,
        updates=length.steps,
        length=length.told(batches.amount),
        seconds=float(per_step * sizes.mean() * length.steps),
    )


class _Clock(keras.callbacks.Callback):
    """When training began, and when each batch of it ended, in seconds."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.times = [time.monotonic()]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.times.append(time.monotonic())
