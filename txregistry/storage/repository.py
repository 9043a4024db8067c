"""
A repository: its parts by name.
"""

from __future__ import annotations

from attrs import frozen
from zope.interface import implementer

from txregistry.interfaces import IBlobs, IManifests, IReferrers, IRepository, ITags, IUploads
from txregistry.model.name import RepositoryName


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
