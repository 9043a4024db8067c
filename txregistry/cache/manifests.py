"""
Manifests, looked up in a cache first.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.cache.blobs import CachedContent
from txregistry.cache.payloads import Payloads
from txregistry.deferreds import deferred, shielded
from txregistry.errors import PathNotFound
from txregistry.interfaces import (
    IAlongside,
    IBlobContent,
    IBlobDescriptorCache,
    IContents,
    IManifests,
    IRepository,
    ITags,
    Stored,
    StoredManifest,
    TagCondition,
    Ticket,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, RepositoryName, Tag


@implementer(IManifests)
class CachingManifests:
    """
    The manifests of a repository.  What a tag names is asked of storage each time; what that
    manifest is, and mostly its bytes too, is cached.

    :param repository: asks storage, and knows what tags name.
    :param contents: the bytes of what is known to be there.
    :param cache: which manifests are there.
    :param payloads: the bytes of some.
    """

    def __init__(
        self,
        repository: IRepository,
        contents: IContents,
        cache: IBlobDescriptorCache,
        payloads: Payloads,
    ) -> None:
        self._name: RepositoryName = repository.name
        self._repository = repository
        self._contents = contents
        self._cache = cache
        self._payloads = payloads

    @property
    def _manifests(self) -> IManifests:
        manifests: IManifests = self._repository.manifests
        return manifests

    @property
    def _tags(self) -> ITags:
        tags: ITags = self._repository.tags
        return tags

    def stat(self, reference: Reference) -> Deferred[Descriptor]:
        if isinstance(reference, Digest):
            return self._stat(reference)
        return self._tags.get(reference).addCallback(self._stat)

    def get(self, reference: Reference) -> Deferred[StoredManifest]:
        if isinstance(reference, Digest):
            return self._get(reference)
        return self._tags.get(reference).addCallback(self._get)

    @deferred
    async def open(self, reference: Reference) -> IBlobContent:
        digest = reference
        if not isinstance(digest, Digest):
            digest = await self._tags.get(digest)
        found = await self._cache.look_up(self._name, digest)
        if isinstance(found, Stored):
            return CachedContent(self._name, self._contents.open(found), self._cache)
        return await self._look_at(digest, found)

    @deferred
    async def put(
        self,
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag] = (),
        condition: TagCondition | None = None,
        alongside: IAlongside | None = None,
    ) -> None:
        ticket = await self._cache.ticket(self._name)
        await self._manifests.put(manifest, payload, digest, tags, condition, alongside)
        self._payloads.put(digest, payload)
        descriptor = Descriptor(manifest.media_type, digest, len(payload))
        await self._cache.put(self._name, Stored(descriptor, digest), ticket)

    @deferred
    async def delete(self, digest: Digest) -> Sequence[Tag]:
        return await shielded(self._delete(digest))

    def _stat(self, digest: Digest) -> Deferred[Descriptor]:
        return self._cache.look_up(self._name, digest).addCallback(self._told, digest)

    def _told(self, found: Stored | Ticket, digest: Digest) -> Descriptor | Deferred[Descriptor]:
        if isinstance(found, Stored):
            return found.descriptor
        return self._look_at(digest, found).addCallback(_descriptor)

    def _get(self, digest: Digest) -> Deferred[StoredManifest]:
        return self._cache.look_up(self._name, digest).addCallback(self._given, digest)

    def _given(
        self, found: Stored | Ticket, digest: Digest
    ) -> StoredManifest | Deferred[StoredManifest]:
        if not isinstance(found, Stored):
            return self._fetch(digest, found)
        payload = self._payloads.get(found.target)
        if payload is None:
            return self._read(found)
        return StoredManifest(found.descriptor, payload, found.target)

    @deferred
    async def _read(self, found: Stored) -> StoredManifest:
        """Read what is known to be there."""
        try:
            payload = await self._contents.read(found.target)
        except PathNotFound:
            # It was removed by somebody who doesn't know of the cache.
            digest = found.descriptor.digest
            await self._cache.clear(self._name, digest)
            return await self._manifests.get(digest)
        self._payloads.put(found.target, payload)
        return StoredManifest(found.descriptor, payload, found.target)

    @deferred
    async def _look_at(self, digest: Digest, ticket: Ticket) -> IBlobContent:
        """Ask storage what is there, and remember it."""
        content = await self._manifests.open(digest)
        await self._cache.put(self._name, Stored(content.descriptor, content.target), ticket)
        return content

    @deferred
    async def _fetch(self, digest: Digest, ticket: Ticket) -> StoredManifest:
        """Ask storage for all of it, and remember that."""
        manifest = await self._manifests.get(digest)
        self._payloads.put(manifest.target, manifest.payload)
        await self._cache.put(self._name, Stored(manifest.descriptor, manifest.target), ticket)
        return manifest

    @deferred
    async def _delete(self, digest: Digest) -> Sequence[Tag]:
        await self._cache.clear(self._name, digest)
        try:
            removed: Sequence[Tag] = await self._manifests.delete(digest)
            return removed
        finally:
            await self._cache.clear(self._name, digest)


def _descriptor(content: IBlobContent) -> Descriptor:
    descriptor: Descriptor = content.descriptor
    return descriptor
