"""Logs as JSON, a line each, on standard output."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

logger = logging.getLogger("nlpkit.serve")


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


def log(event: str, *, level: int = logging.INFO, error: bool = False, **facts: Any) -> None:
    """One line: what happened, and facts of it; with `error`, the exception that is being handled."""
    logger.log(level, event, extra={"facts": facts}, exc_info=error)


def write_logs() -> None:
    """Everything that this process logs goes to standard output from now on."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_Json())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    logger.setLevel(logging.INFO)
