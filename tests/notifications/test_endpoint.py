"""
The life of an endpoint.
"""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from txregistry.deferreds import InlineThreads
from txregistry.model.event import Event, EventAction, Target, encode
from txregistry.notifications.backoff import FIRST_SECONDS, Backoff
from txregistry.notifications.counting import EVENTS, STATUS, Counts
from txregistry.notifications.endpoint import Endpoint, Manner
from txregistry.notifications.entries import Cursor, Entry
from txregistry.notifications.formats.message import Message
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.poster import Answer, Poster
from txregistry.notifications.reading import Reading
from txregistry.notifications.store import Store
from txregistry.observability.metrics import Metrics

TAKEN = Answer(True, "200 OK")
REFUSED = Answer(False, "500 Internal Server Error", "it answered 500 Internal Server Error")
SILENT = Answer(False, "", "it didn't answer in time")


class FakePoster:
    """
    Posts nothing, and answers when a test says so.
    """

    def __init__(self) -> None:
        self.posted: list[list[str]] = []
        self.waiting: list[Deferred[Answer]] = []
        self.closed = False

    def post(self, message: Message) -> Deferred[Answer]:
        self.posted.append(message.body.decode().split())
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def close(self) -> Deferred[None]:
        self.closed = True
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def answer(self, answer: Answer) -> None:
        """
        Answer what was posted.
        """
        self.waiting.pop(0).callback(answer)


class Kit:
    """
    An endpoint with a threshold of 3 and a backoff of 10 seconds, and what is around it.
    """

    def __init__(self, batch: int = 1, **ignored: Any) -> None:
        self.store = Store(None, ["a"], 1024 * 1024)
        self.store.open()
        self.clock = Clock()
        self.poster = FakePoster()
        self.metrics = Metrics()
        counts = Counts(self.metrics, "a")
        manner = Manner(
            format=lambda events: Message((), " ".join(each.id for each in events).encode()),
            batch=batch,
            backoff=Backoff(3, 10.0, lambda: 1.0),
        )
        reading = Reading(self.store, InlineThreads(), "a", Ignored(**ignored), counts)
        self.changes = 0
        self.endpoint = Endpoint(
            "a", manner, reading, cast(Poster, self.poster), self.clock, counts, self._changed
        )

    def _changed(self) -> None:
        self.changes += 1

    def put(self, *ids: str, action: EventAction = EventAction.PUSH) -> None:
        """
        Put events into the store.
        """
        self.store.append(
            [Entry(encode(Event(each, 1, action, Target("a/b"))), 1.0) for each in ids],
            durable=True,
        )

    @property
    def state(self) -> str:
        """
        What is told of the endpoint.
        """
        found: str = json.loads(self.endpoint.state())["state"]
        return found

    @property
    def delay(self) -> float:
        """
        Seconds until it is tried again.
        """
        (call,) = self.clock.getDelayedCalls()
        return float(call.getTime() - self.clock.seconds())


@pytest.fixture
def kit() -> Kit:
    """
    An endpoint.
    """
    return Kit()


class DeliveryTests:
    """
    An endpoint that takes what it is told.
    """

    def test_one_by_one(self, kit: Kit) -> None:
        """
        One event after the other, each when the one before has been taken.
        """
        kit.put("1", "2")
        kit.endpoint.wake()
        assert (kit.state, kit.poster.posted) == ("delivering", [["1"]])
        kit.poster.answer(TAKEN)
        assert kit.poster.posted == [["1"], ["2"]]
        assert kit.endpoint.position == 1
        kit.poster.answer(TAKEN)
        assert (kit.state, kit.endpoint.position) == ("idle", 2)
        assert kit.metrics.counted(EVENTS, type="Events", endpoint="a") == 2
        assert kit.metrics.counted(EVENTS, type="Successes", endpoint="a") == 2
        assert kit.metrics.counted(STATUS, code="200 OK", endpoint="a") == 2

    def test_woken_while_delivering(self, kit: Kit) -> None:
        """
        What comes while something is delivered is delivered afterwards.
        """
        kit.put("1")
        kit.endpoint.wake()
        kit.put("2")
        kit.endpoint.wake()
        kit.poster.answer(TAKEN)
        assert kit.poster.posted == [["1"], ["2"]]

    def test_batch(self) -> None:
        """
        A message has as many events as it may, and never waits for more.
        """
        kit = Kit(batch=3)
        kit.put("1", "2", "3", "4")
        kit.endpoint.wake()
        kit.poster.answer(TAKEN)
        assert kit.poster.posted == [["1", "2", "3"], ["4"]]

    def test_ignored(self) -> None:
        """
        What is ignored is left out, and not looked at again.
        """
        kit = Kit(actions=frozenset({"pull"}))
        kit.put("1", "2", action=EventAction.PULL)
        kit.put("3")
        kit.put("4", action=EventAction.PULL)
        kit.endpoint.wake()
        kit.poster.answer(TAKEN)
        assert kit.poster.posted == [["3"]]
        assert kit.endpoint.position == 4

    def test_goes_on_where_it_was(self, kit: Kit) -> None:
        """
        What was taken before the start isn't delivered again.
        """
        kit.put("1", "2")
        kit.store.save({"a": Cursor(1)}, kit.store.identity)
        kit.endpoint.wake()
        assert kit.poster.posted == [["2"]]

    def test_unreadable(self, kit: Kit) -> None:
        """
        What is no event is left out.
        """
        kit.store.append([Entry(b"{}", 1.0)], durable=True)
        kit.put("1")
        kit.endpoint.wake()
        assert kit.poster.posted == [["1"]]


