"""Keeps TensorFlow from greeting people: it writes to standard error before any setting of its own is read."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet() -> Iterator[None]:
    """Drops what native code writes to standard error inside the block. Python's own errors still come out."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    sys.stderr.flush()
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)


def import_keras() -> None:
    """Imports Keras and its backend, and wakes the device, in silence."""
    with quiet():
        import keras

        keras.ops.convert_to_numpy(keras.ops.zeros(1))
