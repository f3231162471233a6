"""Draws plots as SVG: bars that lie, and lines over a logarithmic axis. Readable in light and dark.

    bars("title", "µs", {"one": [1.0, 1.1, 0.9], "two": [2.0, 2.2, 2.1]}, strong="one")
    lines("title", "number of things", "µs", {"one": {1: [0.9, 1.0], 1000: [2.0, 2.1]}})

A bar is as long as the median; the thin line across it reaches from the least figure to the
greatest. Nothing else is drawn than what is here.
"""

from __future__ import annotations

import math
from html import escape
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WIDTH = 720
NAMES = 110
"""Where the bars begin, right of their names."""
BAR, GAP = 16, 8
TOP = 40
COLOURS = ["#2463b4", "#c8501e", "#2f8a4b", "#8a4bb0"]

STYLE = """<style>
text { font: 13px sans-serif; fill: #222 } .title { font-weight: bold; font-size: 15px }
.bar { fill: #9db4cc } .strong { fill: #2463b4 } .spread { stroke: #222; stroke-width: 1 }
.axis { stroke: #bbb; stroke-width: 1 } .end { text-anchor: end } .middle { text-anchor: middle }
.paper { fill: #fff }
@media (prefers-color-scheme: dark) {
 text { fill: #ddd } .paper { fill: #16191d } .bar { fill: #51657a } .strong { fill: #5b9bea }
 .spread { stroke: #ddd } .axis { stroke: #555 }
}
</style>"""


def bars(title: str, unit: str, rounds: Mapping[str, Sequence[float]], strong: str = "") -> str:
    """A bar for each name, the shortest first."""
    found = {name: figures for name, figures in rounds.items() if figures}
    order = sorted(found, key=lambda name: median(found[name]))
    most = max((max(figures) for figures in found.values()), default=0) or 1
    per_unit = (WIDTH - NAMES - 90) / most
    parts = [text(8, 22, f"{title}, {unit}", "title")]
    for index, name in enumerate(order):
        figures = found[name]
        y = TOP + index * (BAR + GAP)
        low, middle, high = (
            NAMES + max(figure, 0) * per_unit
            for figure in (min(figures), median(figures), max(figures))
        )
        parts += [
            text(NAMES - 8, y + 13, name, "end"),
            bar(y, middle - NAMES, "strong" if name == strong else "bar"),
            line((low, y + BAR / 2), (high, y + BAR / 2), "spread"),
            text(high + 8, y + 13, shown(median(figures))),
        ]
    return document(TOP + len(order) * (BAR + GAP) + 8, parts)


def lines(
    title: str, across: str, unit: str, series: Mapping[str, Mapping[int, Sequence[float]]]
) -> str:
    """A line for each name, over a logarithmic axis of numbers; the other begins at nought."""
    left, right, bottom, height = 70, WIDTH - 150, 260, 310
    numbers = sorted({number for points in series.values() for number in points})
    most = max(max(figures) for points in series.values() for figures in points.values()) or 1
    last = max(math.log10(numbers[-1]), 1)

    def at(number: int, figure: float) -> tuple[float, float]:
        x = left + (right - left) * math.log10(number) / last
        return x, bottom - (bottom - TOP) * figure / most

    parts = [text(8, 22, f"{title}, {unit}", "title")]
    parts += [
        line((left, bottom), (right, bottom), "axis"),
        line((left, TOP), (left, bottom), "axis"),
    ]
    parts += [text(left - 8, at(1, figure)[1] + 4, shown(figure), "end") for figure in (0, most)]
    parts += [text(at(number, 0)[0], bottom + 18, f"{number:,}", "middle") for number in numbers]
    parts.append(text((left + right) / 2, bottom + 38, across, "middle"))
    for index, (name, points) in enumerate(series.items()):
        colour = COLOURS[index % len(COLOURS)]
        middles = [at(number, median(points[number])) for number in sorted(points)]
        parts.append(path(middles, colour))
        parts += [
            line(at(number, min(figures)), at(number, max(figures)), "spread")
            for number, figures in points.items()
        ]
        x, y = middles[-1]
        parts.append(text(x + 8, y + 4, name))
    return document(height, parts)


# --- the pieces


def document(height: float, parts: Iterable[str]) -> str:
    size = f'width="{WIDTH}" height="{height:.0f}" viewBox="0 0 {WIDTH} {height:.0f}"'
    paper = f'<rect class="paper" width="{WIDTH}" height="{height:.0f}"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size}>'
    return "\n".join([head, STYLE, paper, *parts, "</svg>", ""])


def text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def bar(y: float, length: float, kind: str) -> str:
    return f'<rect class="{kind}" x="{NAMES}" y="{y}" width="{length:.1f}" height="{BAR}"/>'


def line(start: tuple[float, float], end: tuple[float, float], kind: str) -> str:
    (x1, y1), (x2, y2) = start, end
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def path(points: Iterable[tuple[float, float]], colour: str) -> str:
    joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{joined}" fill="none" stroke="{colour}" stroke-width="2"/>'


def shown(figure: float) -> str:
    """A figure with two or three digits that count."""
    if abs(figure) < 10:
        return f"{figure:.2f}"
    return f"{figure:.1f}" if abs(figure) < 100 else f"{figure:,.0f}"
