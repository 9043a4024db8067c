"""
The command: ``python -m benchmarks``, or ``make bench``.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import signal
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import chart, generator, table
from benchmarks.generator import Generator, LoadFailed
from benchmarks.results import Outcome, Results, describe_machine, describe_target
from benchmarks.rounds import Rounds
from benchmarks.servers import ServerFailed
from benchmarks.sizes import Scale, say
from benchmarks.stores import Stores
from benchmarks.targets import Target, targets
from benchmarks.trees import remove
from benchmarks.workload import Bench, Workload
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).resolve().parent.parent
PLACE = ROOT / "var"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...", description="Measure txregistry beside other registries."
    )
    add = parser.add_argument
    add("--list", action="store_true", help="list workloads and targets, and measure nothing")
    add("--only", metavar="NAMES", help="these workloads: names or patterns, divided by commas")
    add("--targets", metavar="NAMES", help="these targets, divided by commas")
    add("--rounds", type=int, default=5, help="rounds of each target (default: 5)")
    add("--scale", type=float, default=1.0, help="size of everything (default: 1)")
    add("--directory", type=Path, default=PLACE, help=f"for the storage (default: {PLACE})")
    add("--output", type=Path, default=PLACE / "benchmarks.json", help="the JSON")
    return parser


def _matching(patterns: str, names: Iterable[str]) -> list[str]:
    wanted = patterns.split(",")
    found = [name for name in names if any(fnmatch.fnmatchcase(name, p) for p in wanted)]
    if not found:
        raise SystemExit(f"nothing is called {patterns}; see --list")
    return found


def _list() -> None:
    print("workloads")
    for workload in WORKLOADS.values():
        print(f"  {workload.name:22} {workload.title}")
    print("targets")
    for target in targets().values():
        state = target.version() if target.program else "not on this machine"
        print(f"  {target.name:22} {target.title} ({state})")


def choose(workload: Workload, wanted: Sequence[str] | None) -> list[Target]:
    """
    The targets on this machine that a workload is measured of.

    :param wanted: names; ``None`` for those of the workload.
    """
    names = workload.targets if wanted is None else wanted
    everything = targets()
    found = [everything[name] for name in names if name in everything]
    return [target for target in found if target.program and workload.takes(target)]


def run(options: argparse.Namespace, directory: Path) -> Results:
    """
    Measure what is asked for.

    :param directory: an empty one, for everything.
    """
    names = list(WORKLOADS) if options.only is None else _matching(options.only, WORKLOADS)
    wanted = None if options.targets is None else _matching(options.targets, targets())
    chosen = {name: choose(WORKLOADS[name], wanted) for name in names}
    scale = Scale(options.scale)
    bench = Bench(
        generator=Generator(generator.build(directory)),
        stores=Stores(directory, scale),
        scale=scale,
        directory=directory,
    )
    rounds = Rounds(bench=bench, rounds=options.rounds)
    outcomes: list[Outcome] = []
    machine = describe_machine(directory)
    for name, some in chosen.items():
        if some:
            outcomes.append(rounds.measure(WORKLOADS[name], some))
    used = {target.name for some in chosen.values() for target in some}
    return Results(
        machine=machine,
        settings={"scale": options.scale, "rounds": options.rounds},
        targets={n: describe_target(t) for n, t in targets().items() if n in used},
        outcomes=outcomes,
    )


def tell(results: Results, output: Path) -> None:
    """
    Print the tables, and write the JSON and the chart.

    :param output: of the JSON; the chart lies beside it.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(results.document(), indent=1) + "\n", encoding="utf-8")
    drawing = output.with_suffix(".svg")
    drawing.write_text(chart.draw(results), encoding="utf-8")
    print(f"\n{table.aligned(table.main_table(results))}")
    print(f"({table.NOT_REACHED}: not what is wanted)")
    for title, rows in table.DETAILS.items():
        print(f"\n{title}\n\n{table.aligned(rows(results))}")
    print(f"\n{table.aligned(table.targets_table(results))}")
    print(f"\n{output} and {drawing} are written")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    :return: the exit status.
    """
    options = _parser().parse_args(arguments)
    if options.list:
        _list()
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what is in `finally` is done then
    options.directory.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=options.directory))
    try:
        results = run(options, directory)
    except (LoadFailed, ServerFailed) as trouble:
        print(trouble, file=sys.stderr)
        return 1
    finally:
        say("cleaning up")
        remove(directory)
    tell(results, options.output)
    return 1 if any(table.OURS in outcome.failures for outcome in results.outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
