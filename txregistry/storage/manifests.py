"""
The manifests of a repository, and what happens when one comes or goes.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import (
    BlobUnknown,
    ContentDamaged,
    CorruptLink,
    DigestInvalid,
    DriverError,
    ManifestBlobUnknown,
    ManifestUnknown,
    PreconditionFailed,
)
from txregistry.interfaces import (
    Change,
    IAlongside,
    IBlobContent,
    IManifests,
    StoredManifest,
    TagCondition,
)
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.name import Reference, RepositoryName, Tag
from txregistry.storage.blobs import Blobs
from txregistry.storage.facts import facts_of
from txregistry.storage.locks import holding, manifest_key, tag_key
from txregistry.storage.parts import Parts
from txregistry.storage.referrers import ReferrerLinks
from txregistry.storage.revisions import Revisions
from txregistry.storage.tags import Tags
from txregistry.storage.telling import Telling
from txregistry.storage.validation import Needed
from txregistry.storage.waiting import all_of, each, telling_full

_log = Logger()


@implementer(IManifests)
@frozen
class Manifests:
    """
    What makes a manifest visible comes last, and what makes it so goes first: at every moment,
    and after a crash at any, a tag names a manifest that is there.
    """

    _parts: Parts
    _name: RepositoryName
    _revisions: Revisions
    _blobs: Blobs
    _tags: Tags
    _referrers: ReferrerLinks

    @deferred
    async def stat(self, reference: Reference) -> Descriptor:
        digest = await self._resolve(reference)
        return (await self._revisions.facts(digest)).descriptor(digest)

    @deferred
    async def get(self, reference: Reference) -> StoredManifest:
        return await self._revisions.read(await self._resolve(reference))

    @deferred
    async def open(self, reference: Reference) -> IBlobContent:
        return await self._revisions.open(await self._resolve(reference))

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
        if Digest.of(payload, digest.algorithm) != digest:
            raise DigestInvalid({"digest": str(digest), "reason": "not that of the content"})
        await self._check_present(self._parts.validation.check(manifest))
        telling = Telling(alongside, Descriptor(manifest.media_type, digest, len(payload)))
        with telling_full():
            await shielded(self._put(manifest, payload, digest, tags, condition, telling))

    @deferred
    async def delete(self, digest: Digest) -> Sequence[Tag]:
        return await shielded(self._delete(digest))

    async def _resolve(self, reference: Reference) -> Digest:
        if isinstance(reference, Digest):
            return reference
        return await self._tags.get(reference)

    async def _check_present(self, needed: Needed) -> None:
        """
        :raises ManifestBlobUnknown: naming everything that is missing.
        """

        @deferred
        async def has_either(digest: Digest) -> bool:
            return await self._has_blob(digest) or await self._revisions.has(digest)

        missing: list[Digest] = []
        for has, digests in (
            (self._has_blob, needed.blobs),
            (has_either, needed.either),
            (self._revisions.has, needed.manifests),
        ):
            there = await each(has, digests, self._parts.threads)
            missing += [digest for digest, found in zip(digests, there, strict=True) if not found]
        if missing:
            raise ManifestBlobUnknown(tuple(dict.fromkeys(missing)))

    @deferred
    async def _has_blob(self, digest: Digest) -> bool:
        try:
            await self._blobs.stat(digest)
        except BlobUnknown:
            return False
        return True

    @deferred
    async def _put(
        self,
        manifest: Manifest,
        payload: bytes,
        digest: Digest,
        tags: Sequence[Tag],
        condition: TagCondition | None,
        telling: Telling,
    ) -> None:
        keys = [manifest_key(self._name, digest), *(tag_key(self._name, tag) for tag in tags)]
        async with holding(self._parts.locks, *keys):
            if condition is not None:
                for tag in tags:
                    await self._check_condition(tag, condition)
            former = [await self._tags.find(tag) for tag in tags]
            try:
                links, names = self._show(manifest, digest, tags)
                # It is seen with the last of these.
                (names or links).extend(telling.changes())
                await self._parts.contents.put(digest, payload, links, names)
            except Exception:
                await all_of(*map(self._restore, tags, former))
                raise
            # With the keys: nobody may tell that a tag is another's before this one's is told.
            await telling.told()
        self._parts.facts.put(digest, facts_of(manifest, len(payload)))

    def _show(
        self, manifest: Manifest, digest: Digest, tags: Sequence[Tag]
    ) -> tuple[list[Change], list[Change]]:
        """:return: what makes a manifest visible whose bytes are there, in two steps."""
        links: list[Change] = [self._revisions.link(digest)]
        links.extend(self._tags.history(tag, digest) for tag in tags)
        if manifest.subject is not None:
            links.append(self._referrers.link(manifest.subject.digest, digest))
        return links, [self._tags.current(tag, digest) for tag in tags]

    async def _check_condition(self, tag: Tag, condition: TagCondition) -> None:
        """RFC 9110 §13.1.1 and §13.1.2."""
        try:
            current = str(await self._tags.get(tag))
        except ManifestUnknown:
            current = ""
        if (
            (condition.match is not None and current not in condition.match)
            or (condition.match_any and not current)
            or (condition.absent and current)
            or (current and current in condition.none_match)
        ):
            raise PreconditionFailed({"tag": tag, "digest": current or None})

    @deferred
    async def _restore(self, tag: Tag, before: Digest | None) -> None:
        """Let a tag be what it was: all of a push's tags are set, or none."""
        try:
            if await self._tags.find(tag) != before:
                await self._tags.restore(tag, before)
        except DriverError:
            _log.failure("could not restore the tag {name}:{tag}", name=self._name, tag=tag)

    @deferred
    async def _delete(self, digest: Digest) -> Sequence[Tag]:
        async with holding(self._parts.locks, manifest_key(self._name, digest)):
            try:
                subject = (await self._revisions.facts(digest)).subject
            except (ManifestUnknown, CorruptLink, ContentDamaged):
                # A link can be removed, whatever is behind it.
                subject = None
            # The tags first: after a crash between them, they would name nothing, and the
            # delete could not be repeated, since there would be nothing to delete.
            tags = await self._tags.remove_all(digest)
            await self._revisions.remove(digest)
            if subject is not None:
                await self._referrers.remove(subject, digest)
            return tags
