"""Random draws that leave the program's own alone."""

import random
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def own_random_state() -> Iterator[None]:
    """Leaves Python's `random` as it was found, whatever is seeded and drawn within.

    Keras draws from it the seed of every layer and of every initial weight. Nothing here draws from the global states
    of NumPy or of a framework, so none of these is seeded: some could not be put back.
    """
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
