"""
The one that delivers, and makes room.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock

from tests.notifications.test_endpoint import FakePoster
from txregistry.deferreds import InlineThreads, Threads
from txregistry.model.event import Event, EventAction, Target, encode
from txregistry.notifications.backoff import Backoff
from txregistry.notifications.counting import DEAD, Counts
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.dispatch import CLEAN_SECONDS, LAZY_SECONDS, Dispatcher
from txregistry.notifications.endpoint import Endpoint, Manner
from txregistry.notifications.entries import Entry
from txregistry.notifications.formats.message import Message
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.journal import Journal
from txregistry.notifications.poster import Answer, Poster
from txregistry.notifications.reading import Reading
from txregistry.notifications.store import Store
from txregistry.observability.metrics import Metrics

DAY = 86_400.0
MIB = 1024 * 1024


class Kit:
    """
    A dispatcher with one endpoint that answers nothing, and a clock that may be set.
    """

    def __init__(
        self, directory: OutboxDirectory | None = None, backoff: tuple[int, float] = (3, 10.0)
    ) -> None:
        self.now = 1000 * DAY
        self._backoff = Backoff(*backoff, lambda: 1.0)
        self.clock = MemoryReactorClock()
        self.metrics = Metrics()
        self.poster = FakePoster()
        self.store = Store(directory, ["a"], MIB)
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
            backoff=self._backoff,
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


def payload(size: int = 0) -> bytes:
    """
    :return: an event that has so many bytes at least.
    """
    return encode(Event("id" + "x" * size, 1, EventAction.PUSH, Target("a/b")))


class TakeTests:
    """
    Events in the journal.
    """

    def test_while_an_endpoint_is_away(self, tmp_path: Path) -> None:
        """
        They are taken at once if somebody can be told; while nobody can, when room is made; and at
        once again when somebody is back.
        """
        directory = OutboxDirectory(str(tmp_path))
        kit, journal = Kit(directory), Journal(directory, MIB)

        def put() -> None:
            journal.append([Entry(payload(), kit.now)], durable=False)
            kit.dispatcher.wake()

        kit.store.open()
        kit.dispatcher.start()
        put()
        assert (kit.store.newest(), len(kit.poster.posted)) == (1, 1)
        kit.poster.answer(Answer(False, problem="away"))
        put()
        assert kit.store.newest() == 1
        kit.clock.advance(0.15)
        kit.poster.answer(Answer(True, "200 OK"))
        assert kit.store.newest() == 2
        kit.poster.answer(Answer(False, problem="away"))
        put()
        assert kit.store.newest() == 2
        kit.clock.advance(CLEAN_SECONDS)
        assert kit.store.newest() == 3
        ended: Deferred[Any] = kit.dispatcher.stop()
        kit.clock.advance(10)
        assert ended.called
        journal.close()

    def test_while_all_are_away_for_long(self, tmp_path: Path) -> None:
        """
        While nobody can be told for long they are taken twice a minute, or when there are many.
        """
        directory = OutboxDirectory(str(tmp_path))
        kit, journal = Kit(directory, (1, 3600.0)), Journal(directory, MIB)

        def put(size: int = 0) -> None:
            journal.append([Entry(payload(size), kit.now)], durable=False)
            kit.dispatcher.wake()
            kit.clock.pump([CLEAN_SECONDS] * 2)

        kit.store.open()
        kit.dispatcher.start()
        put()
        kit.poster.answer(Answer(False, problem="away"))
        put()
        assert kit.store.newest() == 1
        kit.clock.pump([1.0] * int(LAZY_SECONDS))
        assert kit.store.newest() == 2
        put()
        assert kit.store.newest() == 2
        put(MIB // 8)
        assert kit.store.newest() == 4
        put()
        ended: Deferred[Any] = kit.dispatcher.stop(closing=False)
        kit.clock.advance(10)
        assert ended.called
        assert kit.store.newest() == 5
        kit.store.close()
        journal.close()


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
