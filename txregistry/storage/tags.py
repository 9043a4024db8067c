"""
The tags of a repository.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.errors import (
    CorruptLink,
    ManifestUnknown,
    NameUnknown,
    PathNotFound,
    TagInvalid,
)
from txregistry.interfaces import ITags, Page
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag, parse_tag
from txregistry.storage import paths
from txregistry.storage.locks import holding, tag_key
from txregistry.storage.parts import Parts
from txregistry.storage.waiting import AT_ONCE, each


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
        names = await self._names()
        begin = bisect_right(names, last)
        wanted = len(names) if limit is None else limit
        found: list[Tag] = []
        # One more than is wanted tells whether there is more.
        while begin < len(names) and len(found) <= wanted:
            end = begin + max(wanted + 1 - len(found), AT_ONCE)
            found += await self._existing(names[begin:end])
            begin = end
        return Page(tuple(found[:wanted]), len(found) > wanted)

    @deferred
    async def delete(self, tag: Tag) -> None:
        await shielded(self._delete(tag))

    # Who calls one of the next three holds the tag's key.

    def remember(self, tag: Tag, digest: Digest) -> Deferred[None]:
        """Note what a tag is about to name."""
        path = paths.tag_index_link(self._name, tag, digest)
        return self._parts.links.write(path, digest)

    def set(self, tag: Tag, digest: Digest) -> Deferred[None]:
        """Let a tag name a manifest, which is there."""
        return self._parts.links.write(paths.tag_current_link(self._name, tag), digest)

    @deferred
    async def restore(self, tag: Tag, digest: Digest | None) -> None:
        """
        Let a tag be what it was.

        :param digest: what it named, or ``None`` if it wasn't there.
        """
        if digest is None:
            await self._remove(tag)
        else:
            await self.set(tag, digest)

    @deferred
    async def find(self, tag: Tag) -> Digest | None:
        """:return: what a tag names; ``None`` if it is not there, or damaged."""
        try:
            return await self.get(tag)
        except (ManifestUnknown, CorruptLink):
            return None

    @deferred
    async def remove_all(self, digest: Digest) -> None:
        """Remove the tags that name a manifest."""
        try:
            names = await self._names()
        except NameUnknown:
            return

        @deferred
        async def remove(tag: Tag) -> None:
            if await self.find(tag) != digest:
                return
            async with holding(self._parts.locks, tag_key(self._name, tag)):
                if await self.find(tag) == digest:
                    await self._remove(tag)

        await each(remove, names, self._parts.threads)

    async def _names(self) -> list[Tag]:
        """
        :return: the tags that have a directory, in byte order.
        :raises NameUnknown: if there is no such repository.
        """
        try:
            children = await self._parts.driver.list(paths.tags(self._name))
        except PathNotFound:
            await self._check_repository()
            return []
        names = [paths.last_component(child) for child in children]
        return sorted(Tag(name) for name in names if _is_tag(name))

    async def _check_repository(self) -> None:
        """A repository without a tag exists if it has a manifest."""
        try:
            await self._parts.driver.stat(paths.revisions(self._name))
        except PathNotFound:
            raise NameUnknown({"name": self._name}) from None

    async def _existing(self, names: Sequence[Tag]) -> list[Tag]:
        """:return: those that are really there."""
        there = await each(
            lambda tag: self._parts.links.exists(paths.tag_current_link(self._name, tag)),
            names,
            self._parts.threads,
        )
        return [name for name, exists in zip(names, there, strict=True) if exists]

    @deferred
    async def _delete(self, tag: Tag) -> None:
        async with holding(self._parts.locks, tag_key(self._name, tag)):
            if not await self._parts.links.exists(paths.tag_current_link(self._name, tag)):
                raise _unknown(tag)
            await self._remove(tag)

    async def _remove(self, tag: Tag) -> None:
        with suppress(PathNotFound):
            await self._parts.driver.delete(paths.tag(self._name, tag))


def _is_tag(text: str) -> bool:
    try:
        parse_tag(text)
    except TagInvalid:
        return False
    return True


def _unknown(tag: Tag) -> ManifestUnknown:
    return ManifestUnknown(f"unknown tag={tag}")
