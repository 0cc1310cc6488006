"""Sessions, and batches answered side by side."""

import threading
import time

import pytest

from nlpkit.cores import cores, on_all_cores
from nlpkit.errors import BundleError
from nlpkit.runtime.session import Session


def test_answers_come_in_the_order_of_the_batches() -> None:
    def answer(number: int) -> int:
        time.sleep(0.02 if number == 0 else 0)  # the first is the last to be done
        return number * number

    assert on_all_cores(answer, range(7)) == [number * number for number in range(7)]
    assert on_all_cores(answer, []) == []


@pytest.mark.skipif(cores() < 2, reason="needs two cores")
def test_batches_are_answered_side_by_side() -> None:
    both = threading.Barrier(2, timeout=10)
    assert sorted(on_all_cores(lambda _: both.wait(), [0, 1])) == [0, 1]


def test_one_batch_takes_no_thread_of_its_own() -> None:
    assert on_all_cores(lambda _: threading.current_thread(), [0]) == [threading.current_thread()]


def test_an_error_in_one_batch_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        on_all_cores(lambda number: 1 // number, [1, 0, 1])


def test_what_is_no_model_is_refused_in_one_line() -> None:
    with pytest.raises(BundleError, match=r"model\.onnx cannot be opened") as caught:
        Session(b"no model")
    assert "\n" not in str(caught.value)
