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
    IAlongside,
    IBlobContent,
    IManifests,
    INote,
    StoredManifest,
    TagCondition,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.event import EventAction, Kind, Member, Target
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, Tag
from txregistry.notifications.listening.alongside import Told
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
        alongside: IAlongside | None = None,
    ) -> Deferred[None]:
        def pushed(descriptor: Descriptor) -> Deferred[None]:
            return self._pushed(descriptor, payload, tags)

        def note(descriptor: Descriptor) -> INote | None:
            return self._note(descriptor, payload, tags)

        told = Told(pushed, note, alongside)
        return self._manifests.put(manifest, payload, digest, tags, condition, told)

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
        telling = self._report.telling
        telling.learn(descriptor.digest, payload)
        references = await telling.named_by(payload)
        targets = self._targets(descriptor, tags, references)
        await self._report.write(EventAction.PUSH, *targets)

    def _note(self, descriptor: Descriptor, payload: bytes, tags: Sequence[Tag]) -> INote | None:
        telling = self._report.telling
        if telling.references:
            return None  # to look for them may take long
        telling.learn(descriptor.digest, payload)
        return self._report.note_manifest(descriptor, tags)

    def _targets(
        self, descriptor: Descriptor, tags: Sequence[Tag], references: tuple[Member, ...] = ()
    ) -> list[Target]:
        """:return: one for each tag, since one event has one."""
        describe = self._report.targets.manifest
        return [describe(descriptor, tag, references) for tag in tags or ("",)]

    @deferred
    async def _delete(self, digest: Digest) -> Sequence[Tag]:
        tags: Sequence[Tag] = await self._manifests.delete(digest)
        targets = self._report.targets
        gone = [targets.gone(Kind.MANIFEST, digest), *map(targets.tag, tags)]
        await self._report.write(EventAction.DELETE, *gone)
        return tags
