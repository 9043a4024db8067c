"""
Events in memory, for tests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.interfaces import INote, ISink
from txregistry.model.event import Event, decode


@implementer(ISink)
class MemorySink:
    """
    Keeps the newest events.

    :param capacity: how many at most; then the oldest are dropped.
    """

    def __init__(self, capacity: int = 1000) -> None:
        self._events: deque[Event] = deque(maxlen=capacity)
        self.dropped = 0
        """How many had to go for others."""

    @property
    def events(self) -> tuple[Event, ...]:
        """What is kept, the oldest first."""
        return tuple(self._events)

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        room = (self._events.maxlen or 0) - len(self._events)
        self.dropped += max(len(events) - room, 0)
        self._events.extend(events)
        return succeed(None)

    def take(self, most: int) -> tuple[Event, ...]:
        """
        Hand events out, and keep them no longer.

        :param most: how many are wanted.
        :return: the oldest.
        """
        return tuple(self._events.popleft() for _ in range(min(most, len(self._events))))

    def leave(self, encoded: bytes) -> None:
        self.write([decode(encoded)])

    def note(self, encoded: Callable[[], Sequence[bytes]]) -> INote | None:
        return None

    def close(self) -> Deferred[None]:
        return succeed(None)