class FailureTests:
    """
    An endpoint that doesn't.
    """

    def test_again_and_again(self, kit: Kit) -> None:
        """
        It is tried again after times that double, and after three failures let alone for the
        backoff; then one message is tried, and when that is taken all goes on.
        """
        kit.put("1", "2")
        kit.endpoint.wake()
        kit.poster.answer(REFUSED)
        assert (kit.state, kit.delay) == ("waiting", FIRST_SECONDS)
        kit.clock.advance(kit.delay)
        kit.poster.answer(SILENT)
        assert kit.state == "waiting"
        assert kit.delay == pytest.approx(2 * FIRST_SECONDS)
        kit.clock.advance(kit.delay)
        kit.poster.answer(REFUSED)
        assert kit.state == "broken"
        assert kit.delay == pytest.approx(12.0)
        kit.clock.advance(kit.delay)
        assert kit.state == "probing"
        kit.poster.answer(REFUSED)
        assert kit.state == "broken"
        kit.clock.advance(kit.delay)
        kit.poster.answer(TAKEN)
        assert kit.state == "delivering"
        kit.poster.answer(TAKEN)
        assert kit.state == "idle"
        assert kit.poster.posted == [["1"]] * 5 + [["2"]]
        assert kit.metrics.counted(EVENTS, type="Failures", endpoint="a") == 3
        assert kit.metrics.counted(EVENTS, type="Errors", endpoint="a") == 1

    def test_wake_is_no_reason(self, kit: Kit) -> None:
        """
        That there is more to deliver doesn't make it try sooner.
        """
        kit.put("1")
        kit.endpoint.wake()
        kit.poster.answer(REFUSED)
        kit.endpoint.wake()
        assert (kit.state, len(kit.poster.posted)) == ("waiting", 1)

    def test_removed_meanwhile(self, kit: Kit) -> None:
        """
        What was removed from the outbox meanwhile isn't tried again.
        """
        kit.put("1", "2")
        kit.endpoint.wake()
        kit.poster.answer(REFUSED)
        kit.endpoint.reading.forget(1)
        kit.clock.advance(kit.delay)
        assert kit.poster.posted == [["1"], ["2"]]

    def test_backoff_is_the_longest(self) -> None:
        """
        However many failures, it is never waited for longer than the backoff, and a fifth.
        """
        backoff = Backoff(1000, 1.0, lambda: 1.0)
        assert backoff.soon(1) == FIRST_SECONDS
        assert backoff.soon(500) == 1.0
        assert Backoff(1, 1.0, lambda: 0.0).soon(1) == FIRST_SECONDS / 2
        assert (backoff.breaks(999), backoff.breaks(1000)) == (False, True)


class EndTests:
    """
    The end.
    """

    def test_idle(self, kit: Kit) -> None:
        """
        Who has nothing to do looks once more, and ends.
        """
        kit.put("1")
        ended = kit.endpoint.stop()
        kit.poster.answer(TAKEN)
        assert ended.called
        assert kit.poster.posted == [["1"]]

    def test_delivering(self, kit: Kit) -> None:
        """
        Who delivers goes on until nothing is left.
        """
        kit.put("1", "2")
        kit.endpoint.wake()
        ended = kit.endpoint.stop()
        kit.poster.answer(TAKEN)
        assert not ended.called
        kit.poster.answer(TAKEN)
        assert ended.called

    def test_failing(self, kit: Kit) -> None:
        """
        Who waits for an endpoint doesn't wait any longer.
        """
        kit.put("1")
        kit.endpoint.wake()
        kit.poster.answer(REFUSED)
        assert kit.endpoint.stop().called
        assert not kit.clock.getDelayedCalls()

    def test_fails_at_the_end(self, kit: Kit) -> None:
        """
        A failure at the end is the end.
        """
        kit.put("1")
        kit.endpoint.wake()
        ended = kit.endpoint.stop()
        kit.poster.answer(REFUSED)
        assert ended.called
        assert not kit.clock.getDelayedCalls()

    def test_abandoned(self, kit: Kit) -> None:
        """
        Who takes too long is interrupted, and has not passed what may not have been taken.
        """
        kit.put("1")
        kit.endpoint.wake()
        ended = kit.endpoint.stop()
        kit.endpoint.abandon()
        assert ended.called
        assert kit.poster.closed
        assert kit.endpoint.position == 0
