"""Lines from a pipe, which may pause: what has come is answered then, not when many lines have gathered."""

import os
import select
import time
from collections.abc import Iterator
from itertools import chain, takewhile

_PAUSE = 0.2  # seconds: no line waits longer for others to be answered with


def bursts(descriptor: int) -> Iterator[Iterator[bytes]]:
    """The lines of a file descriptor, with their line breaks, in bursts: one ends where nothing is there to be read
    and its first line is `_PAUSE` old. Of a file, or a pipe that never pauses, all lines are one burst. Each burst is
    to be read to its end before the next."""
    lines = _lines(descriptor)
    for first in lines:
        if first is not None:
            yield chain([first], takewhile(lambda line: line is not None, lines))  # type: ignore[arg-type]


def _lines(descriptor: int) -> Iterator[bytes | None]:
    """Lines as they come, and None at a pause."""
    begun: list[bytes] = []  # the parts of a line that has not ended
    since: float | None = None
    while True:
        if since is not None and not _ready(descriptor, max(0.0, since + _PAUSE - time.monotonic())):
            since = None
            yield None
        _ready(descriptor, None)
        chunk = os.read(descriptor, 1 << 16)
        if not chunk:
            if begun:
                yield b"".join(begun)
            return
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            yield b"".join([*begun, line, b"\n"])
            begun = []
            since = since or time.monotonic()
        begun.append(rest) if rest else None


def _ready(descriptor: int, seconds: float | None) -> bool:
    """Whether there is something to be read, or the end, after so many seconds at most."""
    if not hasattr(select, "poll"):  # where pipes cannot be asked, reading waits for them
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if seconds is None else seconds * 1_000))
