"""
Puts what was measured into the documentation: ``python -m benchmarks.report RESULTS.json``.

In ``docs/benchmarks.md`` it replaces what stands between ``<!-- begin NAME -->`` and
``<!-- end NAME -->``; beside that it draws ``docs/benchmarks.svg``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import chart, table
from benchmarks.results import Results, results_from

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"


def parts(results: Results) -> dict[str, str]:
    """
    What the documentation has of a run, by name.
    """
    machine = results.machine
    about = (
        f"Measured on {machine['date']}: {machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory']} of memory, Linux {machine['kernel']}, storage on "
        f"{machine['filesystem']}, Python {machine['python']}; medians of "
        f"{results.settings['rounds']} rounds, scale {results.settings['scale']:g}."
    )
    details = [
        f"{title[0].upper()}{title[1:]}:\n\n{table.markdown(rows(results))}"
        for title, rows in table.DETAILS.items()
    ]
    return {
        "generator": _generator(results),
        "machine": about,
        "targets": table.markdown(table.targets_table(results), align="---"),
        "results": table.markdown(table.main_table(results)),
        "details": "\n\n".join(details),
    }


def _generator(results: Results) -> str:
    """What the load generator itself can do, as nginx shows it."""
    for outcome in results.outcomes:
        rounds = outcome.rounds.get("nginx")
        if outcome.name == "head-blob" and rounds:
            best = max(rounds, key=lambda r: r.value)
            busy = best.generator_cpu / best.seconds
            rate = f"{best.value:,.0f} answers to HEAD per second"
            return f"It got {rate} from nginx, and took {busy:.0%} of a core."
    return "It wasn't measured itself."


def filled(document: str, results: Results) -> str:
    """
    Put the parts into a document.

    :raises ValueError: it has no place for one.
    """
    for name, text in parts(results).items():
        begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
        before, found, rest = document.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"there is no {begin} ... {end}")
        document = f"{before}{begin}\n\n{text}\n\n{end}{after}"
    return document


def main(arguments: Sequence[str]) -> int:
    """
    Run the command.

    :return: the exit status.
    """
    if len(arguments) != 1:
        print("usage: python -m benchmarks.report RESULTS.json", file=sys.stderr)
        return 2
    results = results_from(json.loads(Path(arguments[0]).read_text(encoding="utf-8")))
    text = filled(DOCUMENT.read_text(encoding="utf-8"), results)
    DOCUMENT.write_text(text, encoding="utf-8")
    drawing = DOCUMENT.with_suffix(".svg")
    drawing.write_text(chart.draw(results), encoding="utf-8")
    print(f"{DOCUMENT} and {drawing} are written")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
