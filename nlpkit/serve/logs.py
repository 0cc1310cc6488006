"""Logs as JSON, a line each, on standard output."""

import json
import logging
import queue
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("nlpkit.serve")

_MOST = 10_000  # lines that wait to be written; where nobody reads, further ones are dropped
_END = 2.0  # seconds that the last lines have


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, default=str)


class _Handler(logging.Handler):
    """Has a thread write, so that a reader who pauses, or has gone, holds up no request."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(_Json())
        self._lines: queue.Queue[str | None] = queue.Queue(_MOST)
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        with suppress(queue.Full):
            self._lines.put_nowait(self.format(record))

    def end(self) -> None:
        with suppress(queue.Full):
            self._lines.put_nowait(None)
        self._thread.join(_END)

    def _write(self) -> None:
        with suppress(OSError, ValueError):  # what nobody reads any more is not written
            while (line := self._lines.get()) is not None:
                sys.stdout.write(line + "\n")
                sys.stdout.flush()


def log(event: str, *, level: int = logging.INFO, error: bool = False, **facts: Any) -> None:
    """One line: what happened, and facts of it; with `error`, the exception that is being handled."""
    logger.log(level, event, extra={"facts": facts}, exc_info=error)


def write_logs() -> None:
    """Everything that this process logs goes to standard output from now on, until `end_logs`."""
    logging.root.handlers[:] = [_Handler()]
    logging.root.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)


def end_logs() -> None:
    """Waits until the last lines are written, or nobody reads them."""
    for handler in logging.root.handlers:
        if isinstance(handler, _Handler):
            handler.end()
