"""
The table that is printed, and that the documentation shows.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.results import Outcome, Results

OURS = "txregistry"
NOTHING = "-"


def figure(value: float | None) -> str:
    """
    A number with as many digits as mean something.
    """
    if value is None:
        return NOTHING
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def ratio(outcome: Outcome, other: str) -> str:
    """
    How many times better ours is, and a mark if it isn't as much better as it must be.
    """
    value = outcome.ratio(OURS, other)
    if value is None:
        return NOTHING
    required = outcome.required.get(other)
    mark = " !" if required is not None and value < required else ""
    return f"{value:.2f} x{mark}"


def required(outcome: Outcome) -> str:
    """
    What ours must reach.
    """
    ratios = [f"{times:g} x {name}" for name, times in outcome.required.items()]
    limits = [f"≤ {limit:g} {outcome.unit} ({name})" for name, limit in outcome.limit.items()]
    return ", ".join([*ratios, *limits]) or NOTHING


def rows(results: Results) -> list[list[str]]:
    """
    The table, its head first.
    """
    names = list(results.targets)
    head = ["workload", "unit", *names, "to distribution", "to nginx", "at least"]
    body = [
        [
            outcome.title,
            outcome.unit,
            *(figure(outcome.median(name)) for name in names),
            ratio(outcome, "distribution"),
            ratio(outcome, "nginx"),
            required(outcome),
        ]
        for outcome in results.outcomes
    ]
    return [head, *body]


def cost_rows(results: Results) -> list[list[str]]:
    """
    What each workload cost: processor time per round and memory, of each target.
    """
    names = list(results.targets)
    head = ["workload", *(f"{name}: CPU s, peak MB" for name in names)]
    body = []
    for outcome in results.outcomes:
        cells = []
        for name in names:
            cpu, peak = outcome.median(name, "cpu"), outcome.median(name, "peak")
            cells.append(NOTHING if cpu is None or peak is None else f"{cpu:.2f}, {peak / 1e6:.0f}")
        body.append([outcome.title, *cells])
    return [head, *body]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """
    A table for a terminal.
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(w) if i == 0 else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """
    A table for the documentation.
    """
    head, *body = table
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])
