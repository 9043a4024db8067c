"""
A registry that tells what is done to its repositories.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.interfaces import IReferrers, IRegistry, IRepository, Page
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.notifications.listening.blobs import ListeningBlobs
from txregistry.notifications.listening.manifests import ListeningManifests
from txregistry.notifications.listening.report import Report, Telling
from txregistry.notifications.listening.tags import ListeningTags
from txregistry.notifications.listening.uploads import ListeningUploads


@implementer(IRepository)
class ListeningRepository:
    """
    A repository of it.  Its parts are made when they are asked for: most requests want one, once.
    """

    __slots__ = ("_report", "_repository", "name")

    def __init__(self, repository: IRepository, requester: Requester, telling: Telling) -> None:
        self.name: RepositoryName = repository.name
        self._repository = repository
        self._report = Report(telling, requester, repository)

    @property
    def blobs(self) -> ListeningBlobs:
        """Its blobs."""
        return ListeningBlobs(self._repository.blobs, self._report)

    @property
    def uploads(self) -> ListeningUploads:
        """Its uploads."""
        return ListeningUploads(self._repository.uploads, self._report)

    @property
    def manifests(self) -> ListeningManifests:
        """Its manifests."""
        return ListeningManifests(self._repository.manifests, self._report)

    @property
    def tags(self) -> ListeningTags:
        """Its tags."""
        return ListeningTags(self._repository.tags, self._report)

    @property
    def referrers(self) -> IReferrers:
        """Who refers to whom in it: nobody is told that somebody asked."""
        referrers: IReferrers = self._repository.referrers
        return referrers


@implementer(IRegistry)
@frozen
class ListeningRegistry:
    """
    Each request's events are made when it has succeeded, and written before it is answered; those
    of pulls when the answer has gone out.

    :param registry: whose repositories they are.
    :param telling: how it is told.
    """

    _registry: IRegistry
    _telling: Telling

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        repository = self._registry.repository(name, requester)
        return ListeningRepository(repository, requester, self._telling)

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        return self._registry.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return self._registry.holders(digest)
