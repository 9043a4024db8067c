"""
The manifests of a repository by their digests: the links that show them, and what they say.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from txregistry.deferreds import deferred
from txregistry.errors import ContentDamaged, ManifestUnknown, PathNotFound
from txregistry.interfaces import Change, IBlobContent, Stored, StoredManifest
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import paths
from txregistry.storage.facts import Facts, read_facts
from txregistry.storage.links import link
from txregistry.storage.locks import holding
from txregistry.storage.parts import Parts

PARSED_AT_ONCE: Final = 128 * 1024
"""A manifest of more bytes is parsed in a thread."""


@frozen
class Revisions:
    """
    A manifest is in a repository if there is a link, and the bytes that the link names.
    """

    _parts: Parts
    _name: RepositoryName

    @deferred
    async def facts(self, digest: Digest) -> Facts:
        """
        :raises ManifestUnknown: if the repository doesn't have it.
        """
        _, facts = await self._find(digest)
        return facts

    @deferred
    async def open(self, digest: Digest) -> IBlobContent:
        """
        :raises ManifestUnknown: if the repository doesn't have it.
        """
        target, facts = await self._find(digest)
        return self._parts.contents.open(Stored(facts.descriptor(digest), target))

    async def _find(self, digest: Digest) -> tuple[Digest, Facts]:
        """:return: the digest under which the bytes are, and what they say."""
        try:
            target = await self._parts.links.read(paths.revision_link(self._name, digest))
            size = await self._parts.contents.size(target)
            facts = self._parts.facts.get(target)
            if facts is None:
                async with holding(self._parts.facts.locks, str(target)):
                    facts = self._parts.facts.get(target) or await self._facts(
                        target, await self._parts.contents.read(target)
                    )
        except PathNotFound:
            raise self._unknown(digest) from None
        if facts.size != size:
            raise ContentDamaged(paths.blob(target))
        return target, facts

    @deferred
    async def read(self, digest: Digest) -> StoredManifest:
        """
        :raises ManifestUnknown: if the repository doesn't have it.
        """
        try:
            target = await self._parts.links.read(paths.revision_link(self._name, digest))
            payload = await self._parts.contents.read(target)
        except PathNotFound:
            raise self._unknown(digest) from None
        facts = await self._facts(target, payload)
        return StoredManifest(facts.descriptor(digest), payload, target)

    @deferred
    async def has(self, digest: Digest) -> bool:
        """:return: whether it is here."""
        try:
            target = await self._parts.links.read(paths.revision_link(self._name, digest))
            await self._parts.contents.size(target)
        except PathNotFound:
            return False
        return True

    def link(self, digest: Digest) -> Change:
        """:return: the change that shows a manifest from then on, whose bytes are there."""
        return link(paths.revision_link(self._name, digest), digest)

    @deferred
    async def remove(self, digest: Digest) -> None:
        """
        Show it no longer.

        :raises ManifestUnknown: if it wasn't shown.
        """
        try:
            await self._parts.driver.delete(paths.revision_link(self._name, digest))
        except PathNotFound:
            raise self._unknown(digest) from None

    async def _facts(self, target: Digest, payload: bytes) -> Facts:
        """
        :param target: the digest of ``payload``.
        """
        facts = self._parts.facts.get(target)
        if facts is None:
            if len(payload) <= PARSED_AT_ONCE:
                facts = read_facts(payload)
            else:
                facts = await self._parts.threads.run(read_facts, payload)
            self._parts.facts.put(target, facts)
        return facts

    def _unknown(self, digest: Digest) -> ManifestUnknown:
        return ManifestUnknown(f"unknown manifest name={self._name} revision={digest}")
