"""The points of a grid over a recipe's keys."""

import re
from collections.abc import Sequence
from itertools import product

from nlpkit.errors import UsageError

Point = tuple[tuple[str, str], ...]
"""Keys of a recipe with their values, both as `--set` takes them."""

_VALUE = re.compile(r"""(?:\[[^]]*]|"[^"]*"|'[^']*'|[^,])+""")


def grid_points(grids: Sequence[str]) -> list[Point]:
    """Every combination of the values of grids such as `model.units=64,128`; one point without keys where there are
    none.

    Raises UsageError for what is not written so, for a key or a value that is there twice, and for keys that make the
    points' figures incomparable.
    """
    axes: dict[str, list[tuple[str, str]]] = {}
    for grid in grids:
        key, equals, text = (part.strip() for part in grid.partition("="))
        pieces = _VALUE.findall(text)
        values = [piece.strip() for piece in pieces]
        if not equals or not key or not values or not all(values) or ",".join(pieces) != text:
            raise UsageError(f"--grid {grid}: write it as section.key=value,value, such as model.units=64,128")
        if len(set(values)) < len(values):
            raise UsageError(f"--grid {grid}: a value is there twice; leave one out")
        if key in axes:
            raise UsageError(f"--grid {grid}: {key} has a grid already; write all its values in one")
        if key == "training.seed":
            raise UsageError(f"--grid {grid}: say how many seeds there are to be, such as --seeds 3")
        if key == "task" or key.startswith("data."):
            raise UsageError(f"--grid {grid}: points would be judged on other rows; make a sweep of its own for each")
        axes[key] = [(key, value) for value in values]
    return list(product(*axes.values()))


def told(point: Point) -> str:
    """A point in words: "model.units=64 training.epochs=2"."""
    return " ".join(f"{key}={value}" for key, value in point)
