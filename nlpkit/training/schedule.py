"""The optimizer, and the learning rate over a run."""

from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
from keras import ops

from nlpkit.recipe import TrainingSection


@keras.saving.register_keras_serializable("nlpkit")
class WarmUp(keras.optimizers.schedules.LearningRateSchedule):
    """A straight rise from zero over `warmup` of the `steps`, then the peak or half a cosine down to zero."""

    def __init__(self, peak: float, steps: int, warmup: float, cosine: bool) -> None:
        self.peak, self.steps, self.warmup, self.cosine = peak, steps, warmup, cosine

    def __call__(self, step: Any) -> Any:
        done = ops.minimum((ops.cast(step, "float32") + 1) / self.steps, 1.0)
        rise = done / self.warmup if self.warmup else ops.ones_like(done)
        fall = ops.maximum(done - self.warmup, 0.0) / (1 - self.warmup)
        after = (ops.cos(fall * 3.141592653589793) + 1) / 2 if self.cosine else ops.ones_like(done)
        return self.peak * ops.where(done < self.warmup, rise, after)

    def get_config(self) -> dict[str, Any]:
        return {"peak": self.peak, "steps": self.steps, "warmup": self.warmup, "cosine": self.cosine}


class HoldingAdamW(keras.optimizers.AdamW):
    """AdamW that can leave rows of a matrix as they are for the first steps of its run."""

    held: Any = None  # the matrix' key; itself it would be taken for a variable of the optimizer's own
    rates: np.ndarray | None = None  # of its rows, float32 [rows, 1], what their updates are multiplied by until
    free_at = 0.0  # so many steps are done

    def __init__(self, learning_rate: WarmUp, **options: Any) -> None:
        super().__init__(learning_rate, **options)
        self.run_steps = learning_rate.steps

    def hold(self, matrix: keras.Variable, rows: Iterable[int], share: float) -> None:
        """Leaves rows of a matrix as they are for a share of the run's steps; there is no weight decay of it."""
        self.exclude_from_weight_decay(var_list=[matrix])
        self.held, self.free_at = self._var_key(matrix), share * self.run_steps
        self.rates = np.ones((matrix.shape[0], 1), np.float32)
        self.rates[list(rows)] = 0

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        if self.held is not None and self._var_key(variable) == self.held:
            free = ops.cast(self.iterations, "float32") >= self.free_at
            learning_rate = learning_rate * ops.where(free, 1.0, self.rates)
        super().update_step(gradient, variable, learning_rate)


def make_optimizer(section: TrainingSection, steps: int, *, holding: bool = False) -> keras.optimizers.Optimizer:
    """AdamW (Loshchilov & Hutter, 2019), which without weight decay is Adam, for a run of `steps`; one that can hold
    rows of a matrix where it is to, as PyTorch is slower with it."""
    kind = HoldingAdamW if holding else keras.optimizers.AdamW
    return kind(
        WarmUp(section.learning_rate, steps, section.warmup, section.schedule == "cosine"),
        weight_decay=section.weight_decay,
        beta_2=section.beta_2,
        global_clipnorm=section.clip_norm,
        use_ema=section.ema_momentum > 0,
        # a short run averages less far back, or its first weights would weigh in
        ema_momentum=min(section.ema_momentum, 1 - 1 / max(1.0, section.ema_share * steps)),
    )
