"""
Blobs, looked up in a cache first.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import BlobUnknown
from txregistry.interfaces import (
    IBlobContent,
    IBlobDescriptorCache,
    IBlobs,
    IContents,
    IFileReader,
    IRepository,
    LocalFile,
    Stored,
    Ticket,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName


@implementer(IBlobs)
class CachingBlobs:
    """
    The blobs of a repository.  What is cached costs no coroutine: it is asked for thousands of
    times in a second.

    :param repository: asks storage.
    :param contents: sends what need not be asked for.
    :param cache: which blobs are there.
    """

    def __init__(
        self, repository: IRepository, contents: IContents, cache: IBlobDescriptorCache
    ) -> None:
        self._name: RepositoryName = repository.name
        self._repository = repository
        self._contents = contents
        self._cache = cache

    @property
    def _blobs(self) -> IBlobs:
        blobs: IBlobs = self._repository.blobs
        return blobs

    def stat(self, digest: Digest) -> Deferred[Descriptor]:
        return self._cache.look_up(self._name, digest).addCallback(self._told, digest)

    def open(self, digest: Digest) -> Deferred[IBlobContent]:
        return self._cache.look_up(self._name, digest).addCallback(self._opened, digest)

    def mount(self, digest: Digest, source: RepositoryName) -> Deferred[Descriptor]:
        # Whether the source has it is asked of storage, always.
        return self._blobs.mount(digest, source)

    @deferred
    async def delete(self, digest: Digest) -> None:
        await shielded(self._delete(digest))

    def _told(self, found: Stored | Ticket, digest: Digest) -> Descriptor | Deferred[Descriptor]:
        if isinstance(found, Stored):
            return found.descriptor
        return self._fetch(digest, found).addCallback(_descriptor)

    def _opened(
        self, found: Stored | Ticket, digest: Digest
    ) -> IBlobContent | Deferred[IBlobContent]:
        if isinstance(found, Stored):
            return CachedContent(self._name, self._contents.open(found), self._cache)
        return self._fetch(digest, found)

    @deferred
    async def _fetch(self, digest: Digest, ticket: Ticket) -> IBlobContent:
        """Ask storage, and remember what it says."""
        content = await self._blobs.open(digest)
        await self._cache.put(self._name, Stored(content.descriptor, content.target), ticket)
        return content

    @deferred
    async def _delete(self, digest: Digest) -> None:
        await self._cache.clear(self._name, digest)
        try:
            await self._blobs.delete(digest)
        finally:
            await self._cache.clear(self._name, digest)


def _descriptor(content: IBlobContent) -> Descriptor:
    descriptor: Descriptor = content.descriptor
    return descriptor


@implementer(IBlobContent)
class CachedContent:
    """
    What a cache knows to be there.  If it isn't, the cache is told.
    """

    def __init__(
        self, name: RepositoryName, content: IBlobContent, cache: IBlobDescriptorCache
    ) -> None:
        self.descriptor: Descriptor = content.descriptor
        self.target: Digest = content.target
        self._name = name
        self._content = content
        self._cache = cache

    def redirect_url(self, method: str) -> Deferred[str | None]:
        return self._content.redirect_url(method)

    @deferred
    async def local_file(self) -> LocalFile | None:
        try:
            return await self._content.local_file()
        except BlobUnknown:
            await self._forget()
            raise

    @deferred
    async def reader(self, offset: int) -> IFileReader:
        try:
            return await self._content.reader(offset)
        except BlobUnknown:
            await self._forget()
            raise

    async def _forget(self) -> None:
        await self._cache.clear(self._name, self.descriptor.digest)
