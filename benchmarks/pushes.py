"""
Pushes: large blobs in three ways, floods of small images, mounts.

What is pushed is random, new in each round, and the same for all targets in a round.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from attrs import define, field, frozen

from benchmarks.plans import LOCATION, Body, Job, Request
from benchmarks.servers import Server
from benchmarks.sizes import KIB, MIB, write_random
from benchmarks.stores import LIBRARY
from benchmarks.trees import (
    CONFIG_TYPE,
    LAYER_TYPE,
    MANIFEST_TYPE,
    Descriptor,
    digest_of,
    manifest_document,
)
from benchmarks.workload import Bench, Measured, Workload

OCTETS = {"Content-Type": "application/octet-stream"}
SIZE = 256 * MIB
CHUNK = 8 * MIB
#: What docker's client sends at once.
PIECE = 32 * KIB


def begin_upload(repository: str) -> Request:
    """
    The request that begins an upload.
    """
    return Request("POST", f"/v2/{repository}/blobs/uploads/", 202)


def finish_upload(digest: str, body: Body | None = None) -> Request:
    """
    The request that finishes one.
    """
    return Request("PUT", f"{LOCATION}digest={digest}", 201, OCTETS, body)


def by_put(repository: str, digest: str, size: int, offset: int = 0) -> Job:
    """
    All of a blob in the request that finishes the upload.
    """
    return [begin_upload(repository), finish_upload(digest, Body(offset, size))]


def by_stream(repository: str, digest: str, size: int, offset: int = 0) -> Job:
    """
    All of it in one PATCH of unknown length, as docker does.
    """
    patch = Request("PATCH", LOCATION, 202, OCTETS, Body(offset, size, PIECE))
    return [begin_upload(repository), patch, finish_upload(digest)]


def by_chunks(repository: str, digest: str, size: int, offset: int = 0) -> Job:
    """
    In chunks of 8 MiB, each a PATCH.
    """
    patches = [
        Request(
            "PATCH",
            LOCATION,
            202,
            {**OCTETS, "Content-Range": f"{begin}-{min(begin + CHUNK, size) - 1}"},
            Body(offset + begin, min(CHUNK, size - begin)),
        )
        for begin in range(0, size, CHUNK)
    ]
    return [begin_upload(repository), *patches, finish_upload(digest)]


#: Each takes the repository, the blob's digest and size, and where it lies in the file of bodies.
WAYS = {"put": by_put, "stream": by_stream, "chunks": by_chunks}


@frozen(kw_only=True)
class Push(Workload):
    """
    A large blob, pushed by one client.

    :param way: one of :data:`WAYS`.
    """

    unit: str = "GB/s"
    way: str
    _digests: list[str] = field(factory=list, init=False)

    def prepare_round(self, bench: Bench, number: int) -> None:
        self._digests[:] = write_random(bench.directory / "bodies", bench.scale.size(SIZE))

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        bodies = bench.directory / "bodies"
        size = bodies.stat().st_size
        job = WAYS[self.way](f"bench/{self.name}", self._digests[0], size)
        bench.settle(size)
        load = bench.run(server, [job], bodies=bodies)
        return Measured(value=size / load.seconds / 1e9, load=load)

    def verify(self, bench: Bench, server: Server) -> None:
        server.check_blob(f"bench/{self.name}", self._digests[0])

    def clean_up(self, bench: Bench, server: Server) -> None:
        server.remove_blob(f"bench/{self.name}", self._digests[0])


@define
class Bodies:
    """
    A file that is made of small contents.
    """

    path: Path
    _contents: list[bytes] = field(factory=list)
    _length: int = 0

    def add(self, content: bytes) -> Body:
        """
        Add a content.

        :return: where it is.
        """
        body = Body(self._length, len(content))
        self._contents.append(content)
        self._length += len(content)
        return body

    def write(self) -> None:
        """
        Write the file.
        """
        self.path.write_bytes(b"".join(self._contents))


def small_image(bodies: Bodies, repository: str, tag: str) -> Job:
    """
    What a client does to push a layer of 4 KiB, a configuration and a manifest.
    """
    layer = os.urandom(4 * KIB)
    config = json.dumps({"architecture": "amd64", "os": "linux", "rootfs": os.urandom(32).hex()})
    job: list[Request] = []
    descriptors: list[Descriptor] = []
    for content, media_type in ((config.encode(), CONFIG_TYPE), (layer, LAYER_TYPE)):
        descriptors.append(Descriptor(media_type, digest_of(content), len(content)))
        upload = finish_upload(descriptors[-1].digest, bodies.add(content))
        job += [begin_upload(repository), upload]
    payload = bodies.add(manifest_document(descriptors[0], descriptors[1:]))
    headers = {"Content-Type": MANIFEST_TYPE}
    target = f"/v2/{repository}/manifests/{tag}"
    return [*job, Request("PUT", target, 201, headers, payload)]


@frozen(kw_only=True)
class SmallImages(Workload):
    """
    Small images, pushed by eight clients to eight repositories.
    """

    unit: str = "images/s"
    clients: int = 8
    images: int = 300
    _jobs: list[Job] = field(factory=list, init=False)

    def prepare_round(self, bench: Bench, number: int) -> None:
        bodies = Bodies(bench.directory / "bodies")
        count = bench.scale.count(self.images)
        self._jobs[:] = [
            small_image(bodies, f"bench/small-{i % self.clients}", f"round-{number}-{i}")
            for i in range(count)
        ]
        bodies.write()

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        bodies = bench.directory / "bodies"
        os.sync()
        load = bench.run(server, self._jobs, clients=self.clients, bodies=bodies)
        return Measured(value=load.jobs / load.seconds, load=load)


@frozen(kw_only=True)
class Mounts(Workload):
    """
    Blobs mounted from one repository into eight others.
    """

    unit: str = "mounts/s"
    clients: int = 8

    def root(self, bench: Bench, own: Path) -> Path:
        shutil.copytree(bench.stores.library.root, own, dirs_exist_ok=True)
        return own

    def measure(self, bench: Bench, server: Server, number: int) -> Measured:
        blobs = bench.stores.library.small[: bench.scale.count(100)]
        jobs = [
            [
                Request(
                    "POST",
                    f"/v2/bench/mount-{number}-{client}/blobs/uploads/"
                    f"?mount={blob.digest}&from={LIBRARY}",
                    201,
                )
            ]
            for blob in blobs
            for client in range(self.clients)
        ]
        os.sync()
        load = bench.run(server, jobs, clients=self.clients)
        return Measured(value=load.jobs / load.seconds, load=load)


PUSHES: list[Workload] = [
    Push(
        name="push-put",
        title="push of 256 MiB, PUT",
        way="put",
        required={"distribution": 2},
    ),
    Push(
        name="push-stream",
        title="push of 256 MiB, streamed PATCH",
        way="stream",
        required={"distribution": 2},
    ),
    Push(
        name="push-chunks",
        title="push of 256 MiB, in chunks of 8 MiB",
        way="chunks",
        required={"distribution": 2.5},
    ),
    SmallImages(
        name="small-images",
        title="push of small images, 8 clients",
        required={"distribution": 2},
    ),
    Mounts(name="mount", title="mount, 8 clients"),
]
