"""What waits is answered together: batches of like length, on a few threads, so that nothing waits for ever."""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Run = Callable[[list[Any]], Sequence[Any]]
"""Answers to items, in their order; an answer does not depend on which items it was found beside."""


class FullError(Exception):
    """So much waits already that no more is taken."""


_LOOK = 256  # of those that wait, so many are looked at for a batch


@dataclass(slots=True)
class _Waiting:
    item: Any
    cost: int
    answer: "asyncio.Future[Any]"


@dataclass(slots=True, eq=False)
class _Lane:
    """Items of like cost that may be answered together."""

    run: Run
    most: int
    label: str
    spent: float
    waiting: list[_Waiting] = field(default_factory=list)

    def take(self) -> list[_Waiting]:
        """A batch of what waits: the one that waited longest, and of the others those that cost most nearly as much."""
        self.waiting = [one for one in self.waiting if not one.answer.cancelled()]
        if not self.waiting:
            return []
        first, *others = self.waiting[:_LOOK]
        batch, longest = [first], first.cost
        for one in sorted(others, key=lambda one: abs(one.cost - first.cost)):
            longest = max(longest, one.cost)
            if (len(batch) + 1) * longest > self.most:
                break
            batch.append(one)
        taken = set(map(id, batch))
        self.waiting = [one for one in self.waiting if id(one) not in taken]
        return batch


class Scheduler:
    """Threads that answer batches. Nothing waits for a batch to fill: an idle thread takes whatever is there.

    Items stand in lanes, by what they may be batched with and by the power of two that their cost is below, so that
    little of a batch is padding. A lane pays for its batches by the seconds they take, and the one that has paid least
    comes next (start-time fair queueing; Goyal et al., 1996): long texts get their share of the time and short ones
    theirs, however many of the others wait.
    """

    def __init__(
        self, threads: int, most: int, observe: Callable[[str, int, int], object] = lambda label, items, cost: None
    ) -> None:
        """So many `threads`, and so many items let in at once. `observe` is told of each batch: its label, how many
        items, and their cost."""
        self.most = most
        self.taken = 0
        self._observe = observe
        self._lanes: dict[Hashable, _Lane] = {}
        self._now = 0.0  # seconds that the lane chosen last had paid: a new one is not ahead of those that wait
        self._changed = threading.Condition()
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"answers-{n}", daemon=True) for n in range(threads)]
        for thread in self._threads:
            thread.start()

    @contextmanager
    def room(self, items: int) -> Iterator[None]:
        """Lets in as many items as a request has, until it is answered. Raises FullError where there is no room."""
        if self.taken + items > self.most:
            raise FullError
        self.taken += items
        try:
            yield
        finally:
            self.taken -= items

    async def answer(
        self, items: Sequence[Any], costs: Sequence[int], run: Run, *, kin: Hashable, most: int, label: str
    ) -> list[Any]:
        """The answers to items, each found beside others of the same `kin` that waited: at most so many that their
        number times the largest cost is no more than `most`, or one. Whoever is cancelled meanwhile is not answered."""
        loop = asyncio.get_running_loop()
        waiting = [_Waiting(item, cost, loop.create_future()) for item, cost in zip(items, costs, strict=True)]
        with self._changed:
            for one in waiting:
                key = (kin, one.cost.bit_length())
                lane = self._lanes.get(key)
                if lane is None:
                    lane = self._lanes[key] = _Lane(run, most, label, self._now)
                lane.waiting.append(one)
            self._changed.notify(len(waiting))
        try:
            return await asyncio.gather(*(one.answer for one in waiting))
        finally:
            for one in waiting:
                one.answer.cancel()  # of what failed beside it, too

    def close(self) -> None:
        """Ends the threads; what waits is no longer answered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (found := self._next()):
                    if self._closed:
                        return
                    self._changed.wait()
            lane, batch = found
            began = time.monotonic()
            answers = _answers(lane.run, batch)
            lane.spent += time.monotonic() - began
            self._observe(lane.label, len(batch), sum(one.cost for one in batch))
            try:
                batch[0].answer.get_loop().call_soon_threadsafe(_settle, batch, answers)
            except RuntimeError:  # the loop has ended, and nobody waits
                return

    def _next(self) -> tuple[_Lane, list[_Waiting]] | None:
        """The next batch, of the lane that has paid least."""
        while self._lanes and not self._closed:
            key = min(self._lanes, key=lambda key: self._lanes[key].spent)
            lane = self._lanes[key]
            batch = lane.take()
            if not lane.waiting:
                del self._lanes[key]
            if batch:
                self._now = max(self._now, lane.spent)
                return lane, batch
        return None


def _answers(run: Run, batch: list[_Waiting]) -> list[Any]:
    """The answers to a batch; to an item that cannot be answered the error."""
    try:
        return list(run([one.item for one in batch]))
    except Exception as error:
        if len(batch) == 1:
            return [error]
        return [_answers(run, [one])[0] for one in batch]  # one of them is at fault, and not the others


def _settle(batch: list[_Waiting], answers: list[Any]) -> None:
    for one, answer in zip(batch, answers, strict=True):
        if one.answer.done():
            continue
        if isinstance(answer, Exception):
            one.answer.set_exception(answer)
        else:
            one.answer.set_result(answer)
