"""How many threads multiply matrices, where more would wait for each other."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from nlpkit import cooccurrence
from nlpkit.cores import one_blas_thread
from nlpkit.inspect import stack
from nlpkit.inspect.cells import CellWeights, run_cell


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_one_thread_multiplies_meanwhile() -> None:
    with threadpool_limits(2, user_api="blas"):
        with one_blas_thread():
            assert blas_threads() == {1}
        assert blas_threads() == {2}


def test_threads_that_overlap_leave_it_as_it_was() -> None:
    before, events = blas_threads(), [threading.Event() for _ in range(3)]

    def inside(entered: threading.Event, leave: threading.Event) -> set[int]:
        with one_blas_thread():
            entered.set()
            assert leave.wait(30)
            return blas_threads()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(inside, events[0], events[1])
        assert events[0].wait(30)
        other = pool.submit(inside, events[1], events[2])
        assert one.result() == {1}
        events[2].set()
        other.result()
    assert blas_threads() == before


def test_steps_and_vectors_are_computed_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[set[int]] = []

    def run(*given: object) -> object:
        found.append(blas_threads())
        return run_cell(*given)  # type: ignore[arg-type]

    def near(*given: object) -> object:
        found.append(blas_threads())
        return None, np.zeros(0)

    monkeypatch.setattr(stack, "run_cell", run)
    monkeypatch.setattr(cooccurrence, "_near", near)
    cell = CellWeights("rnn", np.ones((3, 2)), np.ones((3, 3)), np.zeros((2, 3)))
    with threadpool_limits(2, user_api="blas"):
        stack.Stack([[cell]]).run(np.ones((1, 4, 2), np.float32))
        assert cooccurrence.token_vectors([], 8, 2) == {}
    assert found == [{1}, {1}]
