"""
Events in memory.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from tests.notifications.memory import MemorySink
from txregistry.interfaces import ISink
from txregistry.model.event import Event, EventAction, Target


def numbered(*numbers: int) -> list[Event]:
    """Some events."""
    return [Event(str(number), number, EventAction.PUSH, Target("a")) for number in numbers]


class MemorySinkTests:
    """
    The sink in memory.
    """

    async def test_keeps(self) -> None:
        """
        What was written is there, in its order, and can be taken once.
        """
        sink = MemorySink()
        assert verifyObject(ISink, sink)
        await sink.write(numbered(1, 2))
        await sink.write(numbered(3))
        assert [event.id for event in sink.events] == ["1", "2", "3"]
        assert [event.id for event in sink.take(2)] == ["1", "2"]
        assert [event.id for event in sink.take(2)] == ["3"]
        assert sink.take(2) == ()
        assert sink.dropped == 0
        await sink.close()

    async def test_bounded(self) -> None:
        """
        When it is full the oldest go, and it tells how many.
        """
        sink = MemorySink(capacity=3)
        await sink.write(numbered(1, 2))
        await sink.write(numbered(3, 4, 5))
        assert [event.id for event in sink.events] == ["3", "4", "5"]
        assert sink.dropped == 2
        await sink.write(numbered(6, 7, 8, 9))
        assert [event.id for event in sink.events] == ["7", "8", "9"]
        assert sink.dropped == 6
