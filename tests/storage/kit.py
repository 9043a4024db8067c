"""
What the tests of the storage room have in common: repositories, and things to push.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.errors import PathNotFound
from txregistry.interfaces import ILocks, IRepository, IStorageDriver, TagCondition
from txregistry.model import media_types
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest, parse_manifest
from txregistry.model.name import RepositoryName, Tag
from txregistry.storage.registry import Registry
from txregistry.storage.validation import Validation
from txregistry.testing.drivers import WatchedDriver
from txregistry.testing.streams import GivenStream

NAME = RepositoryName("library/thing")
OTHER = RepositoryName("library/other")
LATEST = Tag("latest")
ABSENT = Digest.of(b"nobody ever pushed this")

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


@attrs.define
class Shop:
    """
    A registry in memory, and all that belongs to it.

    :param driver: what it is on; it can be watched, and made to fail.
    :param registry: the registry itself.
    :param time: what its clock says.
    """

    driver: WatchedDriver
    registry: Registry
    time: list[datetime]

    def repository(self, name: str = NAME, actor: str = "") -> IRepository:
        """Open a repository."""
        return self.registry.repository(RepositoryName(name), Requester(actor))

    def pass_time(self, **spans: float) -> None:
        """Let it be later."""
        self.time[0] += timedelta(**spans)


def open_shop(
    validation: Validation | None = None,
    driver: IStorageDriver | None = None,
    locks: ILocks | None = None,
) -> Shop:
    """
    Make a registry.

    :param driver: on what; by default in memory.
    """
    watched = WatchedDriver(driver or CheckedDriver(MemoryDriver()))
    time = [datetime(2026, 8, 18, 11, 55, 22, 987654, UTC)]
    registry = Registry(watched, InlineThreads(), lambda: time[0], validation, locks)
    return Shop(watched, registry, time)


@attrs.frozen
class Made:
    """
    A manifest to push.
    """

    manifest: Manifest
    payload: bytes
    digest: Digest

    @property
    def descriptor(self) -> dict[str, Any]:
        """As it stands in other manifests."""
        return described(self.payload, self.manifest.media_type, self.digest)


def described(
    content: bytes, media_type: str = LAYER_TYPE, digest: Digest | None = None
) -> dict[str, Any]:
    """:return: the JSON of a descriptor."""
    return {
        "mediaType": media_type,
        "digest": str(digest or Digest.of(content)),
        "size": len(content),
    }


def image(*layers: bytes, config: bytes = b"{}", algorithm: str = "sha256", **more: Any) -> Made:
    """
    Make an image manifest.

    :param layers: the content of its layers.
    :param more: what else is in the document.
    """
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_MANIFEST,
        "config": described(config, media_types.OCI_IMAGE_CONFIG),
        "layers": [described(layer) for layer in layers],
        **more,
    }
    return made(document, algorithm)


def index(*children: dict[str, Any], algorithm: str = "sha256", **more: Any) -> Made:
    """
    Make an index.

    :param children: the descriptors in it.
    :param more: what else is in the document.
    """
    document = {
        "schemaVersion": 2,
        "mediaType": media_types.OCI_INDEX,
        "manifests": list(children),
        **more,
    }
    return made(document, algorithm)


def made(document: dict[str, Any], algorithm: str = "sha256") -> Made:
    """Make a manifest of a document."""
    payload = json.dumps(document).encode()
    manifest = parse_manifest(document.get("mediaType", ""), payload)
    return Made(manifest, payload, Digest.of(payload, algorithm))


async def push_blob(repository: IRepository, content: bytes, algorithm: str = "sha256") -> Digest:
    """Push a blob in one go."""
    digest = Digest.of(content, algorithm)
    upload = await repository.uploads.start(algorithm)
    await upload.commit(digest, GivenStream(content) if content else None)
    return digest


async def push(
    repository: IRepository,
    what: Made,
    tags: Sequence[Tag | str] = (),
    condition: TagCondition | None = None,
) -> Digest:
    """Push a manifest; what it names must be there."""
    tags = [Tag(tag) for tag in tags]
    await repository.manifests.put(what.manifest, what.payload, what.digest, tags, condition)
    return what.digest


async def push_image(
    repository: IRepository, *layers: bytes, tags: Sequence[str] = (), **more: Any
) -> Made:
    """Push an image whole."""
    for content in (b"{}", *layers):
        await push_blob(repository, content)
    what = image(*layers, **more)
    await push(repository, what, tags)
    return what


async def read_blob(repository: IRepository, digest: Digest) -> bytes:
    """Pull a blob."""
    content = await repository.blobs.open(digest)
    reader = await content.reader(0)
    read = bytearray()
    while piece := await reader.read(1 << 20):
        read += piece
    await reader.close()
    return bytes(read)


async def files(driver: IStorageDriver, below: str = "/") -> dict[str, bytes]:
    """:return: the content of every file."""
    paths: list[str] = []

    def visit(info: Any) -> None:
        if not info.is_directory:
            paths.append(info.path)

    try:
        await driver.walk(below, visit)
    except PathNotFound:
        return {}
    return {path: await driver.get_content(path) for path in paths}


def fires(waiting: Deferred[Any]) -> list[Any]:
    """:return: a list that will hold the outcome."""
    outcome: list[Any] = []
    waiting.addBoth(outcome.append)
    return outcome


def pieces(content: bytes, size: int) -> Iterator[bytes]:
    """:return: the same bytes, one piece after the other."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]
