"""From the outputs at every step to one vector a text."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from nlpkit.layers.stack import step_mask

_FAR = -1e9  # stands in for minus infinity


@keras.saving.register_keras_serializable("nlpkit")
class Pooling(keras.layers.Layer):
    """One or several poolings over the real steps, side by side in the order of `kinds`.

    Takes outputs [batch, steps, features] and lengths int32 [batch]; gives [batch, features * kinds].
    "last": the state after the whole text: the forward half at its last step, the backward half at its first.
    "mean", "max": over the real steps. "attention": their mean, weighted by a softmax over learned scores.
    """

    def __init__(self, kinds: Sequence[str], *, bidirectional: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.kinds, self.bidirectional = list(kinds), bidirectional
        self.score: Any = keras.layers.Dense(1, name="score") if "attention" in kinds else None

    def build(self, outputs_shape: tuple[int | None, ...], lengths_shape: Any = None) -> None:
        if self.score is not None:
            self.score.build(outputs_shape)
        self.built = True

    def call(self, outputs: Any, lengths: Any) -> Any:
        real = step_mask(lengths, ops.shape(outputs)[1])
        return ops.concatenate([self._pool(kind, outputs, lengths, real) for kind in self.kinds], axis=-1)

    def _pool(self, kind: str, outputs: Any, lengths: Any, real: Any) -> Any:
        if kind == "mean":
            return ops.sum(outputs * real, axis=1) / ops.cast(lengths, "float32")[:, None]
        if kind == "max":
            return ops.max(ops.where(real > 0, outputs, _FAR), axis=1)
        if kind == "attention":
            weights = ops.softmax(ops.where(real > 0, self.score(outputs), _FAR), axis=1)
            return ops.sum(outputs * weights, axis=1)
        last = ops.take_along_axis(outputs, (lengths - 1)[:, None, None], axis=1)[:, 0]
        if not self.bidirectional:
            return last
        units = int(outputs.shape[-1]) // 2
        return ops.concatenate([last[:, :units], outputs[:, 0, units:]], axis=-1)

    def compute_output_shape(self, outputs_shape: tuple[int | None, ...], lengths_shape: Any = None) -> Any:
        return (outputs_shape[0], (outputs_shape[-1] or 0) * len(self.kinds))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "kinds": self.kinds, "bidirectional": self.bidirectional}
