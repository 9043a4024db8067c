"""
A repository middleware that keeps tags where they are: once one is set it is neither moved nor
deleted, nor is the manifest that it names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen
from twisted.plugin import IPlugin
from twisted.python.components import proxyForInterface
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import ConfigurationError, Denied, ManifestUnknown, Problem
from txregistry.interfaces import (
    IAlongside,
    IBlobs,
    IManifests,
    IReferrers,
    IRepository,
    IRepositoryMiddlewareFactory,
    ITags,
    IUploads,
    TagCondition,
)
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.manifest import Manifest
from txregistry.model.name import RepositoryName, Tag


@frozen
class ImmutableTags:
    """
    The tags that stay.

    :param tags: all tags of the repository.
    :param pattern: what those that stay look like.
    """

    tags: ITags
    pattern: re.Pattern[str]

    async def check_set(self, tag: Tag, digest: Digest) -> None:
        """
        :raises Denied: if a tag that stays would be moved.
        """
        if self.pattern.fullmatch(tag) and await self._digest(tag) not in (None, digest):
            raise Denied({"tag": tag}, "this tag can't be moved")

    async def check_remove(self, digest: Digest) -> None:
        """
        :raises Denied: if a tag that stays would lose its manifest.
        """
        for name in (await self.tags.page()).items:
            if self.pattern.fullmatch(name) and await self._digest(Tag(name)) == digest:
                raise Denied({"tag": name}, "this tag needs its manifest")

    async def _digest(self, tag: Tag) -> Digest | None:
        try:
            return await self.tags.get(tag)
        except ManifestUnknown:
            return None


# A proxy hands everything on to its ``original``; only what is to be different is written out.


class _Tags(proxyForInterface(ITags)):  # type: ignore[misc]  # a class that is made at run time
    def __init__(self, original: ITags, immutable: ImmutableTags) -> None:
        super().__init__(original)
        self._immutable = immutable

    @deferred
    async def delete(self, tag: Tag) -> None:
        if self._immutable.pattern.fullmatch(tag):
            raise Denied({"tag": tag}, "this tag can't be deleted")
        await self.original.delete(tag)


class _Manifests(proxyForInterface(IManifests)):  # type: ignore[misc]  # as above
    def __init__(self, original: IManifests, immutable: ImmutableTags) -> None:
        super().__init__(original)
        self._immutable = immutable

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
        for tag in tags:
            await self._immutable.check_set(tag, digest)
        await self.original.put(manifest, payload, digest, tags, condition, alongside)

    @deferred
    async def delete(self, digest: Digest) -> Sequence[Tag]:
        await self._immutable.check_remove(digest)
        return await self.original.delete(digest)


@implementer(IRepository)
@frozen
class ImmutableRepository:
    """
    A repository some of whose tags stay.
    """

    name: RepositoryName
    blobs: IBlobs
    uploads: IUploads
    manifests: IManifests
    tags: ITags
    referrers: IReferrers


@implementer(IPlugin, IRepositoryMiddlewareFactory)
class ImmutableFactory:
    """
    Makes it of ``tags``, a regular expression; all of them by default.
    """

    name = "immutable"

    def create(
        self, reactor: Any, options: Mapping[str, Any]
    ) -> Callable[[IRepository, Requester], IRepository]:
        try:
            pattern = re.compile(options.get("tags", ".*"))
        except (TypeError, re.error) as error:
            text = f"immutable: tags is no regular expression: {error}"
            raise ConfigurationError([Problem(key="middleware.repository", text=text)]) from error

        def wrap(repository: IRepository, _: Requester) -> IRepository:
            immutable = ImmutableTags(repository.tags, pattern)
            return ImmutableRepository(
                name=repository.name,
                blobs=repository.blobs,
                uploads=repository.uploads,
                manifests=_Manifests(repository.manifests, immutable),
                tags=_Tags(repository.tags, immutable),
                referrers=repository.referrers,
            )

        return wrap
