"""The machine's cores, and work on all of them."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nlpkit.errors import UsageError

T = TypeVar("T")
A = TypeVar("A")


def on_all_cores(answer: Callable[[T], A], batches: Sequence[T]) -> list[A]:
    """The answers to batches, in their order, a core each: quicker than one after the other on all cores, which
    would wait for each other at every step of an LSTM."""
    if len(batches) < 2:
        return [answer(batch) for batch in batches]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(answer, batches))


def cores() -> int:
    """How many cores this process may use."""
    return core_limit() or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def core_limit() -> int:
    """How many cores this process is to use at most, where NLPKIT_CORES says so, one of several on a machine; else 0.
    Raises UsageError where it is no number."""
    said = os.environ.get("NLPKIT_CORES", "0")
    if not said.isdecimal():
        raise UsageError(f"NLPKIT_CORES is {said!r}, which is no number of cores")
    return int(said)
