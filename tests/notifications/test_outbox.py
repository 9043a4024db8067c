"""
The outbox as those see it who put events there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from txregistry.deferreds import Threads
from txregistry.interfaces import INote, ISink
from txregistry.model.event import Event, EventAction, Target, decode, encode
from txregistry.notifications import outbox
from txregistry.notifications.counting import LOST
from txregistry.notifications.database import Unusable
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry
from txregistry.notifications.outbox import AGAIN_SECONDS, GATHER_SECONDS, RING_SECONDS, Outbox
from txregistry.notifications.store import Store
from txregistry.notifications.writer import Writer
from txregistry.observability.metrics import Metrics
from txregistry.testing.drivers.notes import Note


class SlowThreads(Threads):
    """
    Calls are made at once, and it is known when a test says so.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[Deferred[Any], Any]] = []
        self.told: list[Callable[[], None]] = []

    def run(self, function: Any, *args: Any, **kwargs: Any) -> Deferred[Any]:
        outcome: Deferred[Any] = Deferred()
        try:
            result = function(*args, **kwargs)
        except Unusable:
            result = Failure()
        self.calls.append((outcome, result))
        return outcome

    def tell(self, function: Callable[[], None]) -> None:
        self.told.append(function)

    def end(self) -> None:
        """
        Let it be known how the first call ended, and before that what was told.
        """
        self.hear()
        outcome, result = self.calls.pop(0)
        outcome.callback(result)

    def hear(self) -> None:
        """
        Let it be known what was told.
        """
        while self.told:
            self.told.pop(0)()


def made(*events: Event) -> Callable[[], Sequence[bytes]]:
    """
    What makes events for a note.
    """
    return lambda: [encode(event) for event in events]


class RecordingStore(Store):
    """
    A store in memory that notes how it was written to, and may refuse.
    """

    def __init__(self) -> None:
        super().__init__(None, ["a"], 1024 * 1024)
        self.writes: list[tuple[list[str], bool]] = []
        self.buried: list[str] = []
        self.refuses = False

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        if self.refuses:
            raise Unusable("no room")
        self.writes.append(([decode(each.payload).id for each in entries], durable))

    def bury(self, entry: Entry) -> Sequence[str]:
        if self.refuses:
            raise Unusable("no room")
        self.buried.append(decode(entry.payload).id)
        return ["a"]


def event(id: str, action: EventAction = EventAction.PUSH) -> Event:
    """
    :return: an event.
    """
    return Event(id, 1, action, Target("a/b"))


class Kit:
    """
    An outbox, and what is around it.
    """

    def __init__(self, store: Writer | None = None) -> None:
        self.store: Any = store or RecordingStore()
        self.threads = SlowThreads()
        self.clock = Clock()
        self.metrics = Metrics()
        self.rings = 0
        self.given_up: list[tuple[Sequence[str], int]] = []
        self.outbox = Outbox(
            self.store,
            self.threads,
            self.clock,
            lambda: 1.0,
            self._ring,
            self.metrics,
            lambda names, size: self.given_up.append((names, size)),
        )

    def _ring(self) -> None:
        self.rings += 1


@pytest.fixture
def kit() -> Kit:
    """
    An outbox.
    """
    return Kit()


