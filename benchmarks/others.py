"""
What those who are slow, or send much, cost the others.
"""

from __future__ import annotations

import os
from pathlib import Path

from attrs import field, frozen

from benchmarks.generator import Load, finish
from benchmarks.plans import Request, write_plan
from benchmarks.pushes import by_stream
from benchmarks.servers import Server
from benchmarks.sizes import GIB, KIB, MIB, write_random
from benchmarks.trees import Repository
from benchmarks.workload import Bench, Measured, Workload

REPOSITORY = "bench/others"
PUSHERS = 4
READERS = 64
READ_RATE = 100 * KIB
#: They ask one after the other, with pauses: it isn't to be measured what they cost each other.
ASKERS = 4
PAUSE_SECONDS = 0.01
FOR_EVER = 24 * 3600.0


@frozen(kw_only=True)
class SlowOthers(Workload):
    """
    The 99th percentile of HEADs while some push large blobs and many read slowly.
    """

    unit: str = "ms"
    more_is_better: bool = False
    _blobs: dict[Path, str] = field(factory=dict, init=False)
    _digests: list[str] = field(factory=list, init=False)

    def root(self, bench: Bench, own: Path) -> Path:
        self._blobs[own] = Repository(own, REPOSITORY).add_large_blob(64 * MIB).digest
        return own

    def prepare_round(self, bench: Bench, number: int) -> None:
        bodies = bench.directory / "bodies"
        self._digests[:] = write_random(bodies, bench.scale.size(GIB), PUSHERS)

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        os.sync()
        load = self._asked_meanwhile(bench, server)
        return Measured(value=load.request_times.p99 * 1000, load=load)

    def _asked_meanwhile(self, bench: Bench, server: Server) -> Load:
        start, directory, port = bench.generator.start, bench.directory, server.port
        blob = f"/v2/{REPOSITORY}/blobs/{self._blobs[server.root]}"
        get = write_plan(directory / "get", [[Request("GET", blob)]])
        head = write_plan(directory / "head", [[Request("HEAD", blob)]])
        size = bench.scale.size(GIB)
        pushes = [
            by_stream(f"{REPOSITORY}-{i}", digest, size, i * size)
            for i, digest in enumerate(self._digests)
        ]
        push = write_plan(directory / "push", pushes, directory / "bodies")
        with (
            start(port, get, clients=READERS, seconds=FOR_EVER, rate=READ_RATE) as readers,
            start(port, head, clients=ASKERS, seconds=FOR_EVER, pause=PAUSE_SECONDS) as askers,
            start(port, push, clients=PUSHERS) as pushers,
        ):
            try:
                finish(pushers)
                readers.terminate()
                finish(readers)
                askers.terminate()
                return finish(askers)
            finally:
                for process in (readers, askers, pushers):
                    process.kill()

    def clean_up(self, bench: Bench, server: Server) -> None:
        for i, digest in enumerate(self._digests):
            server.remove_blob(f"{REPOSITORY}-{i}", digest)


OTHERS: list[Workload] = [
    SlowOthers(
        name="slow-others",
        title="HEAD among slow others, 99th percentile",
        limit={"txregistry": 20.0},
    ),
]
