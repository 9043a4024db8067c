"""
What can be switched off: all changes, or deletes.

Each switch is a decorator that names every change that it forbids, once.  No route can forget it,
and no other code asks whether it is on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import Unsupported
from txregistry.interfaces import (
    IAlongside,
    IBlobContent,
    IBlobs,
    IByteStream,
    IManifests,
    IRegistry,
    IRepository,
    ITags,
    IUpload,
    IUploads,
    Page,
    StoredManifest,
    TagCondition,
)
from txregistry.model.access import Requester
from txregistry.model.byte_range import ContentRange
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import CANONICAL, Digest
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, RepositoryName, Tag
from txregistry.storage.repository import Repository

READ_ONLY: Final = "This registry is read-only."
UNDELETABLE: Final = "Deletes are not enabled in this registry."


@implementer(IRegistry)
@frozen
class ReadOnlyRegistry:
    """
    A registry in which nothing can be changed.  Uploads that were begun before can be looked
    at.
    """

    _registry: IRegistry

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        inner = self._registry.repository(name, requester)
        return Repository(
            name=inner.name,
            blobs=_ReadOnlyBlobs(inner.blobs, READ_ONLY),
            uploads=_ReadOnlyUploads(inner.uploads),
            manifests=_ReadOnlyManifests(inner.manifests, READ_ONLY),
            tags=_UndeletableTags(inner.tags, READ_ONLY),
            referrers=inner.referrers,
        )

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        return self._registry.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return self._registry.holders(digest)


@implementer(IRegistry)
@frozen
class UndeletableRegistry:
    """
    A registry from which nothing can be deleted.  An upload can be cancelled: it is nothing yet.
    """

    _registry: IRegistry

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        inner = self._registry.repository(name, requester)
        return Repository(
            name=inner.name,
            blobs=_UndeletableBlobs(inner.blobs, UNDELETABLE),
            uploads=inner.uploads,
            manifests=_UndeletableManifests(inner.manifests, UNDELETABLE),
            tags=_UndeletableTags(inner.tags, UNDELETABLE),
            referrers=inner.referrers,
        )

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        return self._registry.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return self._registry.holders(digest)


def _refused(reason: str) -> Deferred[Any]:
    return fail(Unsupported(message=reason))


@implementer(IBlobs)
@frozen
class _UndeletableBlobs:
    _blobs: IBlobs
    _reason: str

    def stat(self, digest: Digest) -> Deferred[Descriptor]:
        return self._blobs.stat(digest)

    def open(self, digest: Digest) -> Deferred[IBlobContent]:
        return self._blobs.open(digest)

    def mount(self, digest: Digest, source: RepositoryName) -> Deferred[Descriptor]:
        return self._blobs.mount(digest, source)

    def delete(self, digest: Digest) -> Deferred[None]:
        return _refused(self._reason)


@implementer(IBlobs)
class _ReadOnlyBlobs(_UndeletableBlobs):
    def mount(self, digest: Digest, source: RepositoryName) -> Deferred[Descriptor]:
        return _refused(self._reason)


@implementer(IManifests)
@frozen
class _UndeletableManifests:
    _manifests: IManifests
    _reason: str

    def stat(self, reference: Reference) -> Deferred[Descriptor]:
        return self._manifests.stat(reference)

    def get(self, reference: Reference) -> Deferred[StoredManifest]:
        return self._manifests.get(reference)

    def open(self, reference: Reference) -> Deferred[IBlobContent]:
        return self._manifests.open(reference)

    def put(
        self,
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag] = (),
        condition: TagCondition | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[None]:
        return self._manifests.put(manifest, payload, digest, tags, condition, alongside)

    def delete(self, digest: Digest) -> Deferred[Sequence[Tag]]:
        return _refused(self._reason)


@implementer(IManifests)
class _ReadOnlyManifests(_UndeletableManifests):
    def put(
        self,
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag] = (),
        condition: TagCondition | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[None]:
        return _refused(self._reason)


@implementer(ITags)
@frozen
class _UndeletableTags:
    _tags: ITags
    _reason: str

    def get(self, tag: Tag) -> Deferred[Digest]:
        return self._tags.get(tag)

    def page(self, limit: int | None = None, last: str = "") -> Deferred[Page]:
        return self._tags.page(limit, last)

    def delete(self, tag: Tag) -> Deferred[None]:
        return _refused(self._reason)


@implementer(IUploads)
@frozen
class _ReadOnlyUploads:
    _uploads: IUploads

    def start(self, algorithm: str = CANONICAL) -> Deferred[IUpload]:
        return _refused(READ_ONLY)

    @deferred
    async def resume(self, id: str) -> IUpload:
        upload = await self._uploads.resume(id)
        return _ReadOnlyUpload(upload.id, upload.size)


@implementer(IUpload)
@frozen
class _ReadOnlyUpload:
    id: str
    size: int

    def append(
        self,
        stream: IByteStream,
        content_range: ContentRange | None = None,
        length: int | None = None,
    ) -> Deferred[int]:
        return _refused(READ_ONLY)

    def commit(
        self,
        digest: Digest,
        stream: IByteStream | None = None,
        content_range: ContentRange | None = None,
        length: int | None = None,
        alongside: IAlongside | None = None,
    ) -> Deferred[Descriptor]:
        return _refused(READ_ONLY)

    def cancel(self) -> Deferred[None]:
        return _refused(READ_ONLY)
