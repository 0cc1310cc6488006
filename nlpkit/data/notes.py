"""What a reader has to tell of the data, said once: a run reads the same file several times."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

logger = logging.getLogger("nlpkit")

_records: list[list[str]] = []


def tell_once(message: str) -> None:
    """Logs a warning, the first time that it is given in this process."""
    for record in _records:
        record.append(message)
    _log(message)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """What is told meanwhile, said before or not: to be told again when the data comes from a cache."""
    record: list[str] = []
    _records.append(record)
    try:
        yield record
    finally:
        _records.remove(record)


@lru_cache(maxsize=1_000)
def _log(message: str) -> None:
    logger.warning("%s", message)
