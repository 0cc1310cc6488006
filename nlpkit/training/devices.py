"""Several devices that train one network, each on a part of every batch."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np

from nlpkit.errors import UsageError


def shared_by(devices: int) -> AbstractContextManager[Any]:
    """What a network is to be made and trained in, for so many devices to share its batches: `keras.distribution`'s
    data parallelism, which the JAX backend has. Raises UsageError for another backend, and for more devices than there
    are."""
    if devices == 1:
        return nullcontext()
    if keras.backend.backend() != "jax":
        raise UsageError(
            f"training.devices = {devices} goes with KERAS_BACKEND=jax, not {keras.backend.backend()}, on which Keras "
            "shares no batches"
        )
    found = keras.distribution.list_devices()
    if devices > len(found):
        raise UsageError(f"training.devices = {devices}, and JAX finds {len(found)}: {', '.join(found)}")
    parallel = keras.distribution.DataParallel(devices=found[:devices], auto_shard_dataset=False)
    scope: AbstractContextManager[Any] = parallel.scope()
    return scope


def parts() -> int:
    """How many devices share a batch here."""
    parallel = keras.distribution.distribution()
    return 1 if parallel is None else int(np.prod(parallel.device_mesh.shape))
