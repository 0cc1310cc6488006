"""How many threads multiply matrices, where more would wait for each other."""

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
