"""What a reader has to tell of the data, said once: a run reads the same file several times."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

logger = logging.getLogger("nlpkit")

_records: ContextVar[tuple[list[str], ...]] = ContextVar("_records", default=())  # of this thread


def tell_once(message: str) -> None:
    """Logs a warning, the first time that it is given in this process."""
    for record in _records.get():
        record.append(message)
    _log(message)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """What is told meanwhile, by this thread, said before or not: to be told again when the data comes from a cache."""
    record: list[str] = []
    before = _records.set((*_records.get(), record))
    try:
        yield record
    finally:
        _records.reset(before)


@lru_cache(maxsize=1_000)
def _log(message: str) -> None:
    logger.warning("%s", message)
