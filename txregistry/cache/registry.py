"""
A registry that looks into caches first.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.cache.blobs import CachingBlobs
from txregistry.cache.manifests import CachingManifests
from txregistry.cache.payloads import Payloads
from txregistry.cache.uploads import CachingUploads
from txregistry.interfaces import (
    IBlobDescriptorCache,
    IContents,
    IManifests,
    IReferrers,
    IRegistry,
    IRepository,
    ITags,
    Page,
)
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName


@frozen
class Caches:
    """
    What is remembered.

    :param blobs: which blobs repositories have.
    :param manifests: which manifests they have; ``None`` where that isn't remembered.
    :param payloads: the bytes of manifests.
    """

    blobs: IBlobDescriptorCache
    manifests: IBlobDescriptorCache | None = None
    payloads: Payloads = field(factory=Payloads)


@implementer(IRepository)
class CachingRepository:
    """
    A repository of it.  Its parts are made when they are asked for.
    """

    def __init__(self, repository: IRepository, contents: IContents, caches: Caches) -> None:
        self.name: RepositoryName = repository.name
        self._repository = repository
        self._contents = contents
        self._caches = caches

    @property
    def blobs(self) -> CachingBlobs:
        """Its blobs."""
        return CachingBlobs(self._repository, self._contents, self._caches.blobs)

    @property
    def uploads(self) -> CachingUploads:
        """Its uploads."""
        return CachingUploads(self.name, self._repository.uploads, self._caches.blobs)

    @property
    def manifests(self) -> IManifests:
        """Its manifests."""
        if self._caches.manifests is None:
            manifests: IManifests = self._repository.manifests
            return manifests
        return CachingManifests(
            self._repository, self._contents, self._caches.manifests, self._caches.payloads
        )

    @property
    def tags(self) -> ITags:
        """Its tags: what they name changes, so it is asked of storage each time."""
        tags: ITags = self._repository.tags
        return tags

    @property
    def referrers(self) -> IReferrers:
        """Who refers to whom in it."""
        referrers: IReferrers = self._repository.referrers
        return referrers


@implementer(IRegistry)
@frozen
class CachingRegistry:
    """
    Reads look into the caches and fill them; whoever adds something fills them too.  Whether
    something may be added is never taken from them: a push that skips a layer, or a mount, must
    be able to count on what it skips.

    :param registry: whose repositories they are.
    :param contents: the bytes behind that registry.
    """

    _registry: IRegistry
    _contents: IContents
    _caches: Caches

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        repository = self._registry.repository(name, requester)
        return CachingRepository(repository, self._contents, self._caches)

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        return self._registry.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return self._registry.holders(digest)
