"""What a training run will come to, before it is begun."""

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from nlpkit.data.corpus import PreparedData
from nlpkit.networks.classifier import TrainingBatches, compile_classifier
from nlpkit.recipe import ClassificationRecipe

_TIMED = 3  # batches


@dataclass(frozen=True)
class TrainingPlan:
    """Sizes, and the time expected: that of a few real steps, scaled to the steps that will be computed."""

    train: int
    validation: int
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


def plan_training(recipe: ClassificationRecipe, data: PreparedData) -> TrainingPlan:
    """Builds the network, times a few steps of it, and throws it away."""
    batches = TrainingBatches(recipe, data)
    plan = batches.plan(0)
    network = compile_classifier(recipe, data, batches)
    sizes = np.array([batch.shape_rows * batch.width for batch in plan])
    tokens = sum(batches.tokens(batch) for batch in plan)
    network.train_on_batch(*batches.collate(0, plan[0]))  # compiles
    timed = plan[:_TIMED]
    started = time.monotonic()
    for batch in timed:
        network.train_on_batch(*batches.collate(0, batch))
    per_step = (time.monotonic() - started) / sizes[: len(timed)].sum()
    return TrainingPlan(
        train=len(data.train),
        validation=len(data.validation),
        labels=list(data.labels),
        vocabulary=len(data.tokenizer),
        tokens_per_epoch=tokens,
        padding=1 - tokens / int(sizes.sum()),
        parameters=network.count_params(),
        steps_per_epoch=len(plan),
        epochs=recipe.training.epochs,
        seconds=float(per_step * sizes.sum() * recipe.training.epochs),
    )
