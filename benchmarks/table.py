"""
The tables that are printed, and that the documentation shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from benchmarks.guards import GUARDS
from benchmarks.results import Outcome, Results

OURS = "txregistry"
#: Ours in other settings have rows of their own, in which they stand where ours does.
VARIANTS = {
    OURS: "",
    "txregistry-1": ", 1 worker",
    "txregistry-nocache": ", no cache",
    **{f"txregistry-{guard.name}": f", {guard.title}" for guard in GUARDS},
}
NOTHING = "-"
NOT_REACHED = "!"

Table = list[list[str]]


def figure(value: float | None) -> str:
    """
    A number with as many digits as mean something.
    """
    if value is None:
        return NOTHING
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def duration(seconds: float) -> str:
    """
    A time in the unit that suits it.
    """
    for unit, length in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= length:
            return f"{figure(seconds / length)} {unit}"
    return f"{figure(seconds / 1e-6)} us"


def ratio(outcome: Outcome, ours: str, other: str) -> str:
    """
    How many times better ours is, and a mark if it must be more.

    :param ours: one of :data:`VARIANTS`.
    """
    value = outcome.ratio(ours, other)
    if value is None:
        return NOTHING
    missed = ours == OURS and value < outcome.required.get(other, 0)
    return f"{value:.2f} x{f' {NOT_REACHED}' if missed else ''}"


def measured(outcome: Outcome, target: str) -> str:
    """
    The median of a target, and a mark if it must be less.
    """
    value = outcome.median(target)
    missed = value is not None and value > outcome.limit.get(target, value)
    failed = "failed" if target in outcome.failures else NOTHING
    text = failed if value is None else figure(value)
    return f"{text} {NOT_REACHED}" if missed else text


def wanted(outcome: Outcome, ours: str) -> str:
    """
    What ours must reach.
    """
    required = outcome.required if ours == OURS else {}
    ratios = [f"{times:g} x {name}" for name, times in required.items()]
    limits = [f"{outcome.limit[ours]:g} {outcome.unit}"] if ours in outcome.limit else []
    return ", ".join([*ratios, *limits]) or NOTHING


def _others(results: Results) -> list[str]:
    return [name for name in results.targets if name not in VARIANTS]


def _rows(results: Results) -> Iterator[tuple[str, Outcome, str]]:
    """The title of each row, what it is about, and which of ours."""
    for outcome in results.outcomes:
        known = {*outcome.rounds, *outcome.failures}
        for ours in [name for name in VARIANTS if name in known] or [OURS]:
            yield outcome.title + VARIANTS[ours], outcome, ours


def main_table(results: Results) -> Table:
    """
    Medians and ratios, with a head.
    """
    others = _others(results)
    head = ["workload", "unit", OURS, *others, "to distribution", "to nginx", "wanted"]
    body = [
        [
            title,
            outcome.unit,
            *(measured(outcome, name) for name in (ours, *others)),
            ratio(outcome, ours, "distribution"),
            ratio(outcome, ours, "nginx"),
            wanted(outcome, ours),
        ]
        for title, outcome, ours in _rows(results)
    ]
    return [head, *body]


def _details(results: Results, cell: Callable[[Outcome, str], str]) -> Table:
    others = _others(results)
    body: Table = []
    for title, outcome, ours in _rows(results):
        names = (ours, *others)
        cells = [cell(outcome, name) if outcome.rounds.get(name) else NOTHING for name in names]
        if any(text != NOTHING for text in cells):
            body.append([title, *cells])
    return [["workload", OURS, *others], *body]


def cpu_table(results: Results) -> Table:
    """
    Processor time of all processes of each target for each request.
    """

    def cell(outcome: Outcome, name: str) -> str:
        seconds = outcome.median(name, "cpu_per_request")
        return duration(seconds) if seconds else NOTHING

    return _details(results, cell)


def memory_table(results: Results) -> Table:
    """
    Memory in MB: the peaks of what is resident, summed; and proportionally shared, at the end.
    """

    def cell(outcome: Outcome, name: str) -> str:
        peak, shared = outcome.median(name, "peak"), outcome.median(name, "proportional")
        return f"{(peak or 0) / 1e6:.0f} / {(shared or 0) / 1e6:.0f}"

    return _details(results, cell)


def tail_table(results: Results) -> Table:
    """
    The 99th percentile of the times of requests.
    """

    def cell(outcome: Outcome, name: str) -> str:
        seconds = outcome.median(name, "p99")
        return duration(seconds) if seconds else NOTHING

    return _details(results, cell)


def spread_table(results: Results) -> Table:
    """
    How far apart the rounds are.
    """

    def cell(outcome: Outcome, name: str) -> str:
        values = [r.value for r in outcome.rounds[name]]
        middle = outcome.median(name)
        return f"{(max(values) - min(values)) / middle:.0%}" if middle else NOTHING

    return _details(results, cell)


DETAILS: dict[str, Callable[[Results], Table]] = {
    "processor time per request": cpu_table,
    "99th percentile of requests": tail_table,
    "memory in MB: peak resident / proportional": memory_table,
    "best and worst round, how far apart": spread_table,
}


def targets_table(results: Results) -> Table:
    """
    What was measured.
    """
    head = ["name", "what", "version", "when it answers that bytes are stored"]
    body = [
        [name, about["title"], about["version"], about["durability"]]
        for name, about in results.targets.items()
    ]
    return [head, *body]


def aligned(table: Sequence[Sequence[str]]) -> str:
    """
    A table for a terminal.
    """
    columns = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for number, (cell, width) in enumerate(zip(row, columns, strict=True))
        )
        for row in table
    )


def markdown(table: Sequence[Sequence[str]], align: str = "---:") -> str:
    """
    A table for the documentation.

    :param align: of all columns but the first, as Markdown has it.
    """
    head, *body = table
    rule = ["---", *(align for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *body])
