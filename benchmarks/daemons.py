"""
What a registry costs that has nothing to do: its start, and its memory.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from attrs import frozen

from benchmarks import processes
from benchmarks.servers import Server
from benchmarks.workload import DAEMONS, Bench, Measured, Workload

SETTLE_SECONDS = 2.0


@frozen(kw_only=True)
class Start(Workload):
    """
    The time from its start to its first answer, with a large storage.
    """

    unit: str = "s"
    more_is_better: bool = False
    targets: Sequence[str] = DAEMONS

    def root(self, bench: Bench, own: Path) -> Path:
        return bench.stores.large.root

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        server.stop()
        return Measured(value=server.start())


@frozen(kw_only=True)
class Idle(Workload):
    """
    Memory after the start and a first answer.

    Of one process what it has resident; of several the same, with what they share divided.
    """

    unit: str = "MB"
    more_is_better: bool = False
    targets: Sequence[str] = DAEMONS

    def root(self, bench: Bench, own: Path) -> Path:
        return bench.stores.library.root

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        server.stop()
        server.start()
        time.sleep(bench.scale.seconds(SETTLE_SECONDS))
        pids = server.pids()
        memory = processes.memory(pids)
        used = memory.resident if len(pids) == 1 else memory.proportional
        return Measured(value=used / 1e6)


DAEMON_COSTS: list[Workload] = [
    Start(
        name="start",
        title="start to first answer",
        limit={"txregistry-1": 1.0, "txregistry": 1.5},
    ),
    Idle(name="idle-memory", title="idle memory", limit={"txregistry-1": 75.0}),
]
