"""Line charts as SVG, which read in light and in dark."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

COLOURS = ("#c2570c", "#2a6cbe", "#1d8a5b", "#9a4fb5", "#b8960f", "#c33c5b")
_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 460, 300, 62, 14, 34, 62

_APART = 34  # of two marks on the axis across, at least

_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#333}.t{font-weight:600;font-size:13px}.s{fill:#666}"
    ".g{stroke:#ccc;stroke-width:.7}.l{fill:none;stroke-width:1.9}.b{stroke:#777;stroke-width:1;stroke-dasharray:4 3}"
    "@media(prefers-color-scheme:dark){text{fill:#ddd}.s{fill:#aaa}.g{stroke:#444}.p{fill:#15181c}}"
)


Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Panel:
    """One chart: its lines by name, and dashed bars to hold them against."""

    title: str
    across: str
    up: str
    lines: Mapping[str, Points]
    bars: Mapping[str, Points] = field(default_factory=dict)
    log_x: bool = True
    log_y: bool = False


def svg(panels: Sequence[Panel]) -> str:
    """Panels side by side, two in a row."""
    columns = min(2, len(panels))
    rows = -(-len(panels) // columns)
    legends = max((len(panel.lines) + len(panel.bars) for panel in panels), default=0)
    height = _HEIGHT + 16 * max(0, -(-legends // 2) - 1)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {columns * _WIDTH} {rows * height}" role="img">',
        f"<style>{_STYLE}</style>",
        f'<rect class="p" width="{columns * _WIDTH}" height="{rows * height}" fill="#fff"/>',
    ]
    for number, panel in enumerate(panels):
        row, column = divmod(number, columns)
        parts.append(f'<g transform="translate({column * _WIDTH} {row * height})">')
        parts += _panel(panel, height)
        parts.append("</g>")
    return "\n".join([*parts, "</svg>\n"])


def _panel(panel: Panel, height: int) -> list[str]:
    bottom = _HEIGHT - _BOTTOM
    everything = [point for points in (*panel.lines.values(), *panel.bars.values()) for point in points]
    if not everything:
        return [f'<text class="t" x="{_LEFT}" y="20">{escape(panel.title)}</text>']
    xs, ys = np.array(everything, np.float64).T
    if panel.log_y:
        ys = np.maximum(ys, ys[ys > 0].min() if (ys > 0).any() else 1e-3)
        low, high = np.floor(np.log10(ys.min())), np.ceil(np.log10(ys.max()))
        high = max(high, low + 1)
    else:
        low, high = min(0.0, float(ys.min())), float(ys.max()) * 1.05 or 1.0
    scale = np.log if panel.log_x else float
    first, last = scale(xs.min()), scale(xs.max())

    def across(x: float) -> float:
        share = (scale(x) - first) / max(last - first, 1e-9)
        return float(_LEFT + share * (_WIDTH - _LEFT - _RIGHT))

    def up(y: float) -> float:
        value = np.log10(max(y, 10.0**low)) if panel.log_y else y
        return float(bottom - (value - low) / (high - low) * (bottom - _TOP))

    found = [f'<text class="t" x="{_LEFT}" y="20">{escape(panel.title)}</text>']
    step = max(1, int((high - low) / 5)) if panel.log_y else 0
    marks = [10.0**power for power in range(int(low), int(high) + 1, step)] if panel.log_y else _marks(low, high)
    for mark in marks:
        y = up(mark)
        found.append(f'<line class="g" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        told = f"1e{round(np.log10(mark))}" if panel.log_y else f"{mark:g}"
        found.append(f'<text class="s" text-anchor="end" x="{_LEFT - 6}" y="{y + 4:.1f}">{told}</text>')
    before = -1e9
    for x in sorted(set(xs.tolist())):
        if across(x) - before < _APART:
            continue
        before = across(x)
        found.append(f'<text class="s" text-anchor="middle" x="{across(x):.1f}" y="{bottom + 16}">{x:g}</text>')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    found.append(f'<text text-anchor="middle" x="{middle}" y="{bottom + 33}">{escape(panel.across)}</text>')
    turned = f"translate(14 {(bottom + _TOP) / 2}) rotate(-90)"
    found.append(f'<text text-anchor="middle" transform="{turned}">{escape(panel.up)}</text>')
    legend = 0
    for names, kind in ((panel.lines, "l"), (panel.bars, "b")):
        for number, (name, points) in enumerate(names.items()):
            path = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in sorted(points))
            colour = f'stroke="{COLOURS[number % len(COLOURS)]}"' if kind == "l" else ""
            found.append(f'<polyline class="{kind}" fill="none" {colour} points="{path}"/>')
            x, y = _LEFT + (legend % 2) * 200, bottom + 50 + 16 * (legend // 2)
            found.append(f'<line class="{kind}" {colour} x1="{x}" x2="{x + 18}" y1="{y - 4}" y2="{y - 4}"/>')
            found.append(f'<text x="{x + 24}" y="{y}">{escape(name)}</text>')
            legend += 1
    return found


def _marks(low: float, high: float) -> list[float]:
    """Some round values between two."""
    rough = (high - low) / 4
    power = 10.0 ** np.floor(np.log10(rough))
    step = min((power * factor for factor in (1, 2, 5, 10)), key=lambda one: abs(one - rough))
    return [round(float(value), 10) for value in np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step]
