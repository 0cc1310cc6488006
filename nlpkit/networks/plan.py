"""What a training run will come to, before it is begun."""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import keras
import numpy as np

from nlpkit.recipe import Recipe
from nlpkit.training.fit import Epochs

_TIMED = 3  # batches


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes, `train` and `validation` in units of `unit`, and the time expected: that of a few real steps, scaled to
    the steps that will be computed."""

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
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return asdict(self)


def plan_training(
    network: keras.Model,
    batches: Epochs,
    recipe: Recipe,
    *,
    train: int,
    validation: int,
    vocabulary: int,
    unit: str,
    labels: Sequence[str] = (),
) -> TrainingPlan:
    """Times a few steps of a compiled network, which is of no use afterwards."""
    plan = batches.plan(0)
    sizes = np.array([batch.shape_rows * batch.width for batch in plan])
    tokens = sum(batches.tokens(batch) for batch in plan)
    network.train_on_batch(*batches.collate(0, plan[0]))  # compiles
    timed = plan[:_TIMED]
    started = time.monotonic()
    for batch in timed:
        network.train_on_batch(*batches.collate(0, batch))
    per_step = (time.monotonic() - started) / sizes[: len(timed)].sum()
    return TrainingPlan(
        train=train,
        validation=validation,
        unit=unit,
        labels=list(labels),
        vocabulary=vocabulary,
        tokens_per_epoch=tokens,
        padding=1 - tokens / int(sizes.sum()),
        parameters=int(sum(np.prod(weight.shape) for weight in network.trainable_weights)),
        steps_per_epoch=len(plan),
        epochs=recipe.training.epochs,
        seconds=float(per_step * sizes.sum() * recipe.training.epochs),
    )
