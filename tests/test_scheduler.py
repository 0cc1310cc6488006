"""What waits is answered together, in its turn, and by itself where something fails."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from nlpkit.serve.scheduler import FullError, Scheduler


@contextmanager
def scheduler(threads: int = 1, most: int = 1_000) -> Iterator[tuple[Scheduler, list[tuple[str, int, int]]]]:
    seen: list[tuple[str, int, int]] = []
    found = Scheduler(threads, most, lambda *told: seen.append(told))
    yield found, seen
    found.close()


async def waiting(found: Scheduler, *asked: Coroutine[Any, Any, Any]) -> list[Any]:
    """What comes of requests that all waited while the one thread was busy with another."""
    held = threading.Event()

    def hold(items: list[int]) -> list[int]:
        held.wait()
        return items

    busy = asyncio.create_task(found.answer([0], [1], hold, kin="busy", most=1, label=""))
    await asyncio.sleep(0.05)
    tasks = [asyncio.create_task(one) for one in asked]
    await asyncio.sleep(0.05)
    held.set()
    await busy
    return await asyncio.gather(*tasks, return_exceptions=True)


def test_items_that_wait_are_answered_together_as_far_as_a_batch_goes() -> None:
    batches: list[list[int]] = []

    def run(items: list[int]) -> list[int]:
        batches.append(items)
        return [item * 10 for item in items]

    with scheduler() as (found, seen):
        costs = [4, 5, 7, 6, 4, 4]
        asked = [found.answer([n], [cost], run, kin="a", most=16, label="a") for n, cost in enumerate(costs)]
        assert asyncio.run(waiting(found, *asked)) == [[n * 10] for n in range(6)]
    # the oldest with those that cost most nearly as much, padded to 16 at most
    assert batches == [[0, 4, 5], [1, 3], [2]]
    assert seen[1:] == [("a", 3, 12), ("a", 2, 11), ("a", 1, 7)]


def test_kinds_and_lengths_that_differ_much_are_not_mixed() -> None:
    batches: list[tuple[str, list[int]]] = []

    def run(kin: str, items: list[int]) -> list[int]:
        batches.append((kin, items))
        return items

    with scheduler() as (found, _):
        asked = [
            found.answer([cost], [cost], partial(run, kin), kin=kin, most=999, label="")
            for kin, cost in [("a", 3), ("b", 3), ("a", 200), ("a", 2), ("b", 250)]
        ]
        asyncio.run(waiting(found, *asked))
    assert sorted(batches) == [("a", [3, 2]), ("a", [200]), ("b", [3]), ("b", [250])]


def test_a_flood_of_long_ones_does_not_hold_up_a_short_one() -> None:
    order: list[str] = []

    def run(items: list[float]) -> list[None]:
        time.sleep(sum(items))
        order.extend("long" if item > 0.01 else "short" for item in items)
        return [None] * len(items)

    async def ask(found: Scheduler) -> None:
        flood = [asyncio.create_task(found.answer([0.02], [100], run, kin=0, most=100, label="")) for _ in range(20)]
        await asyncio.sleep(0.1)
        await found.answer([0.001], [1], run, kin=0, most=100, label="")
        assert not all(one.done() for one in flood)
        short = [asyncio.create_task(found.answer([0.001], [1], run, kin=0, most=1, label="")) for _ in range(600)]
        await asyncio.gather(*flood)
        assert not all(one.done() for one in short)  # nor do short ones a long one
        await asyncio.gather(*short)

    with scheduler() as (found, _):
        asyncio.run(ask(found))
    assert order.index("short") < 10


def test_who_comes_again_and_again_does_not_hold_up_who_waits() -> None:
    """Texts that are written come back for their next tokens after each turn."""
    answered: list[float] = []

    def run(items: list[float]) -> list[None]:
        time.sleep(sum(items))
        answered.extend(items)
        return [None] * len(items)

    async def ask(found: Scheduler) -> None:
        async def write(kin: int) -> None:
            while True:
                await found.answer([0.02], [8], run, kin=kin, most=8, label="writing")

        writing = [asyncio.create_task(write(kin)) for kin in range(6)]
        await asyncio.sleep(0.05)
        labels = [found.answer([0.01], [100], run, kin=0, most=100, label="labels") for _ in range(30)]
        async with asyncio.timeout(5):
            await asyncio.gather(*labels)
        for one in writing:
            one.cancel()

    with scheduler() as (found, _):
        asyncio.run(ask(found))
    # half of the time each: two of these for one of those, which take twice as long
    last = max(place for place, item in enumerate(answered) if item == 0.01)
    assert 5 < sum(item == 0.02 for item in answered[:last]) < 30


def test_of_what_is_slow_one_runs_at_a_time() -> None:
    held, begun = threading.Event(), threading.Semaphore(0)

    def slow(items: list[int]) -> list[int]:
        begun.release()
        held.wait()
        return items

    async def ask(found: Scheduler) -> None:
        def one() -> Any:
            return asyncio.create_task(found.answer([1], [1], slow, kin=0, most=1, label="slow", slow=True))

        waiting = [one() for _ in range(3)]
        await asyncio.sleep(0.05)
        waiting[0].cancel()  # it runs on for all that
        async with asyncio.timeout(5):
            assert await found.answer([2], [1], lambda items: items, kin=0, most=1, label="quick") == [2]
        assert begun.acquire(blocking=False)
        assert not begun.acquire(blocking=False)
        held.set()
        assert await asyncio.gather(*waiting[1:]) == [[1], [1]]

    with scheduler(threads=2) as (found, _):
        asyncio.run(ask(found))


def test_what_cannot_be_answered_fails_by_itself() -> None:
    def run(items: list[int]) -> list[int]:
        if 3 in items:
            raise ValueError("three")
        return items

    with scheduler() as (found, _):
        asked = [found.answer([n], [1], run, kin=0, most=99, label="") for n in range(6)]
        told = asyncio.run(waiting(found, *asked))
    assert [one for one in told if isinstance(one, list)] == [[0], [1], [2], [4], [5]]
    assert isinstance(told[3], ValueError)


def test_who_goes_away_is_not_answered() -> None:
    answered: list[int] = []

    def run(items: list[int]) -> list[int]:
        answered.extend(items)
        return items

    async def gone(found: Scheduler) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await found.answer([2], [1], run, kin=0, most=1, label="")

    with scheduler() as (found, _):
        asked = [found.answer([n], [1], run, kin=0, most=1, label="") for n in (0, 1)]
        asyncio.run(waiting(found, *asked, gone(found), found.answer([3], [1], run, kin=0, most=1, label="")))
    assert answered == [0, 1, 3]


def test_no_more_are_let_in_than_there_is_room_for() -> None:
    with scheduler(most=3) as (found, _):
        with found.room(2):
            with pytest.raises(FullError), found.room(2):
                pass
            with found.room(1):
                assert found.taken == 3
        assert found.taken == 0
