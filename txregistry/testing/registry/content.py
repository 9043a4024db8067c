"""
Things to push, and how to push and pull them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.interfaces import IAlongside, IRegistry, IRepository, TagCondition
from txregistry.model import media_types
from txregistry.model.access import Requester
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.manifest import Manifest, parse_manifest
from txregistry.model.name import RepositoryName, Tag
from txregistry.testing.streams import GivenStream

NAME = RepositoryName("library/thing")
OTHER = RepositoryName("library/other")
LATEST = Tag("latest")
ABSENT = Digest.of(b"nobody ever pushes this")
BODY = b"0123456789"
SUM = Digest.of(BODY)

LAYER_TYPE = "application/vnd.oci.image.layer.v1.tar+gzip"


class Suite:
    """
    Opens repositories of the registry under test.
    """

    @pytest.fixture
    def repository(self, registry: IRegistry) -> IRepository:
        """A repository, opened for nobody in particular."""
        return opened(registry)


@implementer(IAlongside)
class Told:
    """
    Is told of something new, and takes its time.

    :param look: looks at it, as others see it.

    :ivar of: what it was told of.
    """

    def __init__(self, look: Callable[[Digest], Deferred[object]]) -> None:
        self.of: list[Descriptor] = []
        self._look = look
        self._come: Deferred[None] = Deferred()
        self._go_on: Deferred[None] = Deferred()

    @deferred
    async def tell(self, descriptor: Descriptor) -> None:
        """Take one's time."""
        self.of.append(descriptor)
        await self._look(descriptor.digest)
        self._come.callback(None)
        await self._go_on

    def note(self, descriptor: Descriptor) -> None:
        """Have nothing written: it wants to be told."""

    def come(self) -> Deferred[None]:
        """:return: fires when it has been told, and has seen it."""
        return self._come

    def go_on(self) -> None:
        """Let whoever waits for it go on."""
        self._go_on.callback(None)


def opened(registry: IRegistry, name: str = NAME, actor: str = "") -> IRepository:
    """
    :param actor: for whom it is opened.
    :return: a repository.
    """
    return registry.repository(RepositoryName(name), Requester(actor))


@frozen
class Pushed:
    """
    A manifest to push.

    :param manifest: what ``payload`` says.
    :param digest: by which it is pushed.
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


def image(*layers: bytes, algorithm: str = CANONICAL, **more: Any) -> Pushed:
    """
    Make an image manifest, whose config is ``{}``.

    :param layers: the content of its layers.
    :param algorithm: of its digest.
    :param more: what else is in the document.
    """
    document = {
        "config": described(b"{}", media_types.OCI_IMAGE_CONFIG),
        "layers": [described(layer) for layer in layers],
        **more,
    }
    return _made(media_types.OCI_MANIFEST, document, algorithm)


def index(*children: dict[str, Any], algorithm: str = CANONICAL, **more: Any) -> Pushed:
    """
    Make an index.

    :param children: the descriptors in it.
    :param algorithm: of its digest.
    :param more: what else is in the document.
    """
    document = {"manifests": list(children), **more}
    return _made(media_types.OCI_INDEX, document, algorithm)


def _made(media_type: str, document: dict[str, Any], algorithm: str) -> Pushed:
    whole = {"schemaVersion": 2, "mediaType": media_type, **document}
    payload = json.dumps(whole).encode()
    return Pushed(
        parse_manifest(whole["mediaType"], payload), payload, Digest.of(payload, algorithm)
    )


async def push_blob(repository: IRepository, content: bytes, algorithm: str = CANONICAL) -> Digest:
    """Push a blob whole."""
    digest = Digest.of(content, algorithm)
    upload = await repository.uploads.start(algorithm)
    await upload.commit(digest, GivenStream(content) if content else None)
    return digest


async def push(
    repository: IRepository,
    what: Pushed,
    tags: Sequence[str] = (),
    condition: TagCondition | None = None,
) -> None:
    """Push a manifest; what it names must be there."""
    await repository.manifests.put(
        what.manifest, what.payload, what.digest, [Tag(tag) for tag in tags], condition
    )


async def push_image(repository: IRepository, *layers: bytes, tags: Sequence[str] = ()) -> Pushed:
    """Push an image with all that it names."""
    for content in (b"{}", *layers):
        await push_blob(repository, content)
    what = image(*layers)
    await push(repository, what, tags)
    return what


async def read_blob(repository: IRepository, digest: Digest, offset: int = 0) -> bytes:
    """Pull a blob."""
    reader = await (await repository.blobs.open(digest)).reader(offset)
    content = bytearray()
    while piece := await reader.read(65536):
        content += piece
    await reader.close()
    return bytes(content)
