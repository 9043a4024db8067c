"""
A registry middleware that leaves some repositories out of the catalog.  They are there all the
same, for whoever knows their names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import IRegistry, IRegistryMiddlewareFactory, IRepository, Page
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName


@implementer(IRegistry)
class HidingRegistry:
    """
    A registry that doesn't tell everything.

    :param registry: the registry itself.
    :param hidden: patterns of the names that aren't told.
    """

    def __init__(self, registry: IRegistry, hidden: Sequence[re.Pattern[str]]) -> None:
        self._registry = registry
        self._hidden = hidden

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        return self._registry.repository(name, requester)

    @deferred
    async def page(self, limit: int, last: str = "") -> Page:
        found: list[str] = []
        more = True
        while more and len(found) < limit:
            page = await self._registry.page(limit - len(found), last)
            found += [name for name in page.items if not self._hides(name)]
            more = page.more
            last = page.items[-1] if page.items else last
        return Page(tuple(found), more)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return self._registry.holders(digest)

    def _hides(self, name: str) -> bool:
        return any(pattern.fullmatch(name) for pattern in self._hidden)


@implementer(IPlugin, IRegistryMiddlewareFactory)
class HiddenFactory:
    """
    Makes it of ``repositories``, a list of regular expressions.
    """

    name = "hidden"

    def create(self, reactor: Any, registry: IRegistry, options: Mapping[str, Any]) -> IRegistry:
        try:
            patterns = [re.compile(text) for text in options.get("repositories", [])]
        except (TypeError, re.error) as error:
            text = f"hidden: repositories is no list of regular expressions: {error}"
            raise ConfigurationError([Problem(key="middleware.registry", text=text)]) from error
        return HidingRegistry(registry, patterns)
