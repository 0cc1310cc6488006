"""Keeps TensorFlow from greeting people: it writes to standard error before any setting of its own is read."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from nlpkit.data.cache import cache_folder
from nlpkit.errors import NlpkitError


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
    """Imports Keras and its backend, and wakes the device, in silence.

    Raises NlpkitError when they are not installed, or the backend that KERAS_BACKEND names is not there.
    """
    try:
        with quiet(), _away_from_home():
            import keras

            keras.ops.convert_to_numpy(keras.ops.zeros(1))
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND")
        if getattr(error, "name", None) == "keras" or (not backend and getattr(error, "name", None) == "tensorflow"):
            raise NlpkitError("this needs Keras and TensorFlow: pip install nlpkit-lstm") from error
        if not backend:
            raise
        raise NlpkitError(
            f"Keras cannot use the backend {backend!r} that KERAS_BACKEND names ({error}); install it, or unset "
            "KERAS_BACKEND"
        ) from error


# Keras, and Matplotlib, which it imports where there is one, write settings under HOME unless they have another place
_SETTINGS = {"KERAS_HOME": ("~/.keras",), "MPLCONFIGDIR": ("~/.config/matplotlib", "~/.matplotlib")}


@contextmanager
def _away_from_home() -> Iterator[None]:
    """Has libraries that are imported inside the block write to nlpkit's cache. Settings that a person has are read."""
    chosen = {
        name: str(cache_folder() / name.lower())
        for name, places in _SETTINGS.items()
        if name not in os.environ and not any(map(os.path.exists, map(os.path.expanduser, places)))
    }
    os.environ.update(chosen)
    try:
        yield
    finally:
        for name in chosen:
            del os.environ[name]
