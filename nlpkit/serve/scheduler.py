"""What waits is answered together: batches of like length, on a few threads, so that nothing waits for ever."""

import asyncio
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any

Run = Callable[[list[Any]], Sequence[Any]]
"""Answers to items, in their order; an answer does not depend on which items it was found beside."""

_LOOK = 256  # of those that wait, so many are looked at for a batch


class FullError(Exception):
    """So much waits already that no more is taken."""


@dataclass(slots=True)
class _Waiting:
    item: Any
    cost: int
    answer: "asyncio.Future[Any]"
    number: int


@dataclass(slots=True, eq=False)
class _Account:
    """The seconds that items of one label and of like cost have taken, and how many batches of them are under way."""

    spent: float = 0.0
    waiting: int = 0
    running: int = 0


@dataclass(slots=True, eq=False)
class _Lane:
    """Items that may be answered together."""

    account: _Account
    label: str
    run: Run
    most: int
    slow: bool
    waiting: list[_Waiting] = field(default_factory=list)

    def take(self) -> list[_Waiting]:
        """A batch of what waits: the one that waited longest, and of the others those that cost most nearly as much."""
        first, *others = self.waiting[:_LOOK]
        batch, longest = [first], first.cost
        for one in sorted(others, key=lambda one: abs(one.cost - first.cost)):
            longest = max(longest, one.cost)
            if (len(batch) + 1) * longest > self.most:
                break
            batch.append(one)
        taken = {one.number for one in batch}
        self.waiting = [one for one in self.waiting if one.number not in taken]
        self.account.waiting -= len(batch)
        return [one for one in batch if not one.answer.cancelled()]


class Scheduler:
    """Threads that answer batches. Nothing waits for a batch to fill: an idle thread takes whatever is there.

    Items stand in lanes, by what they may be batched with and by the power of two that their cost is below, so that
    little of a batch is padding. Every label and such power has an account, which pays for its batches by the seconds
    they take, and of those that have something waiting the one that has paid least comes next (start-time fair
    queueing; Goyal et al., 1996): long texts get their share of the time and short ones theirs, however many of the
    others wait. Of what is slow one batch runs at a time, so that a thread is left for the rest.
    """

    def __init__(
        self, threads: int, most: int, observe: Callable[[str, int, int], object] = lambda label, items, cost: None
    ) -> None:
        """So many `threads`, and so many items let in at once. `observe` is told of each batch: its label, how many
        items, and their cost."""
        self.most = most
        self.taken = 0
        self._observe = observe
        self._accounts: dict[Hashable, _Account] = {}
        self._lanes: dict[Hashable, _Lane] = {}
        self._numbers = count()
        self._now = 0.0  # seconds that the account chosen last had paid: who comes anew is not ahead of those that wait
        self._slow = False  # whether something slow is under way
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
        self,
        items: Sequence[Any],
        costs: Sequence[int],
        run: Run,
        *,
        kin: Hashable,
        most: int,
        label: str,
        slow: bool = False,
    ) -> list[Any]:
        """The answers to items, each found beside others of the same `kin` that waited: at most so many that their
        number times the largest cost is no more than `most`, or one. Whoever is cancelled meanwhile is not answered."""
        loop = asyncio.get_running_loop()
        waiting = [
            _Waiting(item, cost, loop.create_future(), next(self._numbers))
            for item, cost in zip(items, costs, strict=True)
        ]
        with self._changed:
            for one in waiting:
                size = one.cost.bit_length()
                account = self._accounts.setdefault((label, size), _Account())
                if not account.waiting and not account.running:
                    account.spent = max(account.spent, self._now)
                account.waiting += 1
                key = (label, size, kin)
                if key not in self._lanes:
                    self._lanes[key] = _Lane(account, label, run, most, slow)
                self._lanes[key].waiting.append(one)
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
        while found := self._next():
            lane, batch = found
            began = time.monotonic()
            answers = _answers(lane.run, batch)
            with self._changed:
                lane.account.spent += time.monotonic() - began
                lane.account.running -= 1
                if lane.slow:
                    self._slow = False
                    self._changed.notify()
            with suppress(RuntimeError):  # the loop has ended, and nobody waits
                batch[0].answer.get_loop().call_soon_threadsafe(_settle, batch, answers)
            self._observe(lane.label, len(batch), sum(one.cost for one in batch))

    def _next(self) -> tuple[_Lane, list[_Waiting]] | None:
        """The next batch, of the account that has paid least, its oldest item's; waits for one, and gives None at the
        end."""
        with self._changed:
            while not self._closed:
                ready = [(key, lane) for key, lane in self._lanes.items() if not (lane.slow and self._slow)]
                if not ready:
                    self._changed.wait()
                    continue
                key, lane = min(ready, key=lambda one: (one[1].account.spent, one[1].waiting[0].number))
                batch = lane.take()
                if not lane.waiting:
                    del self._lanes[key]
                if batch:
                    self._now = max(self._now, lane.account.spent)
                    lane.account.running += 1
                    self._slow = self._slow or lane.slow
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
