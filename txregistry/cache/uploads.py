"""
Uploads that tell a cache when they have become blobs.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.interfaces import (
    IAlongside,
    IBlobDescriptorCache,
    IByteStream,
    IUpload,
    IUploads,
    Stored,
)
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.name import RepositoryName


@implementer(IUploads)
class CachingUploads:
    """
    The uploads of a repository.

    :param uploads: does the work.
    :param cache: which blobs are there.
    """

    def __init__(
        self, name: RepositoryName, uploads: IUploads, cache: IBlobDescriptorCache
    ) -> None:
        self._name = name
        self._uploads = uploads
        self._cache = cache

    @deferred
    async def start(self, algorithm: str = CANONICAL) -> IUpload:
        return CachingUpload(self._name, await self._uploads.start(algorithm), self._cache)

    @deferred
    async def resume(self, id: str) -> IUpload:
        return CachingUpload(self._name, await self._uploads.resume(id), self._cache)


@implementer(IUpload)
@frozen
class CachingUpload:
    """
    One of them.
    """

    _name: RepositoryName
    _upload: IUpload
    _cache: IBlobDescriptorCache

    @property
    def id(self) -> str:
        known: str = self._upload.id
        return known

    @property
    def size(self) -> int:
        size: int = self._upload.size
        return size

    def append(
        self,
        stream: IByteStream,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> Deferred[int]:
        return self._upload.append(stream, content_range, length)

    @deferred
    async def commit(
        self,
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
        alongside: IAlongside | None = None,
    ) -> Descriptor:
        ticket = await self._cache.ticket(self._name)
        descriptor = await self._upload.commit(digest, stream, content_range, length, alongside)
        await self._cache.put(self._name, Stored(descriptor, digest), ticket)
        return descriptor

    def cancel(self) -> Deferred[None]:
        return self._upload.cancel()
