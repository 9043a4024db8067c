"""
A registry whose repositories are wrapped: where repository middleware takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.interfaces import IRegistry, IRepository, Page
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName

Wrapper = Callable[[IRepository, Requester], IRepository]


@implementer(IRegistry)
@frozen
class WrappingRegistry:
    """
    Wraps each repository that is opened.

    :param registry: whose repositories they are.
    :param wrappers: what to put around each, the innermost first.
    """

    registry: IRegistry
    wrappers: Sequence[Wrapper]

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        """:return: the repository with everything around it."""
        repository = self.registry.repository(name, requester)
        for wrap in self.wrappers:
            repository = wrap(repository, requester)
        return repository

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        """As the wrapped registry."""
        return self.registry.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        """As the wrapped registry."""
        return self.registry.holders(digest)
