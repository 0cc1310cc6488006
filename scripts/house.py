"""Draws which room of the package imports which, into docs/house.svg: `python scripts/house.py`."""

import ast
from collections import Counter
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

PACKAGE = Path(__file__).parents[1] / "nlpkit"
# where each room stands, from what is asked at the top to what is used at the bottom
ROOMS = {
    "cli": (1.5, 4),
    "classification": (0, 3),
    "generation": (1.5, 3),
    "translation": (3, 3),
    "tasks": (4.5, 3),
    "training": (0.3, 2),
    "layers": (1.8, 2),
    "report, yardstick": (3.3, 2),
    "bundle": (4.8, 2),
    "inspect": (6, 2),
    "lab": (6, 3),
    "serve": (4.5, 4),
    "sweep": (3, 4),
    "answers": (6, 4),
    "runtime": (0.8, 1),
    "data": (2.4, 1),
    "recipe, tokenizer": (4.2, 1),
}
FILES = {
    "bundle.py": "bundle",
    "models.py": "bundle",
    "output.py": "bundle",
    "locking.py": "bundle",
    "report.py": "report, yardstick",
    "yardstick.py": "report, yardstick",
    "intervals.py": "report, yardstick",
    "model_card.py": "report, yardstick",
    "recipe.py": "recipe, tokenizer",
    "tokenizer.py": "recipe, tokenizer",
    "frontend.py": "recipe, tokenizer",
    "normalization.py": "recipe, tokenizer",
}
BLUE, GREY = "#3d7ec2", "#8a8a8a"


def room_of(path: Path) -> str | None:
    """The room of a file, by its path in the package; None for one that all use, or none does."""
    first, *rest = path.parts
    if first == "tasks" and len(rest) == 2:
        return rest[0]
    return FILES.get(first) if not rest else first


def imports() -> Counter[tuple[str, str]]:
    """How many files of a room import from another."""
    found: Counter[tuple[str, str]] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        room, used = room_of(path.relative_to(PACKAGE)), set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("nlpkit."):
                parts = str(node.module).split(".")[1:]
                file = PACKAGE.joinpath(*parts)
                inside = file.relative_to(PACKAGE)
                used.add(room_of(inside / "__init__.py" if file.is_dir() else inside.with_suffix(".py")))
        for other in used - {room, None}:
            if room is not None:
                found[room, str(other)] += 1
    return found


def main() -> None:
    plt.rcParams |= {"svg.hashsalt": "nlpkit", "svg.fonttype": "none", "font.family": "sans-serif"}
    figure, axis = plt.subplots(figsize=(11, 5.2), layout="constrained")
    for (room, other), count in imports().items():
        (x, y), (u, v) = ROOMS[room], ROOMS[other]
        up = v > y  # against the way down
        axis.annotate(
            "",
            (u, v + (0.2 if v < y else -0.2 if up else 0)),
            (x, y - (0.2 if v < y else -0.2 if up else 0)),
            arrowprops={
                "arrowstyle": "-|>",
                "color": "#c2553d" if up else GREY,
                "alpha": 0.55,
                "linewidth": 0.5 + 0.35 * count,
                "connectionstyle": "arc3,rad=0.06",
            },
        )
    for room, (x, y) in ROOMS.items():
        box = {"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": BLUE}
        axis.text(x, y, room, ha="center", va="center", bbox=box, fontsize=11)
    axis.set(xlim=(-0.9, 6.7), ylim=(0.6, 4.4))
    axis.axis("off")
    figure.savefig(PACKAGE.parent / "docs" / "house.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
