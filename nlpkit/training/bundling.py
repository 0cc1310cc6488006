"""From a trained network to the files of a bundle."""

import csv
import io
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import keras
import numpy as np

from nlpkit.bundle import Bundle
from nlpkit.errors import NlpkitError
from nlpkit.frontend import Frontend
from nlpkit.recipe import Recipe, recipe_to_toml
from nlpkit.training.progress import EpochRow
from nlpkit.training.weights import weights_to_bytes

TOLERANCE = 1e-4  # how far the exported graph's answers may be from the network's
_LIBRARIES = (
    "nlpkit-lstm",
    "keras",
    "tensorflow",
    "sentencepiece",
    "onnx",
    "onnxruntime",
    "numpy",
    "scipy",
    "scikit-learn",
)


def bundle_network(
    bare: keras.Model,
    graphs: Mapping[str, bytes],
    recipe: Recipe,
    frontend: Frontend,
    history: list[EpochRow],
    facts: dict[str, Any],
) -> Bundle:
    """A bundle without its figures and its card; `facts` are the metadata that the task adds.

    `bare` is the network without an optimizer, whose weights are kept beside the graphs, ONNX models by file name.
    """
    metadata = {
        "task": recipe.task,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        **facts,
        **frontend.facts(),
        "parameters": sum(math.prod(weight.shape) for weight in bare.trainable_weights),
        "epochs": len(history),
        "training_seconds": round(history[-1]["seconds"], 1),
        "metrics": {},
        "versions": {name: version(name) for name in _LIBRARIES},
    }
    files = {
        "recipe.toml": recipe_to_toml(recipe).encode(),
        frontend.file: frontend.to_bytes(),
        **graphs,
        "model.weights.h5": weights_to_bytes(bare),
        "history.csv": _history_file(history),
    }
    return Bundle(metadata, files)


def hold_to_network(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    """Raises NlpkitError when the graph's answers are more than `TOLERANCE` off the network's, or not numbers."""
    off = max(float(np.abs(ours - theirs).max()) for ours, theirs in zip(found, expected, strict=True))
    if not off <= TOLERANCE:  # also when it is not a number
        raise NlpkitError(
            f"the exported graph is {off:.1e} off the network, more than {TOLERANCE:.0e}, so it is not kept; "
            "training may have diverged: try a lower training.learning_rate"
        )


def _history_file(history: list[EpochRow]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(history[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue().encode()
