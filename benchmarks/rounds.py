"""
The order of it all: each workload by itself, and within it the targets by turns, so that what the
machine does besides, and what it remembers, is the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from attrs import field, frozen

from benchmarks import processes
from benchmarks.generator import LoadFailed
from benchmarks.results import Outcome, Round, outcome_of
from benchmarks.servers import Server, ServerFailed
from benchmarks.sizes import say
from benchmarks.targets import Target
from benchmarks.trees import remove
from benchmarks.workload import Bench, Measured, Workload


@frozen(kw_only=True)
class Rounds:
    """
    Measures workloads.

    :param rounds: how often each target is measured.
    :param warm_up: rounds before that, which don't count.
    """

    bench: Bench
    rounds: int
    warm_up: int = 1

    def measure(self, workload: Workload, targets: Sequence[Target]) -> Outcome:
        """
        Measure a workload of targets.
        """
        say(workload.title)
        turns = Turns(workload=workload, directory=self.bench.directory / "servers")
        with ExitStack() as stack:
            stack.callback(remove, turns.directory)
            for target in targets:
                turns.attempt(target.name, partial(turns.start, self.bench, target, stack))
            for number in range(-self.warm_up, self.rounds):
                say(f"    round {number + 1} of {self.rounds}" if number >= 0 else "    warming up")
                workload.prepare_round(self.bench, number)
                turns.take(self.bench, number)
        outcome = outcome_of(workload, turns.found, turns.failures)
        for name, value in outcome.medians().items():
            say(f"    {name:20} {value:12.3f} {workload.unit}")
        return outcome


@frozen(kw_only=True)
class Turns:
    """
    The servers of one workload, measured by turns.

    One that fails is measured no more, and the others go on.

    :param directory: for the servers.
    :ivar found: the rounds of each.
    :ivar failures: why some have none.
    """

    workload: Workload
    directory: Path
    found: dict[str, list[Round]] = field(factory=dict, init=False)
    failures: dict[str, str] = field(factory=dict, init=False)
    _servers: dict[str, Server] = field(factory=dict, init=False)

    def start(self, bench: Bench, target: Target, stack: ExitStack) -> None:
        """
        Start a target.

        :param stack: ends it.
        """
        own = self.directory / target.name
        root = self.workload.root(bench, own / "storage")
        server = Server(target, own, root)
        stack.callback(server.stop)
        server.start()
        self._servers[target.name] = server

    def take(self, bench: Bench, number: int) -> None:
        """
        Measure each once.

        :param number: of the round; below 0 it doesn't count.
        """
        for name, server in list(self._servers.items()):
            self.attempt(name, partial(self._round, bench, server, number))

    def attempt(self, name: str, something: Callable[[], None]) -> None:
        """
        Do something with a target, and leave it out from then on if it fails.
        """
        try:
            something()
        except (LoadFailed, ServerFailed) as trouble:
            say(f"    {name} failed: {trouble}")
            self.failures[name] = str(trouble)
            self.found.pop(name, None)
            self._servers.pop(name, None)

    def _round(self, bench: Bench, server: Server, number: int) -> None:
        processes.forget_peaks(server.pids())
        before = processes.cpu_times(server.pids())
        measured = self.workload.measure(bench, server, number)
        cpu = processes.cpu_since(before, server.pids())
        memory = processes.memory(server.pids())
        if number < 0:
            self.workload.verify(bench, server)
        self.workload.clean_up(bench, server)
        if number >= 0:
            self.found.setdefault(server.target.name, []).append(_round(measured, cpu, memory))


def _round(measured: Measured, cpu: float, memory: processes.Memory) -> Round:
    load = measured.load
    return Round(
        value=measured.value,
        cpu=cpu,
        peak=memory.peak,
        proportional=memory.proportional,
        requests=load.requests if load else 0,
        p99=load.request_times.p99 if load else 0.0,
        generator_cpu=load.cpu if load else 0.0,
        seconds=load.seconds if load else 0.0,
    )
