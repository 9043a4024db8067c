"""
Tags of which it is told when they are deleted.
"""

from __future__ import annotations

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred, shielded
from txregistry.interfaces import ITags, Page
from txregistry.model.digest import Digest
from txregistry.model.event import EventAction
from txregistry.model.name import Tag
from txregistry.notifications.listening.report import Report


@implementer(ITags)
@frozen
class ListeningTags:
    """
    The tags of a repository.
    """

    _tags: ITags
    _report: Report

    def get(self, tag: Tag) -> Deferred[Digest]:
        return self._tags.get(tag)

    def page(self, limit: int | None = None, last: str = "") -> Deferred[Page]:
        return self._tags.page(limit, last)

    @deferred
    async def delete(self, tag: Tag) -> None:
        await shielded(self._delete(tag))

    @deferred
    async def _delete(self, tag: Tag) -> None:
        await self._tags.delete(tag)
        await self._report.write(EventAction.DELETE, self._report.targets.tag(tag))
