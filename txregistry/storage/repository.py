"""
A repository: its parts by name.
"""

from __future__ import annotations

from attrs import frozen
from zope.interface import implementer

from txregistry.interfaces import IBlobs, IManifests, IReferrers, IRepository, ITags, IUploads
from txregistry.model.access import Requester
from txregistry.model.name import RepositoryName
from txregistry.storage.blobs import Blobs
from txregistry.storage.manifests import Manifests
from txregistry.storage.parts import Parts
from txregistry.storage.referrers import ReferrerLinks, Referrers
from txregistry.storage.revisions import Revisions
from txregistry.storage.tags import Tags
from txregistry.storage.uploads import Uploads


@implementer(IRepository)
@frozen
class Repository:
    """
    What decorators make, too: another one, with some parts replaced.
    """

    name: RepositoryName
    blobs: IBlobs
    uploads: IUploads
    manifests: IManifests
    tags: ITags
    referrers: IReferrers


@implementer(IRepository)
class StoredRepository:
    """
    The one in storage.  Its parts are made when they are asked for: most requests want one, once.
    (``cached_property`` takes a lock, and longer than it takes to make one of them twice.)

    :param parts: of the registry.
    :param name: its name.
    :param requester: who opens it.
    """

    def __init__(self, parts: Parts, name: RepositoryName, requester: Requester) -> None:
        self.name = name
        self._parts = parts
        self._requester = requester

    @property
    def blobs(self) -> Blobs:
        """Its blobs."""
        return Blobs(self._parts, self.name)

    @property
    def uploads(self) -> Uploads:
        """Its uploads, as the requester sees them."""
        return Uploads(self._parts, self.name, self._requester, self.blobs)

    @property
    def manifests(self) -> Manifests:
        """Its manifests."""
        return Manifests(
            self._parts, self.name, self._revisions, self.blobs, self.tags, self._referrer_links
        )

    @property
    def tags(self) -> Tags:
        """Its tags."""
        return Tags(self._parts, self.name)

    @property
    def referrers(self) -> Referrers:
        """Who refers to whom in it."""
        return Referrers(self._parts, self._revisions, self.tags, self._referrer_links)

    @property
    def _revisions(self) -> Revisions:
        return Revisions(self._parts, self.name)

    @property
    def _referrer_links(self) -> ReferrerLinks:
        return ReferrerLinks(self._parts, self.name)
