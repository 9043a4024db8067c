"""
The tags of a repository.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from attrs import frozen
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import (
    CorruptLink,
    ManifestUnknown,
    NameUnknown,
    PathNotFound,
)
from txregistry.interfaces import Change, ITags, Page
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag, tags_among
from txregistry.storage import paths
from txregistry.storage.links import link
from txregistry.storage.locks import holding, tag_key
from txregistry.storage.parts import Parts
from txregistry.storage.waiting import Breath, each

_PIECE: Final = 8192
"""How many names are looked at between two looks at the clock."""


@implementer(ITags)
@frozen
class Tags:
    """
    A tag is there if its ``current/link`` is.  A directory without it was left by a crash.
    """

    _parts: Parts
    _name: RepositoryName

    @deferred
    async def get(self, tag: Tag) -> Digest:
        try:
            return await self._parts.links.read(paths.tag_current_link(self._name, tag))
        except PathNotFound:
            raise _unknown(tag) from None

    @deferred
    async def page(self, limit: int | None = None, last: str = "") -> Page:
        # One more than is wanted tells whether there is more.
        wanted = None if limit is None else limit + 1
        found: list[Tag] = []
        while True:
            asked = None if wanted is None else wanted - len(found)
            names = await self._names(last, asked, paths.CURRENT_LINK)
            found += await self._only_tags(names)
            if asked is None or len(names) < asked or len(found) == wanted:
                break
            last = names[-1]
        return Page(tuple(found[:limit]), limit is not None and len(found) > limit)

    @deferred
    async def delete(self, tag: Tag) -> None:
        await shielded(self._delete(tag))

    # Who uses one of the next three holds the tag's key.

    def history(self, tag: Tag, digest: Digest) -> Change:
        """:return: the change that notes what a tag is about to name."""
        return link(paths.tag_index_link(self._name, tag, digest), digest)

    def current(self, tag: Tag, digest: Digest) -> Change:
        """:return: the change that lets a tag name a manifest, which is there."""
        return link(paths.tag_current_link(self._name, tag), digest)

    @deferred
    async def restore(self, tag: Tag, digest: Digest | None) -> None:
        """
        Let a tag be what it was.

        :param digest: what it named, or ``None`` if it wasn't there.
        """
        if digest is None:
            await self._remove(tag)
        else:
            await self._parts.links.write(paths.tag_current_link(self._name, tag), digest)

    @deferred
    async def find(self, tag: Tag) -> Digest | None:
        """:return: what a tag names; ``None`` if it is not there, or damaged."""
        try:
            return await self.get(tag)
        except (ManifestUnknown, CorruptLink):
            return None

    @deferred
    async def remove_all(self, digest: Digest) -> list[Tag]:
        """
        Remove the tags that name a manifest.

        :return: those.
        """
        try:
            names = await self._only_tags(await self._names())
        except NameUnknown:
            return []

        @deferred
        async def remove(tag: Tag) -> bool:
            if await self.find(tag) != digest:
                return False
            async with holding(self._parts.locks, tag_key(self._name, tag)):
                found = await self.find(tag) == digest
                if found:
                    await self._remove(tag)
                return found

        removed = await each(remove, names, self._parts.threads)
        return [name for name, gone in zip(names, removed, strict=True) if gone]

    async def _names(
        self, last: str = "", limit: int | None = None, having: str = ""
    ) -> Sequence[str]:
        """
        :return: what is in the directory of the tags, in byte order.
        :raises NameUnknown: if there is no such repository.
        """
        try:
            return await self._parts.driver.children(paths.tags(self._name), last, limit, having)
        except PathNotFound:
            await self._check_repository()
            return ()

    async def _only_tags(self, names: Sequence[str]) -> Sequence[Tag]:
        """:return: those that can be tags."""
        breath = Breath(self._parts.threads)
        found: list[Tag] = []
        for begin in range(0, len(names), _PIECE):
            found += tags_among(names[begin : begin + _PIECE])
            await breath.take()
        return found

    async def _check_repository(self) -> None:
        """A repository without a tag exists if it has a manifest."""
        try:
            await self._parts.driver.stat(paths.revisions(self._name))
        except PathNotFound:
            raise NameUnknown({"name": self._name}) from None

    @deferred
    async def _delete(self, tag: Tag) -> None:
        async with holding(self._parts.locks, tag_key(self._name, tag)):
            if not await self._parts.links.exists(paths.tag_current_link(self._name, tag)):
                raise _unknown(tag)
            await self._remove(tag)

    async def _remove(self, tag: Tag) -> None:
        with suppress(PathNotFound):
            await self._parts.driver.delete(paths.tag(self._name, tag))


def _unknown(tag: Tag) -> ManifestUnknown:
    return ManifestUnknown(f"unknown tag={tag}")
