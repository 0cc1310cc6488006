"""Inspections as one page that stands alone: no request leaves it."""

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nlpkit.inspect.features import followed, text_features
from nlpkit.inspect.inspection import Inspection, Part, Trace

_FINE, _COARSE = 254, 30  # levels of what is shown, even so that zero is one,
_MANY = 400_000  # the fewer for matrices of more values
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "candidate": (-1, 1),
    "hidden": (-1, 1),
    "memory": (None, None),
}
"""Between what the values of arrays lie that are no gates; of a memory that follows from its values."""

_TEMPLATE = Path(__file__).with_name("page.html")


def page(inspections: Sequence[Inspection]) -> str:
    """The page of some texts, HTML. What texts hold cannot become part of it as anything but text."""
    data = json.dumps([_facts(one) for one in inspections], ensure_ascii=False, allow_nan=False)
    # in a script no markup counts but what could end it
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return _TEMPLATE.read_text(encoding="utf-8").replace("/*DATA*/[]", data)


def _facts(found: Inspection) -> dict[str, Any]:
    return {
        "task": found.task,
        "answers": [[answer, chance and round(chance, 4)] for answer, chance in found.answers[:8]],
        "about": found.about,
        "cut": found.cut,
        "figures": {name: round(value, 4) for name, value in found.figures.items()},
        "parts": [_part(part) for part in found.parts],
        "alignment": _packed(found.alignment, 0, 1),
        "lost": _packed(found.lost),
    }


def _part(part: Part) -> dict[str, Any]:
    features = text_features(part.text, part.after)
    return {
        "name": part.name,
        "tokens": part.text.tokens,
        "words": part.text.words.tolist(),
        "after": [[[answer, round(chance, 4)] for answer, chance in answers] for answers in part.after],
        "values": {
            name: np.round(values.astype(np.float64), 4).tolist()
            for name, values in (
                ("weights", part.weights),
                ("left out", None if part.left_out is None else part.left_out[part.text.words]),
                ("gradient", part.gradient),
                ("surprise", part.surprise),
            )
            if values is not None
        },
        "influence": _packed(part.influence),
        "traces": [_trace(trace, features) for trace in part.traces],
    }


def _trace(trace: Trace, features: dict[str, np.ndarray]) -> dict[str, Any]:
    half_lives = trace.half_lives()
    return {
        "name": trace.name,
        "arrays": {name: _packed(array, *_RANGES.get(name, (0, 1))) for name, array in trace.arrays().items()},
        "halfLives": None if half_lives is None else np.round(np.minimum(half_lives, 1e6), 2).tolist(),
        "follows": [[name, round(value, 2)] for name, value in followed(trace, features)],
        "worth": None if trace.worth is None else np.round(trace.worth.astype(np.float64), 4).tolist(),
    }


def _packed(array: np.ndarray | None, low: float | None = None, high: float | None = None) -> dict[str, Any] | None:
    """A matrix as zipped bytes, in `levels` steps from one value to another; between its extremes, with zero in the
    middle, where they are not given."""
    if array is None:
        return None
    if low is None or high is None:
        high = float(np.abs(array).max(initial=1e-6))
        low = -high if array.min(initial=0) < 0 else 0.0
    levels = _FINE if array.size <= _MANY else _COARSE
    scaled = np.rint(np.clip((array - low) / (high - low), 0, 1) * levels).astype(np.uint8)
    # a column's values stand together: what a unit does from step to step changes little
    content = base64.b64encode(zlib.compress(np.ascontiguousarray(scaled.T).tobytes(), 6)).decode()
    return {"shape": list(array.shape), "low": low, "high": high, "levels": levels, "bytes": content}
