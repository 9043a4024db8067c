"""
Reads: floods of small requests, and pulls of large blobs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import evolve, frozen

from benchmarks.guards import GUARDS
from benchmarks.plans import Job, Request
from benchmarks.servers import Server
from benchmarks.stores import BULK, LIBRARY, Library
from benchmarks.trees import MANIFEST_TYPE
from benchmarks.workload import READERS, Bench, Measured, Workload

CLIENTS = 32
SECONDS = 4.0


@frozen(kw_only=True)
class Flood(Workload):
    """
    Requests to the library, as many as go.

    :param jobs: the requests.
    :param in_bytes: the value is what was received in GB/s, not the number of requests per second;
        and the clients drop it, as those of :class:`Pull`.
    """

    jobs: Callable[[Library], Sequence[Job]]
    unit: str = "requests/s"
    targets: Sequence[str] = READERS
    clients: int = CLIENTS
    in_bytes: bool = False

    def root(self, bench: Bench, own: Path) -> Path:
        return bench.stores.library.root

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        fields = server.target.credentials(server.port, LIBRARY)
        jobs = [
            [evolve(request, headers={**request.headers, **fields}) for request in job]
            for job in self.jobs(bench.stores.library)
        ]
        seconds = bench.scale.seconds(SECONDS)
        load = bench.run(server, jobs, clients=self.clients, seconds=seconds, drops=self.in_bytes)
        done = load.received / 1e9 if self.in_bytes else load.requests
        return Measured(value=done / load.seconds, load=load)

    def verify(self, bench: Bench, server: Server) -> None:
        if self.in_bytes:
            for blob in bench.stores.library.medium:
                server.check_blob(LIBRARY, blob.digest)


@frozen(kw_only=True)
class Pull(Workload):
    """
    A large blob, pulled by some clients at once, by each several times.

    :param copies: the clients copy it out of the kernel, which takes as much of the machine as to
        send it; else they only count it, as if they were machines of their own.
    """

    unit: str = "GB/s"
    targets: Sequence[str] = READERS
    clients: int
    pulls: int = 4
    copies: bool = False

    def root(self, bench: Bench, own: Path) -> Path:
        return bench.stores.bulk.root

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        request = Request("GET", f"/v2/{BULK}/blobs/{bench.stores.bulk.blob.digest}")
        jobs = [[request]] * self.pulls * self.clients
        load = bench.run(server, jobs, clients=self.clients, drops=not self.copies)
        return Measured(value=load.received / load.seconds / 1e9, load=load)

    def verify(self, bench: Bench, server: Server) -> None:
        server.check_blob(BULK, bench.stores.bulk.blob.digest)


def _blobs(method: str, kind: str) -> Callable[[Library], Sequence[Job]]:
    def jobs(library: Library) -> Sequence[Job]:
        blobs = library.small if kind == "small" else library.medium
        return [[Request(method, f"/v2/{LIBRARY}/blobs/{blob.digest}")] for blob in blobs]

    return jobs


def _manifests(method: str, *, by_tag: bool) -> Callable[[Library], Sequence[Job]]:
    accept = {"Accept": MANIFEST_TYPE}

    def jobs(library: Library) -> Sequence[Job]:
        digests = [manifest.digest for manifest in library.manifests]
        references = [f"t{number}" for number in range(len(digests))] if by_tag else digests
        targets = [f"/v2/{LIBRARY}/manifests/{reference}" for reference in references]
        return [[Request(method, target, headers=accept)] for target in targets]

    return jobs


def _manifest_flood(method: str, *, by_tag: bool) -> Flood:
    way = "tag" if by_tag else "digest"
    return Flood(
        name=f"{method.lower()}-manifest-{way}",
        title=f"{method} manifest by {way}",
        jobs=_manifests(method, by_tag=by_tag),
        required={"distribution": 2.5},
        targets=[name for name in READERS if not (by_tag and name == "nginx")],
    )


def _pull(*, clients: int, copies: bool = False) -> Pull:
    who = "1 client" if clients == 1 else f"{clients} clients"
    return Pull(
        name=f"pull-{clients}-copied" if copies else f"pull-{clients}",
        title=f"pull of 256 MiB, {who}" + (" that copy it" if copies else ""),
        clients=clients,
        copies=copies,
        required={} if copies else {"distribution": 1.8, "nginx": 0.8},
    )


READS: list[Workload] = [
    Flood(
        name="head-blob",
        title="HEAD blob",
        jobs=_blobs("HEAD", "small"),
        required={"distribution": 2.5},
        targets=(*READERS, *(f"txregistry-{guard.name}" for guard in GUARDS)),
    ),
    _manifest_flood("HEAD", by_tag=True),
    _manifest_flood("HEAD", by_tag=False),
    _manifest_flood("GET", by_tag=True),
    _manifest_flood("GET", by_tag=False),
    Flood(
        name="get-1k",
        title="GET blob of 1 KiB",
        jobs=_blobs("GET", "small"),
        required={"distribution": 6},
    ),
    Flood(
        name="get-1m",
        title="GET blob of 1 MiB, 8 clients",
        jobs=_blobs("GET", "medium"),
        clients=8,
        in_bytes=True,
        unit="GB/s",
        required={"distribution": 3},
    ),
    _pull(clients=1),
    _pull(clients=4),
    _pull(clients=4, copies=True),
]
