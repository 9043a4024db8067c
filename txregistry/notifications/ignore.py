"""
What an endpoint doesn't want to be told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.interfaces import INote, ISink
from txregistry.model.event import Event


@frozen
class Ignored:
    """
    Which events.

    :param media_types: those of a target with one of these types, be it the one that the event
        tells, or the one that manifests give a blob, where that is known.
    :param actions: those of one of these actions.
    """

    media_types: frozenset[str] = frozenset()
    actions: frozenset[str] = frozenset()

    def __contains__(self, event: Event) -> bool:
        """Whether an event is one of them."""
        target = event.target
        return (
            event.action in self.actions
            or target.media_type in self.media_types
            or (target.layer_type != "" and target.layer_type in self.media_types)
        )


@implementer(ISink)
@frozen
class IgnoringSink:
    """
    Hands on what is not ignored.

    :param sink: what gets the rest.
    :param ignored: what it doesn't get.
    """

    sink: ISink
    ignored: Ignored

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        left = [event for event in events if event not in self.ignored]
        return self.sink.write(left) if left else succeed(None)

    def note(self, events: Callable[[], Sequence[Event]]) -> INote | None:
        return None

    def close(self) -> Deferred[None]:
        return self.sink.close()
