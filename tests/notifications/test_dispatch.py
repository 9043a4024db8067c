"""
The one that delivers, and makes room.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from tests.notifications.test_endpoint import FakePoster
from txregistry.deferreds import InlineThreads, Threads
from txregistry.model.event import Event, EventAction, Target, encode
from txregistry.notifications.backoff import Backoff
from txregistry.notifications.counting import DEAD, Counts
from txregistry.notifications.dispatch import CLEAN_SECONDS, Dispatcher
from txregistry.notifications.endpoint import Endpoint, Manner
from txregistry.notifications.entries import Entry
from txregistry.notifications.formats.message import Message
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.poster import Poster
from txregistry.notifications.reading import Reading
from txregistry.notifications.store import Store
from txregistry.observability.metrics import Metrics

DAY = 86_400.0


class Kit:
    """
    A dispatcher with one endpoint that answers nothing, and a clock that may be set.
    """

    def __init__(self) -> None:
        self.now = 1000 * DAY
        self.clock = Clock()
        self.metrics = Metrics()
        self.poster = FakePoster()
        self.store = Store(None, ["a"], 1024 * 1024)
        self.dispatcher = Dispatcher(
            self.clock,
            self.store,
            InlineThreads(),
            lambda: self.now,
            self._endpoint,
            ["a"],
            7 * DAY,
        )

    def put(self, age: float) -> None:
        """
        Put an event there that is so old, and a new one.
        """
        for at in (self.now - age, self.now):
            event = Event("id", 1, EventAction.PUSH, Target("a/b"))
            self.store.append([Entry(encode(event), at)], durable=True)

    @property
    def given_up(self) -> int:
        """
        How many events were.
        """
        return self.metrics.counted(DEAD, endpoint="a")

    def _endpoint(
        self, name: str, store: Store, threads: Threads, changed: Callable[[], None]
    ) -> Endpoint:
        counts = Counts(self.metrics, name)
        manner = Manner(
            format=lambda events: Message((), b"x" * len(events)),
            backoff=Backoff(3, 10.0, lambda: 1.0),
        )
        reading = Reading(store, threads, name, Ignored(), counts)
        poster = cast(Poster, self.poster)
        return Endpoint(name, manner, reading, poster, self.clock, counts, changed)


@pytest.fixture
def kit() -> Kit:
    """
    A dispatcher.
    """
    return Kit()


class AgeTests:
    """
    Events that wait for too long.
    """

    def test_too_old(self, kit: Kit) -> None:
        """
        They are given up.
        """
        kit.put(8 * DAY)
        kit.dispatcher.start()
        assert kit.given_up == 1

    def test_clock_set_forward(self, kit: Kit) -> None:
        """
        Those that only look old, since the clock was set, are not.
        """
        kit.put(DAY)
        kit.dispatcher.start()
        kit.now += 365 * DAY
        kit.clock.advance(CLEAN_SECONDS)
        assert kit.given_up == 0
        assert kit.store.totals()[0] == 2


class EndTests:
    """
    Its end.
    """

    @pytest.mark.parametrize("closing", [True, False])
    def test_store(self, kit: Kit, closing: bool) -> None:
        """
        The store is let go of, unless somebody still needs what is in it.
        """
        kit.put(0.0)
        kit.dispatcher.start()
        ended: Deferred[Any] = kit.dispatcher.stop(closing=closing)
        kit.clock.advance(10)
        assert ended.called
        assert kit.store.totals()[0] == (0 if closing else 2)
