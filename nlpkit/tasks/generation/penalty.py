"""Activation regularization."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable("nlpkit")
class ActivationPenalty(keras.layers.Layer):
    """Adds to the loss what large outputs, and quick changes of them, cost; passes its first input on unchanged.

    `size` times the mean square of the outputs after dropout, `change` times that of the differences between the
    steps before it: AR and TAR of Merity et al., 2017. Takes outputs after and before dropout, each [batch, steps,
    units].
    """

    def __init__(self, size: float, change: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.size, self.change = size, change

    def call(self, dropped: Any, outputs: Any, training: bool = False) -> Any:
        if training and self.size:
            self.add_loss(self.size * ops.mean(ops.square(dropped)))
        if training and self.change:
            self.add_loss(self.change * ops.mean(ops.square(outputs[:, 1:] - outputs[:, :-1])))
        return dropped

    def compute_output_shape(self, dropped_shape: Any, outputs_shape: Any) -> Any:
        return dropped_shape

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "size": self.size, "change": self.change}
