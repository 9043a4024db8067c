"""
Manifests of which it is told what is done to them.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.interfaces import (
    Alongside,
    IBlobContent,
    IManifests,
    StoredManifest,
    TagCondition,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.event import EventAction, Kind
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, Tag
from txregistry.notifications.listening.alongside import both
from txregistry.notifications.listening.report import Report


@implementer(IManifests)
@frozen
class ListeningManifests:
    """
    The manifests of a repository.
    """

    _manifests: IManifests
    _report: Report

    def stat(self, reference: Reference) -> Deferred[Descriptor]:
        return self._manifests.stat(reference).addCallback(self._told, reference)

    def get(self, reference: Reference) -> Deferred[StoredManifest]:
        return self._manifests.get(reference).addCallback(self._given, reference)

    def open(self, reference: Reference) -> Deferred[IBlobContent]:
        return self._manifests.open(reference).addCallback(self._opened, reference)

    def put(
        self,
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag] = (),
        condition: TagCondition | None = None,
        alongside: Alongside | None = None,
    ) -> Deferred[None]:
        def pushed(descriptor: Descriptor) -> Deferred[None]:
            return self._pushed(descriptor, payload, tags)

        return self._manifests.put(
            manifest, payload, digest, tags, condition, both(pushed, alongside)
        )

    @deferred
    async def delete(self, digest: Digest) -> Sequence[Tag]:
        return await shielded(self._delete(digest))

    def _told(self, descriptor: Descriptor, reference: Reference) -> Descriptor:
        tag = "" if isinstance(reference, Digest) else reference
        self._report.pulled(Kind.MANIFEST, descriptor, tag)
        return descriptor

    def _given(self, manifest: StoredManifest, reference: Reference) -> StoredManifest:
        self._told(manifest.descriptor, reference)
        self._report.telling.learn(manifest.descriptor.digest, manifest.payload)
        return manifest

    def _opened(self, content: IBlobContent, reference: Reference) -> IBlobContent:
        self._told(content.descriptor, reference)
        return content

    @deferred
    async def _pushed(self, descriptor: Descriptor, payload: bytes, tags: Sequence[Tag]) -> None:
        """Tell it for each tag, since one event has one."""
        telling, describe = self._report.telling, self._report.targets.manifest
        telling.learn(descriptor.digest, payload)
        references = await telling.named_by(payload)
        targets = [describe(descriptor, tag, references) for tag in tags or ("",)]
        await self._report.write(EventAction.PUSH, *targets)

    @deferred
    async def _delete(self, digest: Digest) -> Sequence[Tag]:
        tags: Sequence[Tag] = await self._manifests.delete(digest)
        targets = self._report.targets
        gone = [targets.gone(Kind.MANIFEST, digest), *map(targets.tag, tags)]
        await self._report.write(EventAction.DELETE, *gone)
        return tags
