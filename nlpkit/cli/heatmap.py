"""Attention as a heat map: in the terminal, and as a page that stands alone."""

from html import escape
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from nlpkit.tasks.translation.translator import Alignment

_SHADES = " ░▒▓█"
_HUE = (208, 96, 24)  # of the highest share


def print_attention(alignment: "Alignment") -> None:
    """A row a target piece, a column a source piece; in parts where the source is wider than the terminal."""
    console = Console(highlight=False)
    source, target = ([_readable(piece) for piece in side] for side in (alignment.source, alignment.target))
    margin = max(map(cell_len, target)) + 1
    for start, end in _parts([max(2, cell_len(piece)) + 1 for piece in source], console.width - margin):
        header = Text(" " * margin)
        for piece in source[start:end]:
            header.append(piece.ljust(2) + " ", "bold")
        console.print(header)
        for piece, shares in zip(target, alignment.shares[:, start:end], strict=True):
            line = Text(" " * (margin - 1 - cell_len(piece)))
            line.append(piece + " ", "bold")
            for name, share in zip(source[start:end], shares.tolist(), strict=True):
                width = max(2, cell_len(name))
                if console.is_terminal:
                    line.append(" " * width, f"on {_colour(share)}")
                else:
                    line.append(_SHADES[min(4, int(share * 5))] * width)
                line.append(" ")
            line.rstrip()
            console.print(line)
        console.print()


def attention_page(alignments: "list[Alignment]") -> str:
    """The same as HTML, a table a sentence, each cell with its share."""
    return _PAGE.replace("BODY", "\n".join(map(_table, alignments)))


def _table(alignment: "Alignment") -> str:
    head = "".join(f"<th>{escape(_readable(piece))}</th>" for piece in alignment.source)
    rows = "".join(
        f"<tr><th>{escape(_readable(piece))}</th>"
        + "".join(f'<td style="--share:{share:.3f}" title="{share:.1%}"></td>' for share in shares.tolist())
        + "</tr>\n"
        for piece, shares in zip(alignment.target, alignment.shares, strict=True)
    )
    return f"<table>\n<tr><th></th>{head}</tr>\n{rows}</table>"


def _readable(piece: str) -> str:
    return {"</s>": "⏎"}.get(piece, piece.replace("\u2581", "·"))


def _colour(share: float) -> str:
    # on black; the root lets small shares show
    return "#" + "".join(f"{round(part * share**0.5):02x}" for part in _HUE)


def _parts(widths: list[int], limit: int) -> list[tuple[int, int]]:
    """Runs of columns that fit a width, one column at least."""
    parts, start, used = [], 0, 0
    for i, width in enumerate(widths):
        if i > start and used + width > limit:
            parts.append((start, i))
            start, used = i, 0
        used += width
    return [*parts, (start, len(widths))]


_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Where a translator looked</title>
<style>
:root { color-scheme: light dark; }
body { font: 15px/1.4 system-ui, sans-serif; margin: 2rem; }
table { border-collapse: collapse; margin-bottom: 2.5rem; }
th { font-weight: 500; padding: .2rem .4rem; text-align: right; vertical-align: bottom; white-space: nowrap; }
tr:first-child th { writing-mode: vertical-rl; transform: rotate(180deg); text-align: left; }
td { background: rgb(208 96 24 / var(--share)); border: 1px solid rgb(128 128 128 / .25); width: 2rem; height: 1.7rem; }
</style>
<p>Each row is a piece of the translation; the darker a cell, the more of its attention went to the source piece
above. A dot stands for a space, ⏎ for the end.</p>
BODY
</html>
"""
