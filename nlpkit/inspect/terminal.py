"""An inspection in the terminal: a line a word, and a heat map of a gate that fits the window."""

from collections.abc import Iterator

import numpy as np
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from nlpkit.inspect.chart import Panel
from nlpkit.inspect.inspection import Inspection, Part, Trace
from nlpkit.inspect.memory import MemoryReport
from nlpkit.terminal import plain_table

SHADES = " ░▒▓█"
_FOR, _AGAINST = (208, 96, 24), (42, 108, 190)
_BANDS = 12  # of units in the heat map, those that remember shortest above
_BAR = 10  # cells
_WORD = 16
_FIRST = ("forget", "update", "hidden")


def print_inspection(found: Inspection, gate: str | None) -> None:
    """What was found, for people."""
    console = Console(highlight=False, markup=False, emoji=False)
    console.print(Text(_answer(found), "bold"))
    for part in found.parts:
        console.print()
        if len(found.parts) > 1:
            console.print(Text(part.name, "bold"))
        for line in _lines(part, console):
            console.print(line, no_wrap=True, crop=True)
        for trace in part.traces:
            arrays = trace.arrays()
            shown = gate or next(name for name in _FIRST if name in arrays)
            console.print()
            if shown not in arrays:
                console.print(Text(f"{trace.name}: such a cell has no {shown} gate", "dim"))
            else:
                for line in _map(trace, shown, arrays[shown], console):
                    console.print(line, no_wrap=True, crop=True)
    if found.figures:
        console.print()
        for name, value in found.figures.items():
            console.print(f"{name}: {value:.4f}")


def print_memory(found: MemoryReport) -> None:
    """How far back a model remembers, as a table."""
    console = Console(highlight=False, markup=False, emoji=False)
    columns = ["last tokens", "alone, nats", "", "the rest shuffled", ""]
    table = plain_table(*columns, *(["gradient there"] if found.gradient else []), right=len(columns) + 1)
    rows = zip(found.contexts, found.cut, found.cut_error, found.shuffled, found.shuffled_error, strict=True)
    for number, (context, *values) in enumerate(rows):
        cells = [f"{values[0]:.4f}", f"± {values[1]:.4f}", f"{values[2]:.4f}", f"± {values[3]:.4f}"]
        more = [f"{found.gradient[number]:.2e}"] if found.gradient and number < len(found.gradient) else []
        table.add_row(f"{context:,}", *cells, *more)
    table.add_row("all", f"{found.whole:.4f}")
    console.print(table)
    console.print()
    console.print(f"effective context: {found.effective:,} tokens hold 95 % of what context brings")
    if found.half_lives:
        console.print()
        lives = plain_table("half-lives, tokens", "10 % below", "median", "90 % below", "longest", right=4)
        for name, values in found.half_lives.items():
            lives.add_row(name, *(f"{value:,.1f}" for value in values))
        console.print(lives)


def memory_panels(found: MemoryReport) -> list[Panel]:
    """The same as charts."""
    lines = {
        "the last tokens alone": list(zip(found.contexts, found.cut, strict=True)),
        "the rest shuffled": list(zip(found.contexts, found.shuffled, strict=True)),
    }
    whole = [(context, found.whole) for context in found.contexts]
    panels = [Panel("What context is worth", "tokens of context", "loss, nats", lines, bars={"all of it": whole})]
    if found.gradient:
        norms = {"gradient": list(zip(found.contexts, found.gradient, strict=False))}
        panels.append(Panel("How far back the gradient reaches", "tokens back", "norm", norms, log_y=True))
    return panels


def _answer(found: Inspection) -> str:
    told = [answer if chance is None else f"{_shown(answer)} {chance:.3f}" for answer, chance in found.answers[:5]]
    return ", ".join(told) + (f"; {found.cut:,} tokens of the text are more than the model reads" if found.cut else "")


def _lines(part: Part, console: Console) -> Iterator[Text]:
    """A line a word: what it adds, and what the model would answer after it."""
    words = part.text.written
    ends = {word: place for place, word in enumerate(part.text.words.tolist())}  # its last token
    values = part.weights if part.weights is not None else part.surprise
    each = None if values is None else part.text.by_word(values)
    most = 1.0 if each is None else max(1e-9, float(np.abs(each).max(initial=0)))
    widest = min(_WORD, max((cell_len(_shown(word)) for word in words), default=1))
    if each is not None:
        what = "adds to the answer" if part.weights is not None else "surprise in nats"
        after = "" if not part.after else "   the answer so far" if part.weights is not None else "   expected next"
        yield Text(f"{'':{widest}}  {what}{after}", "dim")
    for number, word in enumerate(words):
        line = Text(set_cell_size(_shown(word), widest) + "  ")
        if each is not None:
            value = float(each[number])
            filled = round(_BAR * abs(value) / most)
            line.append(f"{value:+8.3f} ")
            line.append("█" * filled, _colour(_FOR if value > 0 else _AGAINST, 1.0, console))
            line.append("·" * (_BAR - filled) + "  ", "dim")
        if part.after:
            told = part.after[ends[number]][: 1 if part.weights is not None else 3]
            line.append(", ".join(f"{_shown(name)} {chance:.2f}" for name, chance in told))
        line.rstrip()
        yield line


def _map(trace: Trace, gate: str, values: np.ndarray, console: Console) -> Iterator[Text]:
    """Bands of units that remember alike by as many stretches of tokens as there is room for, each cell their mean."""
    half_lives = trace.half_lives()
    order = np.arange(values.shape[1]) if half_lives is None else np.argsort(half_lives, kind="stable")
    bands = np.array_split(order, min(_BANDS, len(order)))
    margin = 9 if half_lives is not None else 7
    width = max(8, console.width - margin - 1)
    stretches = np.array_split(np.arange(len(values)), min(width, len(values)))
    wide = max(1, min(4, width // len(stretches)))
    means = np.stack([[values[np.ix_(tokens, band)].mean() for tokens in stretches] for band in bands])
    most = float(np.abs(means).max()) if gate == "memory" else 1.0
    low, high = (0.0, 1.0) if means.min() >= 0 and means.max() <= 1 else (-most, most)
    by = "half-life" if half_lives is not None else "number"
    told = f"{trace.name}: {gate}, {low:.2g} to {high:.2g}; {len(bands[0])} units a row by {by}, tokens across"
    yield Text(told, "dim")
    for band, row in zip(bands, means, strict=True):
        label = f"{np.median(half_lives[band]):7.1f}" if half_lives is not None else f"{int(band[0]):5d}"
        line = Text(f"{label}  ")
        for value in row.tolist():
            share = (value - low) / (high - low) if low == 0 else value / high
            hue = _FOR if share >= 0 else _AGAINST
            if console.is_terminal:
                line.append(" " * wide, _on(hue, abs(share)))
            else:
                line.append(SHADES[min(4, int(abs(share) * 5))] * wide)
        line.rstrip()
        yield line


def _shown(word: str) -> str:
    found = word.strip(" ") or word
    return "".join(character if character.isprintable() else "⏎" if character == "\n" else "·" for character in found)


def _colour(hue: tuple[int, int, int], share: float, console: Console) -> str:
    return "#" + "".join(f"{round(part * share):02x}" for part in hue) if console.is_terminal else ""


def _on(hue: tuple[int, int, int], share: float) -> str:
    return "on #" + "".join(f"{round(part * min(1, share)):02x}" for part in hue)
