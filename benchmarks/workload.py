"""
What a workload is.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile

from attrs import field, frozen

from benchmarks.generator import Generator, Load
from benchmarks.plans import Job, write_plan
from benchmarks.servers import Server
from benchmarks.sizes import MIB, Scale
from benchmarks.stores import Stores
from benchmarks.targets import Target

REGISTRIES = ("txregistry", "distribution", "debian", "zot")
READERS = (*REGISTRIES, "nginx")
DAEMONS = ("txregistry-1", *REGISTRIES)

#: How much memory is got ready besides that for files: for sockets and the like.
SPARE = 64 * MIB


@frozen(kw_only=True)
class Bench:
    """
    What workloads work with.

    :param directory: for plans and bodies.
    """

    generator: Generator
    stores: Stores
    scale: Scale
    directory: Path

    def run(
        self,
        server: Server,
        jobs: Sequence[Job],
        *,
        clients: int = 1,
        seconds: float = 0,
        bodies: Path | None = None,
        drops: bool = False,
    ) -> Load:
        """
        Let clients do jobs.

        :param seconds: how long they begin anew; 0: each job is done once.
        :param bodies: the file that the requests' bodies are parts of.
        :param drops: bodies of answers aren't copied out of the kernel.
        """
        plan = write_plan(self.directory / "plan", jobs, bodies)
        return self.generator.run(server.port, plan, clients=clients, seconds=seconds, drops=drops)

    def settle(self, size: int) -> None:
        """
        Leave nothing to do that isn't the next server's: write out what waits in the disk's
        caches, and let the kernel have memory for files at hand.

        A virtual machine gives memory that is free for some seconds back to its host.  To get it
        again costs several times as much as to write to it, and whoever is measured after a pause
        would pay for that.

        :param size: how many bytes of files will be written.
        """
        os.sync()
        with TemporaryFile(dir=self.directory) as file:
            for _ in range(0, size + SPARE, MIB):
                file.write(bytes(MIB))


@frozen(kw_only=True)
class Measured:
    """
    What one round gave.

    :param value: in the workload's unit.
    :param load: what the generator saw, if it took part.
    """

    value: float
    load: Load | None = None


@frozen(kw_only=True)
class Workload(ABC):
    """
    Something that is measured of each target.

    :param name: for ``--only``.
    :param title: for the table.
    :param unit: of the values.
    :param more_is_better: else less is.
    :param required: how many times better txregistry must be than other targets.
    :param limit: the most that txregistry may have, in the unit.
    :param targets: the names of those that are measured.
    """

    name: str
    title: str
    unit: str
    more_is_better: bool = True
    required: Mapping[str, float] = field(factory=dict)
    limit: Mapping[str, float] = field(factory=dict)
    targets: Sequence[str] = REGISTRIES

    def takes(self, target: Target) -> bool:
        """
        Whether a target can do this.
        """
        return target.is_registry or "nginx" in self.targets

    def root(self, bench: Bench, own: Path) -> Path:
        """
        The storage of a server that this is measured of.

        :param own: an empty directory, for what writes.
        """
        return own

    def prepare_round(self, bench: Bench, number: int) -> None:
        """
        Make what all targets will be sent in a round.
        """
        del bench, number  # most need nothing

    @abstractmethod
    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        """
        Measure a round of one target.
        """

    def verify(self, bench: Bench, server: Server) -> None:
        """
        Look once, before anything counts, whether a target does with the bytes what it must.

        :raises ServerFailed: it doesn't.
        """
        del bench, server  # most answers are checked as they come

    def clean_up(self, bench: Bench, server: Server) -> None:
        """
        Remove what a round left in the storage, as far as it takes much room.
        """
        del bench, server  # most leave little
