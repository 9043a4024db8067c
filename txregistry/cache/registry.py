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
    IRegistry,
    IRepository,
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
    A repository of it.
    """

    def __init__(self, repository: IRepository, contents: IContents, caches: Caches) -> None:
        name: RepositoryName = repository.name
        self.name = name
        self.blobs = CachingBlobs(name, repository.blobs, contents, caches.blobs)
        self.uploads = CachingUploads(name, repository.uploads, caches.blobs)
        self.manifests: IManifests = repository.manifests
        if caches.manifests is not None:
            self.manifests = CachingManifests(
                name,
                repository.manifests,
                repository.tags,
                contents,
                caches.manifests,
                caches.payloads,
            )
        # What tags name is asked of storage each time: it changes, and no cache hears of it.
        self.tags = repository.tags
        self.referrers = repository.referrers


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