class OutboxTests:
    """
    What is written when, and who waits for it.
    """

    def test_interface(self, kit: Kit) -> None:
        """
        It is a sink.
        """
        assert verifyObject(ISink, kit.outbox)

    def test_groups(self, kit: Kit) -> None:
        """
        What comes while something is written is written together afterwards; a push is told when
        it is there.
        """
        waiting = [kit.outbox.write([event(str(number))]) for number in range(4)]
        assert len(kit.threads.calls) == 1
        kit.threads.end()
        assert [each.called for each in waiting] == [True, False, False, False]
        kit.threads.end()
        assert all(each.called for each in waiting)
        assert kit.store.writes == [(["0"], True), (["1", "2", "3"], True)]
        assert kit.rings == 2

    def test_pulls_are_gathered(self, kit: Kit) -> None:
        """
        Nobody waits for pulls, which wait for each other, and are not synced.
        """
        for number in range(3):
            assert kit.outbox.write([event(str(number), EventAction.PULL)]).called
        assert not kit.threads.calls
        kit.clock.advance(GATHER_SECONDS)
        kit.threads.end()
        assert kit.store.writes == [(["0", "1", "2"], False)]
        assert not kit.clock.getDelayedCalls()

    def test_push_takes_pulls_along(self, kit: Kit) -> None:
        """
        A push is written at once, and the pulls before it before it.
        """
        kit.outbox.write([event("0", EventAction.PULL)])
        kit.outbox.write([event("1")])
        kit.threads.end()
        assert kit.store.writes == [(["0", "1"], True)]
        assert not kit.clock.getDelayedCalls()

    def test_refused(self, kit: Kit) -> None:
        """
        A store that can't be written fails nobody; it is tried again, and all is there, in order.
        """
        kit.store.refuses = True
        first = kit.outbox.write([event("0")])
        kit.threads.end()
        assert first.called
        second = kit.outbox.write([event("1")])
        assert second.called
        kit.clock.advance(AGAIN_SECONDS)
        kit.threads.end()
        kit.store.refuses = False
        kit.clock.advance(AGAIN_SECONDS)
        third = kit.outbox.write([event("2")])
        kit.threads.end()
        kit.threads.end()
        assert third.called
        assert kit.store.writes == [(["0", "1"], True), (["2"], True)]
        assert not kit.metrics.counted(LOST)

    def test_memory_is_bounded(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        If too many wait the oldest are lost, and counted.
        """
        monkeypatch.setattr(outbox, "ROOM", 1000)
        kit.store.refuses = True
        kit.outbox.write([event("first")])
        kit.threads.end()
        for number in range(20):
            kit.outbox.write([event(str(number))])
        kit.store.refuses = False
        kit.clock.advance(AGAIN_SECONDS)
        kit.threads.end()
        ((kept, _),) = kit.store.writes
        assert kept[-1] == "19"
        assert kept == [str(number) for number in range(20 - len(kept), 20)]
        assert kit.metrics.counted(LOST) == 21 - len(kept)

    def test_nobody_waits_for_a_store_that_fails(self, kit: Kit) -> None:
        """
        Who came while a write was failing waits no longer than who began it.
        """
        kit.store.refuses = True
        waiting = [kit.outbox.write([event(str(number))]) for number in range(3)]
        kit.threads.end()
        assert all(each.called for each in waiting)

    @pytest.mark.parametrize("alone", [True, False])
    def test_too_large(self, kit: Kit, alone: bool) -> None:
        """
        An event that the store will never take is a dead letter, and in nobody's way.
        """
        large = event("large" + "e" * kit.store.most)
        first = kit.outbox.write([event("0")])
        events = [large] if alone else [event("1"), large, event("2")]
        second = kit.outbox.write(events)
        third = kit.outbox.write([event("3")])
        while kit.threads.calls:
            kit.threads.end()
        assert first.called
        assert second.called
        assert third.called
        kept = [each for ids, _ in kit.store.writes for each in ids]
        assert kept == (["0", "3"] if alone else ["0", "1", "2", "3"])
        assert kit.store.buried == [large.id]
        ((names, size),) = kit.given_up
        assert names == ["a"]
        assert size > kit.store.most
        assert not kit.metrics.counted(LOST)

    def test_too_large_and_no_dead_letter(self, kit: Kit, logged_failures: list[Failure]) -> None:
        """
        If there can't even be a dead letter the event is lost, which is counted, and the others go
        on.
        """
        kit.store.refuses = True
        waiting = kit.outbox.write([event("e" * kit.store.most)])
        kit.threads.end()
        kit.threads.end()
        kit.store.refuses = False
        assert waiting.called
        assert kit.metrics.counted(LOST) == 1
        assert logged_failures.pop().check(Unusable)
        kit.outbox.write([event("1")])
        kit.threads.end()
        assert kit.store.writes == [(["1"], True)]

    def test_no_more_at_once_than_fits(self, kit: Kit) -> None:
        """
        What is more than the store takes at once is written one after the other, in its order, and
        a push is told when its last event is there.
        """
        kit.outbox.write([event("first")])
        events = [event(f"{number} {'e' * 100_000}") for number in range(12)]
        waiting = kit.outbox.write(events)
        kit.threads.end()
        written = 1
        while kit.threads.calls:
            assert not waiting.called
            kit.threads.end()
            written += 1
        assert waiting.called
        assert written > 2
        kept = [each.split()[0] for ids, _ in kit.store.writes for each in ids]
        assert kept == ["first", *map(str, range(12))]

    def test_leave(self, kit: Kit) -> None:
        """
        What is left there is written together with others, not durably, and lost after the end.
        """
        for name in "01":
            kit.outbox.leave(encode(event(name, EventAction.PULL)))
        assert kit.store.writes == []
        kit.clock.advance(GATHER_SECONDS)
        kit.threads.end()
        assert kit.store.writes == [(["0", "1"], False)]
        kit.outbox.close()
        kit.outbox.leave(encode(event("2", EventAction.PULL)))
        assert kit.metrics.counted(LOST) == 1

    def test_note(self, kit: Kit) -> None:
        """
        A note is written by whoever makes what it tells of, after all that waits, and neither is
        synced; nobody asks another thread.
        """
        kit.outbox.write([event("0", EventAction.PULL)])
        kit.outbox.write([event("1", EventAction.PULL)])
        note = kit.outbox.note(made(event("2"), event("3")))
        assert note is not None
        assert verifyObject(INote, note)
        note.write()
        assert kit.store.writes == [(["0", "1"], False), (["2", "3"], False)]
        assert kit.rings == 0
        for _ in range(3):
            note.done()
        assert kit.rings == 0
        kit.clock.advance(RING_SECONDS)
        assert kit.rings == 1
        kit.clock.advance(GATHER_SECONDS)
        kit.threads.end()
        assert len(kit.store.writes) == 2

    def test_notes_at_the_same_time(self, kit: Kit) -> None:
        """
        Notes that are written at the same time are written together, whatever else there is.
        """
        notes = [kit.outbox.note(made(event(name))) for name in "012"]
        first, *more = filter(None, notes)
        done: list[str] = []
        first.write(*more, Note(lambda: done.append("another")))
        assert kit.store.writes == [(["0", "1", "2"], False)]
        assert done == ["another"]

    def test_note_after_who_waits(self, kit: Kit) -> None:
        """
        What is to survive a power cut, and is written by whoever writes a note, is synced by him.
        """
        kit.outbox.write([event("0")])
        waiting = kit.outbox.write([event("1")])
        note = kit.outbox.note(made(event("2")))
        assert note is not None
        note.write()
        assert kit.store.writes == [(["0"], True), (["1"], True), (["2"], False)]
        assert not waiting.called
        kit.threads.hear()
        assert waiting.called

    def test_note_refused(self, kit: Kit) -> None:
        """
        If it can't be written, that fails nobody; it waits in memory, and all stays in its order.
        """
        kit.store.refuses = True
        notes = [kit.outbox.note(made(event(name))) for name in "01"]
        for each in notes:
            assert each is not None
            each.write()
        kit.threads.hear()
        assert kit.outbox.note(made(event("2"))) is None
        assert kit.outbox.write([event("2")]).called
        kit.store.refuses = False
        kit.clock.advance(AGAIN_SECONDS)
        kit.threads.end()
        assert [ids for ids, _ in kit.store.writes] == [["0", "1", "2"]]
        assert kit.outbox.note(made(event("3"))) is not None

    def test_note_behind_what_waits(self, kit: Kit) -> None:
        """
        While nothing can be written a note that was made before waits behind all that waits.
        """
        note = kit.outbox.note(made(event("2")))
        assert note is not None
        kit.store.refuses = True
        kit.outbox.write([event("0")])
        kit.threads.end()
        kit.outbox.write([event("1")])
        note.write()
        kit.threads.hear()
        kit.store.refuses = False
        kit.clock.advance(AGAIN_SECONDS)
        kit.threads.end()
        assert [ids for ids, _ in kit.store.writes] == [["0", "1", "2"]]

    def test_note_after_the_end(self, kit: Kit) -> None:
        """
        What can't be written at the end is counted as lost.
        """
        note = kit.outbox.note(made(event("0"), event("e" * kit.store.most)))
        assert note is not None
        note.done()
        kit.outbox.close()
        assert kit.rings == 1
        note.done()
        note.write()
        kit.threads.hear()
        assert [ids for ids, _ in kit.store.writes] == [["0"]]
        assert kit.metrics.counted(LOST) == 1

    def test_note_too_large(self, kit: Kit) -> None:
        """
        One that the store will never take is a dead letter.
        """
        large = event("large" + "e" * kit.store.most)
        note = kit.outbox.note(made(event("0"), large))
        assert note is not None
        note.write()
        kit.threads.hear()
        while kit.threads.calls:
            kit.threads.end()
        assert kit.store.writes == [(["0"], False)]
        assert kit.store.buried == [large.id]

    def test_note_that_can_not_be_made(self, kit: Kit, logged_failures: list[Failure]) -> None:
        """
        If making it fails, what it would tell of stands, and it is logged.
        """

        def fail() -> list[bytes]:
            raise RuntimeError("no event")

        note = kit.outbox.note(fail)
        assert note is not None
        note.write()
        assert logged_failures.pop().check(RuntimeError)
        assert kit.store.writes == []

    def test_note_of_a_file(self, tmp_path: Path) -> None:
        """
        A note tells in which file it is, to be synced with others, and can be synced by itself.
        """
        kit = Kit(Writer([Store(OutboxDirectory(str(tmp_path)), ["a"], 1024 * 1024)], {}))
        note = kit.outbox.note(made(event("0")))
        assert note is not None
        note.write()
        log = tmp_path / "events.db-wal"
        assert os.path.samestat(os.fstat(note.fileno()), log.stat())
        note.sync()

    def test_no_note_at_the_end(self, kit: Kit) -> None:
        """
        Who is closed takes none.
        """
        kit.outbox.close()
        assert kit.outbox.note(made(event("0"))) is None

    def test_close_writes_all(self, kit: Kit) -> None:
        """
        At the end all is written, however many writes that takes.
        """
        for number in range(30):
            kit.outbox.write([event(f"{number} {'e' * 100_000}")])
        closing = kit.outbox.close()
        while kit.threads.calls:
            kit.threads.end()
        assert closing.called
        assert sum(len(ids) for ids, _ in kit.store.writes) == 30
        assert not kit.metrics.counted(LOST)

    def test_close(self, kit: Kit) -> None:
        """
        At the end all that waits is written, and nothing is taken any more.
        """
        kit.outbox.write([event("0")])
        kit.outbox.write([event("1", EventAction.PULL)])
        closing = kit.outbox.close()
        kit.threads.end()
        kit.threads.end()
        assert closing.called
        assert kit.store.writes == [(["0"], True), (["1"], False)]
        assert kit.outbox.write([event("2")]).called
        assert kit.metrics.counted(LOST) == 1
        assert not kit.clock.getDelayedCalls()

    def test_close_with_a_store_that_refuses(self, kit: Kit) -> None:
        """
        The end comes all the same, and what is lost is counted.
        """
        kit.store.refuses = True
        kit.outbox.write([event("0"), event("1")])
        closing = kit.outbox.close()
        while kit.threads.calls:
            kit.threads.end()
        assert closing.called
        assert kit.metrics.counted(LOST) == 2
        assert not kit.clock.getDelayedCalls()
