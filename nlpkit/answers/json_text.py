"""Values as JSON that every reader takes."""

import base64
import json
import math
from datetime import date, time
from typing import Any


def to_json(value: Any, indent: int | None = None) -> str:
    """A value as JSON that every reader takes: null for NaN and infinities, ISO 8601 for dates and times, Base64 for
    bytes, and the words for what else JSON has no form for."""

    def dumps(value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, indent=indent, default=_plain)

    try:
        return dumps(value)
    except ValueError:
        return dumps(_finite(value))


def _plain(value: Any) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value
