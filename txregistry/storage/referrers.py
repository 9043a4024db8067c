"""
Which manifests refer to which.

Each manifest with a subject has a link below ``_referrers``, written when it is pushed.
Those pushed to ``distribution``, which knows nothing of subjects, are found where their clients
noted them: in an index under a tag made of the subject's digest (OCI distribution specification,
*Referrers tag schema*).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import (
    ContentDamaged,
    CorruptLink,
    DigestInvalid,
    ManifestUnknown,
    PathNotFound,
)
from txregistry.interfaces import Change, IReferrers, ReferrersPage
from txregistry.model.descriptor import ReferrerDescriptor
from txregistry.model.digest import Digest
from txregistry.model.manifest import stored_manifest
from txregistry.model.name import RepositoryName, Tag
from txregistry.storage import paths
from txregistry.storage.links import link
from txregistry.storage.parts import Parts
from txregistry.storage.revisions import Revisions
from txregistry.storage.tags import Tags
from txregistry.storage.waiting import AT_ONCE, each

MOST_LOOKED_AT: Final = 1000
"""How many manifests are looked at for one page; with a filter, few of them may be in it."""


@frozen
class ReferrerLinks:
    """
    The links below ``_referrers``.
    """

    _parts: Parts
    _name: RepositoryName

    def link(self, subject: Digest, digest: Digest) -> Change:
        """:return: the change that notes that a manifest refers to a subject."""
        return link(paths.referrer_link(self._name, subject, digest), digest)

    @deferred
    async def remove(self, subject: Digest, digest: Digest) -> None:
        """Note it no longer."""
        with suppress(PathNotFound):
            await self._parts.driver.delete(paths.referrer(self._name, subject, digest))

    @deferred
    async def after(self, subject: Digest, last: str, limit: int) -> list[str]:
        """
        :param last: the text of a digest, or any other.
        :return: the next digests of what refers to a subject, in order; some may be gone.
        """
        directory = paths.referrers(self._name, subject)
        found: list[str] = []
        for algorithm in await self._children(directory):
            if (begin := f"{algorithm}:") <= last and not last.startswith(begin):
                continue
            after = last.removeprefix(begin) if last.startswith(begin) else ""
            hexes = await self._children(f"{directory}/{algorithm}", after, limit - len(found))
            found += [begin + hex_ for hex_ in hexes]
            if len(found) == limit:
                break
        return found

    async def _children(
        self, path: str, after: str = "", limit: int | None = None
    ) -> Sequence[str]:
        try:
            return await self._parts.driver.children(path, after, limit)
        except PathNotFound:
            return ()


def fallback_tag(subject: Digest) -> Tag:
    """:return: the tag under which clients note what refers to a subject, if no registry does."""
    return Tag(f"{subject.algorithm[:32]}-{subject.hex[:64]}")


@implementer(IReferrers)
@frozen
class Referrers:
    """
    Lists referrers in the order of their digests' texts.
    """

    _parts: Parts
    _revisions: Revisions
    _tags: Tags
    _links: ReferrerLinks

    @deferred
    async def page(
        self, subject: Digest, limit: int, last: str = "", artifact_types: Sequence[str] = ()
    ) -> ReferrersPage:
        # One more tells whether there is more.
        ours = await self._links.after(subject, last, MOST_LOOKED_AT + 1)
        theirs = {text for text in await self._listed(subject) if text > last}
        noted = sorted(theirs.union(ours))
        begin, end = 0, min(MOST_LOOKED_AT, len(noted))
        found: list[ReferrerDescriptor] = []
        while begin < end and len(found) < limit:
            some = noted[begin : min(begin + max(limit - len(found), AT_ONCE), end)]
            for text, entry in zip(some, await self._look_at(some, subject), strict=True):
                if len(found) == limit:
                    break
                last = text
                begin += 1
                if entry is not None and _is_wanted(entry, artifact_types):
                    found.append(entry)
        return ReferrersPage(tuple(found), last if begin < len(noted) else "")

    async def _listed(self, subject: Digest) -> set[str]:
        """:return: the digests in the index that clients made."""
        try:
            digest = await self._tags.get(fallback_tag(subject))
            payload = (await self._revisions.read(digest)).payload
        except (ManifestUnknown, CorruptLink, ContentDamaged):
            return set()
        # It may list thousands.
        index = await self._parts.threads.run(stored_manifest, payload)
        return {str(child.descriptor.digest) for child in index.children} if index else set()

    async def _look_at(
        self, digests: Sequence[str], subject: Digest
    ) -> list[ReferrerDescriptor | None]:
        """:return: for each an entry, or ``None`` if it isn't here or refers to something else."""

        @deferred
        async def look_at(text: str) -> ReferrerDescriptor | None:
            try:
                digest = Digest.parse(text)
                facts = await self._revisions.facts(digest)
            except (DigestInvalid, ManifestUnknown, CorruptLink, ContentDamaged):
                return None
            return facts.referrer(digest) if facts.subject == subject else None

        return await each(look_at, digests, self._parts.threads)


def _is_wanted(entry: ReferrerDescriptor, artifact_types: Sequence[str]) -> bool:
    return not artifact_types or entry.artifact_type in artifact_types
