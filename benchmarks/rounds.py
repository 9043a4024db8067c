"""
The order of it all: each workload by itself, and within it the targets by turns, so that what the
machine does besides, and what it remembers, is the same for all.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from attrs import frozen

from benchmarks import processes
from benchmarks.results import Outcome, Round, outcome_of
from benchmarks.servers import Server
from benchmarks.sizes import say
from benchmarks.targets import Target
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
        directory = self.bench.directory / "servers"
        found: dict[str, list[Round]] = {target.name: [] for target in targets}
        with ExitStack() as stack:
            stack.callback(shutil.rmtree, directory, ignore_errors=True)
            servers = [self._start(workload, target, directory, stack) for target in targets]
            for number in range(-self.warm_up, self.rounds):
                workload.prepare_round(self.bench, number)
                for server in servers:
                    measured = self._round(workload, server, number)
                    if number >= 0:
                        found[server.target.name].append(measured)
        outcome = outcome_of(workload, found)
        for target in targets:
            say(f"  {target.name:20} {outcome.median(target.name):12.3f} {workload.unit}")
        return outcome

    def _start(
        self, workload: Workload, target: Target, directory: Path, stack: ExitStack
    ) -> Server:
        own = directory / target.name
        root = workload.root(self.bench, own / "storage")
        server = Server(target, own, root)
        stack.callback(server.stop)
        server.start()
        return server

    def _round(self, workload: Workload, server: Server, number: int) -> Round:
        processes.forget_peaks(server.pids())
        before = processes.cpu_seconds(server.pids())
        measured = workload.measure(self.bench, server, number)
        after = processes.cpu_seconds(server.pids())
        memory = processes.memory(server.pids())
        workload.clean_up(self.bench, server)
        return _round_of(measured, after - before, memory)


def _round_of(measured: Measured, cpu: float, memory: processes.Memory) -> Round:
    load = measured.load
    return Round(
        value=measured.value,
        cpu=max(cpu, 0.0),
        peak=memory.peak,
        proportional=memory.proportional,
        requests=load.requests if load else 0,
        p99=load.request_times.p99 if load else 0.0,
        generator_cpu=load.cpu if load else 0.0,
    )
