"""
Sinks that ignore, and sinks that tell several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, fail
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txregistry.interfaces import INote, ISink
from txregistry.model.event import Event, EventAction, Kind, Target
from txregistry.notifications.broadcast import BroadcastSink
from txregistry.notifications.ignore import Ignored, IgnoringSink
from txregistry.notifications.memory import MemorySink

LAYER = "application/vnd.oci.image.layer.v1.tar"
BLOB = Target("a", Kind.BLOB, media_type="application/octet-stream", layer_type=LAYER)
PULL = Event("pull", 1, EventAction.PULL, BLOB)
PUSH = Event("push", 2, EventAction.PUSH, Target("a", media_type="x/y"))
DELETE = Event("delete", 3, EventAction.DELETE, Target("a", Kind.TAG, tag="t"))
ALL = [PULL, PUSH, DELETE]


@implementer(ISink)
class FailingSink:
    """
    A sink that can't write.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        raise self.error

    def note(self, events: Callable[[], Sequence[Event]]) -> INote | None:
        """Take nothing so."""
        return None

    def close(self) -> Deferred[None]:
        self.closed += 1
        return fail(self.error)


@implementer(ISink)
class SlowSink(MemorySink):
    """
    A sink that has written when a test says so.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Deferred[None]] = []

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        super().write(events)
        self.waiting.append(Deferred())
        return self.waiting[-1]


class IgnoringSinkTests:
    """
    What an endpoint doesn't want to know.
    """

    @pytest.mark.parametrize(
        ("ignored", "left"),
        [
            (Ignored(), ["pull", "push", "delete"]),
            (Ignored(actions=frozenset({"pull", "delete"})), ["push"]),
            (Ignored(media_types=frozenset({"x/y"})), ["pull", "delete"]),
            (Ignored(media_types=frozenset({"application/octet-stream"})), ["push", "delete"]),
            (Ignored(media_types=frozenset({LAYER})), ["push", "delete"]),
            (Ignored(frozenset({"x/y"}), frozenset({"pull", "delete"})), []),
        ],
    )
    async def test_ignores(self, ignored: Ignored, left: list[str]) -> None:
        """
        What has an action or a type of the lists is not handed on; the rest is, in its order.
        """
        inner = MemorySink()
        sink = IgnoringSink(inner, ignored)
        assert verifyObject(ISink, sink)
        await sink.write(ALL)
        assert [event.id for event in inner.events] == left

    async def test_unknown_type(self) -> None:
        """
        That the type of a blob isn't known is no type that could be ignored.
        """
        inner = MemorySink()
        event = evolve(PULL, target=evolve(BLOB, layer_type=""))
        await IgnoringSink(inner, Ignored(media_types=frozenset({LAYER, ""}))).write([event])
        assert inner.events == (event,)

    async def test_nothing_left(self) -> None:
        """
        A sink isn't asked to write nothing.
        """
        inner = FailingSink(RuntimeError())
        sink = IgnoringSink(inner, Ignored(actions=frozenset({"pull"})))
        await sink.write([PULL])

    async def test_close(self) -> None:
        """
        It is closed with what it hands on to.
        """
        inner = FailingSink(RuntimeError())
        with pytest.raises(RuntimeError):
            await IgnoringSink(inner, Ignored()).close()
        assert inner.closed == 1


class BroadcastSinkTests:
    """
    Several sinks.
    """

    async def test_all(self) -> None:
        """
        Each gets all, together and in their order.
        """
        sinks = [MemorySink(), MemorySink()]
        broadcast = BroadcastSink(sinks)
        assert verifyObject(ISink, broadcast)
        await broadcast.write(ALL)
        assert [sink.events for sink in sinks] == [tuple(ALL)] * 2
        await broadcast.close()

    async def test_waits_for_all(self) -> None:
        """
        It has written when all have, and all are asked at once.
        """
        sinks = [SlowSink(), SlowSink()]
        writing = BroadcastSink(sinks).write(ALL)
        assert [len(sink.waiting) for sink in sinks] == [1, 1]
        sinks[1].waiting[0].callback(None)
        assert not writing.called
        sinks[0].waiting[0].callback(None)
        await writing

    async def test_failing(self) -> None:
        """
        That some fail is told after the others have written and closed, whatever their place.
        """
        inner = MemorySink()
        first, second = FailingSink(ValueError()), FailingSink(RuntimeError())
        broadcast = BroadcastSink([first, inner, second])
        with pytest.raises(ValueError):  # noqa: PT011 - it is the one from above
            await broadcast.write(ALL)
        assert inner.events == tuple(ALL)
        with pytest.raises(ValueError):  # noqa: PT011 - the same
            await broadcast.close()
        assert (first.closed, second.closed) == (1, 1)
