"""
The chart: each workload's targets as multiples of distribution, drawn as SVG.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape

from benchmarks.results import Outcome, Results
from benchmarks.table import OURS, figure

BASE = "distribution"
COLOURS = {OURS: "#1f6feb", "debian": "#9aa4b2", "zot": "#8a63d2", "nginx": "#2da44e"}
#: Have goals of their own, to which distribution means nothing.
LEFT_OUT = ("start", "idle-memory")

WIDTH, LABELS, RIGHT, TOP = 960, 310, 130, 70
BAR, GAP = 11, 12
LEAST, MOST = 0.25, 128.0
TICKS = (0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128)


def across(ratio: float) -> float:
    """
    Where a ratio is, in pixels from the left: the scale is logarithmic.
    """
    part = math.log(min(max(ratio, LEAST), MOST) / LEAST) / math.log(MOST / LEAST)
    return LABELS + part * (WIDTH - LABELS - RIGHT)


def _text(x: float, y: float, text: str, anchor: str = "start", size: int = 12) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}"'
    return f"<text {place}>{escape(text)}</text>"


def _bars(outcome: Outcome, y: float) -> Iterator[str]:
    """One workload: its name, a bar for each target, and a line at what is wanted."""
    shown = _shown(outcome)
    middle = y + len(shown) * BAR / 2 + 4
    yield _text(LABELS - 10, middle, outcome.title, "end")
    texts: list[str] = []
    for number, (name, ratio) in enumerate(shown.items()):
        begin, end = sorted((across(1), across(ratio)))
        top = y + number * BAR
        yield (
            f'<rect x="{begin:.1f}" y="{top:.1f}" width="{max(end - begin, 1):.1f}" '
            f'height="{BAR - 2}" fill="{COLOURS[name]}"/>'
        )
        value = f"{ratio:.2g} x, {figure(outcome.median(name))} {outcome.unit}"
        texts.append(_text(max(end, across(1)) + 4, top + BAR - 3, value, size=9))
    wanted = outcome.required.get(BASE)
    if wanted is not None:
        x, bottom = across(wanted), y + BAR + 1
        yield f'<path d="M{x:.1f} {y - 6:.1f}V{bottom:.1f}" stroke="#000" stroke-width="2"/>'
    # On top of the line, with an edge of white that keeps them legible.
    yield f'<g paint-order="stroke" stroke="#fff" stroke-width="3">{"".join(texts)}</g>'


def _shown(outcome: Outcome) -> dict[str, float]:
    ratios = {name: outcome.ratio(name, BASE) for name in COLOURS}
    return {name: ratio for name, ratio in ratios.items() if ratio is not None}


def _scale(bottom: float) -> Iterator[str]:
    for tick in TICKS:
        x, colour = across(tick), "#57606a" if tick == 1 else "#d8dee4"
        yield f'<path d="M{x:.1f} {TOP - 6}V{bottom:.1f}" stroke="{colour}"/>'
        yield _text(x, TOP - 12, f"{tick:g} x", "middle", 10)


def _legend(results: Results) -> Iterator[str]:
    x = 12.0
    for name, colour in COLOURS.items():
        if name in results.targets:
            about = results.targets[name]
            text = f"{name} {about['version']}"
            yield f'<rect x="{x:.1f}" y="14" width="12" height="12" fill="{colour}"/>'
            yield _text(x + 17, 24, text)
            x += 40 + 7 * len(text)
    base = f"1 x is {BASE} {results.targets[BASE]['version']}; the black lines are the goals"
    yield _text(x, 24, base)


def draw(results: Results) -> str:
    """
    Draw the chart.

    :return: SVG; without any bars if distribution wasn't measured.
    """
    drawn = [outcome for outcome in results.outcomes if outcome.name not in LEFT_OUT]
    drawn = [outcome for outcome in drawn if outcome.median(BASE) and _shown(outcome)]
    parts: list[str] = []
    y = float(TOP)
    for outcome in drawn:
        parts += _bars(outcome, y)
        y += len(_shown(outcome)) * BAR + GAP
    background = f'<rect width="{WIDTH}" height="{y + 10:.0f}" fill="#fff"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 10:.0f}" '
        f'font-family="sans-serif" fill="#1f2328">'
    )
    legend = _legend(results) if drawn else []
    return "\n".join([head, background, *_scale(y), *legend, *parts, "</svg>\n"])
