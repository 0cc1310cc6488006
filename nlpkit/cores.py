"""The machine's cores, and work on all of them."""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
A = TypeVar("A")

_beside_others: int | None = None
_one_blas_thread = threading.Lock()


def on_all_cores(answer: Callable[[T], A], batches: Sequence[T]) -> list[A]:
    """The answers to batches, in their order, a core each: quicker than one after the other on all cores, which
    would wait for each other at every step of an LSTM."""
    if len(batches) < 2 or cores() == 1:
        return [answer(batch) for batch in batches]
    with ThreadPoolExecutor(cores()) as pool:
        return list(pool.map(answer, batches))


def cores() -> int:
    """How many cores this process may use."""
    if _beside_others is not None:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def planned_cores() -> int:
    """For how many cores batches are planned."""
    return _beside_others or cores()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Has NumPy and SciPy multiply on one thread meanwhile, for many small products one after the other: threads that
    share one wait for each other, and beside a program that keeps the cores busy for ten times what they save."""
    import scipy.linalg  # noqa: F401 - a library that is loaded later would not be held to it
    from threadpoolctl import threadpool_limits

    # it goes for the whole process: the one who says so first takes it back, or another would put back the one thread
    if not _one_blas_thread.acquire(blocking=False):
        yield
        return
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        _one_blas_thread.release()


def use_one_core(planned: int = 1) -> None:
    """Has this process use one core from now on, as one of many beside each other. Its batches are those of a process
    with `planned` cores, whose answers it then gives to the last bit."""
    global _beside_others
    _beside_others = planned
