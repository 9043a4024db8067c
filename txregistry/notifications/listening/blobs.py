"""
Blobs of which it is told what is done to them.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.interfaces import IBlobContent, IBlobs
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.event import EventAction, Kind
from txregistry.model.name import RepositoryName
from txregistry.notifications.listening.report import Report


@implementer(IBlobs)
@frozen
class ListeningBlobs:
    """
    The blobs of a repository.
    """

    _blobs: IBlobs
    _report: Report

    def stat(self, digest: Digest) -> Deferred[Descriptor]:
        return self._blobs.stat(digest).addCallback(self._told)

    def open(self, digest: Digest) -> Deferred[IBlobContent]:
        return self._blobs.open(digest).addCallback(self._opened)

    @deferred
    async def mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        return await shielded(self._mount(digest, source))

    @deferred
    async def delete(self, digest: Digest) -> None:
        await shielded(self._delete(digest))

    def _told(self, descriptor: Descriptor) -> Descriptor:
        self._report.pulled(Kind.BLOB, descriptor)
        return descriptor

    def _opened(self, content: IBlobContent) -> IBlobContent:
        self._report.pulled(Kind.BLOB, content.descriptor)
        return content

    @deferred
    async def _mount(self, digest: Digest, source: RepositoryName) -> Descriptor:
        descriptor = await self._blobs.mount(digest, source)
        await self._report.write(EventAction.MOUNT, self._report.targets.blob(descriptor, source))
        return descriptor

    @deferred
    async def _delete(self, digest: Digest) -> None:
        await self._blobs.delete(digest)
        await self._report.write(EventAction.DELETE, self._report.targets.gone(Kind.BLOB, digest))
