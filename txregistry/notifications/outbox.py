"""
The outbox as those see it who put events there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from threading import Lock
from typing import Final, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import Threads, deferred
from txregistry.interfaces import IMetrics, INote, ISink
from txregistry.model.event import Event, EventAction, encode
from txregistry.notifications.counting import LOST, WAITING
from txregistry.notifications.entries import Entry
from txregistry.notifications.waiting import (
    Backlog,
    Kept,
    Takes,
    entries_in,
    events_in,
    in_parts,
    tell,
)

GATHER_SECONDS: Final = 0.05
"""How long pulls wait for others to be kept with."""

RING_SECONDS: Final = 0.01
"""How long it is gathered what others have written, before it is told that something was."""

AGAIN_SECONDS: Final = 1.0
"""After which it is tried again to write to an outbox that can't be written."""

ROOM: Final = 16 * 1024 * 1024
"""Bytes of events that wait in memory at most."""

CLOSING_TRIES: Final = 2

_LOST: Final = "events can't be written, and nobody will be told of them"


class Keeps(Takes, Protocol):
    """
    What is needed of a store.  All is called in threads, but for :attr:`most`.
    """

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Keep events, all or none of them.

        :raises Exception: if that can't be.
        """

    def bury(self, entry: Entry) -> Sequence[str]:
        """
        Make a dead letter of an event that is too large.

        :return: the endpoints that should have been told of it.
        :raises Exception: if that can't be.
        """

    def fileno(self) -> int:
        """:return: the descriptor of the file that would have to be synced; -1 if there is none."""

    def sync(self) -> None:
        """
        Make durable what was kept.

        :raises Exception: if that can't be.
        """


@implementer(INote)
@frozen
class _Note:
    """
    Events that are written where that is made which they tell of.
    """

    outbox: Outbox
    encoded: Callable[[], Sequence[bytes]]

    def write(self, *others: INote) -> None:
        together = [self]
        for other in others:
            if isinstance(other, _Note) and other.outbox is self.outbox:
                together.append(other)
            else:
                other.write()
        self.outbox.write_here([note.encoded for note in together])

    def fileno(self) -> int:
        return self.outbox.fileno()

    def sync(self) -> None:
        self.outbox.sync_here()

    def done(self) -> None:
        self.outbox.written_here()


@implementer(ISink)
class Outbox:
    """
    Writes events to the store.

    All that waits is written in one transaction, in a thread, as far as the store takes it at once;
    what comes meanwhile waits for the next.  Who makes something in a thread of his own writes its
    events there himself, after all that waits: that costs less than to ask another.

    A store that can't be written fails nobody: events wait in memory then, and if there are too
    many, the oldest are lost, and counted.  An event that the store will never take is a dead
    letter at once, and so is in nobody's way.

    :param store: which nobody else writes to in this process.
    :param threads: one thread.
    :param clock: calls when pulls have waited, and when it is time to try again.
    :param now: seconds since 1970.
    :param written: called when something was written.
    :param metrics: where it is counted what is lost.
    :param given_up: called with endpoints that will never be told of an event, and its size.
    """

    log = Logger()

    def __init__(
        self,
        store: Keeps,
        threads: Threads,
        clock: IReactorTime,
        now: Callable[[], float],
        written: Callable[[], None],
        metrics: IMetrics,
        given_up: Callable[[Sequence[str], int], None] = lambda _names, _size: None,
    ) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._now = now
        self._written = written
        self._metrics = metrics
        self._given_up = given_up
        self._order = Lock()  # of those who take what waits and write it
        self._waiting = Backlog(store)
        self._later: IDelayedCall | None = None
        self._rings: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._refused = False
        self._failing = False
        self._lost = 0
        self._closed = False

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        if self._closed:
            self._lose(len(events))
            return succeed(None)
        durable = any(event.action is not EventAction.PULL for event in events)
        waits = durable and not self._failing
        told: Deferred[None] | None = Deferred() if waits else None
        *parts, last = self._encoded(events, durable)
        self._keep([*parts, evolve(last, told=told)])
        return succeed(None) if told is None else told

    def leave(self, encoded: bytes) -> None:
        if self._closed:
            self._lose(1)
            return
        size = len(encoded)
        self._keep([Kept((Entry(encoded, self._now()),), size, durable=False, told=None)])

    def note(self, encoded: Callable[[], Sequence[bytes]]) -> INote | None:
        return None if self._closed or self._failing else _Note(self, encoded)

    @deferred
    async def close(self) -> None:
        """Write what waits."""
        self._closed = True
        self._cancel()
        if self._rings is not None:
            self._rings.cancel()
            self._ring()
        failures = 0
        while failures < CLOSING_TRIES and (self._waiting or self._writing is not None):
            await (self._write() if self._writing is None else _ended(self._writing))
            failures = failures + 1 if self._failing else 0
        self._lose(self._waiting.events)
        self._waiting.clear()

    # what notes do, in any thread

    def write_here(self, all_encoded: Sequence[Callable[[], Sequence[bytes]]]) -> None:
        """
        Write events, after all that waits.  They need not be durable.

        :param all_encoded: make them.
        """
        try:
            with self._order:
                outcomes = self._write_made(self._made(all_encoded))
        except Exception:  # noqa: BLE001 - whatever it is, what they tell of has happened
            self.log.failure(_LOST)
            return
        for outcome in filter(None, outcomes):
            self._threads.tell(outcome)

    def _made(self, all_encoded: Sequence[Callable[[], Sequence[bytes]]]) -> list[Entry]:
        entries: list[Entry] = []
        now = self._now()
        for encoded in all_encoded:
            try:
                entries += [Entry(payload, now) for payload in encoded()]
            except Exception:  # noqa: BLE001 - the others are written all the same
                self.log.failure(_LOST)
        return entries

    def _write_made(self, made: Sequence[Entry]) -> Sequence[Callable[[], None] | None]:
        """:return: what is to be done then at once, in the reactor's thread."""
        size = sum([len(entry.payload) for entry in made])
        stuck = self._refused or self._failing
        if self._waiting or stuck or size > self._store.most:
            own = [[kept] for kept in in_parts(made, True, self._store.most)] if made else []
            # What can't be written stays where it is, before what comes now.
            waiting = () if stuck else iter(self._waiting.take, [])
            return [self._write_group(group) for group in (*waiting, *own)]
        try:
            if made:
                self._store.append(made, durable=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, no request fails of it
            self._refused = True  # what comes before that is known stays behind
            group = [Kept(tuple(made), size, durable=True, told=None)]
            return [partial(self._failed_here, group, error)]
        return ()

    def sync_here(self) -> None:
        """Make durable what was written so."""
        try:
            self._store.sync()
        except Exception:  # noqa: BLE001 - whatever it is, what they tell of has happened
            self.log.failure("events may not survive a power cut")

    def fileno(self) -> int:
        """:return: the descriptor of the file in which it was written; -1 for none."""
        return self._store.fileno()

    def written_here(self) -> None:
        """Hear, in the reactor's thread, that something may have been written."""
        if not self._failing and not self._closed and self._rings is None:
            self._rings = self._clock.callLater(RING_SECONDS, self._ring)

    def _ring(self) -> None:
        self._rings = None
        self._written()

    def _write_group(self, group: Sequence[Kept]) -> Callable[[], None] | None:
        """:return: what is to be done then at once, in the reactor's thread."""
        if self._refused or self._failing or group[0].size > self._store.most:
            return partial(self._keep, group)
        try:
            durable = any(kept.told is not None for kept in group)
            self._store.append(entries_in(group), durable=durable)
        except Exception as error:  # noqa: BLE001 - whatever it is, no request fails of it
            self._refused = True  # what comes before that is known stays behind
            return partial(self._failed_here, group, error)
        # To wake the reactor costs more than to write.
        return partial(tell, group) if durable else None

    # inside

    def _failed_here(self, group: Sequence[Kept], error: Exception) -> None:
        self._failed(group, error)
        tell(group)
        self._plan(soon=True)

    def _plan(self, soon: bool) -> None:
        if self._writing is not None or self._closed:
            return
        if self._failing:
            self._call(AGAIN_SECONDS)
        elif soon:
            self._begin()
        else:
            self._call(GATHER_SECONDS)

    def _call(self, seconds: float) -> None:
        if self._later is None:
            self._later = self._clock.callLater(seconds, self._begin)

    def _cancel(self) -> None:
        if self._later is not None and self._later.active():
            self._later.cancel()
        self._later = None

    def _begin(self) -> None:
        self._cancel()
        self._writing = self._write()
        if self._writing.called:
            self._writing = None

    def _encoded(self, events: Sequence[Event], durable: bool) -> Iterator[Kept]:
        """:return: events, in parts that are written at once."""
        now = self._now()
        entries = [Entry(encode(event), now) for event in events]
        return in_parts(entries, durable, self._store.most)

    def _keep(self, some: Sequence[Kept]) -> None:
        """Let some wait until they are written."""
        if self._closed:
            self._lose(events_in(some))
            return
        self._waiting.add(some)
        self._make_room()
        self._plan(any(kept.durable for kept in some))

    @deferred
    async def _write(self) -> None:
        """Write what waits, as much of it as may be written at once."""
        group, error = await self._threads.run(self._write_waiting)
        if error is not None:
            self._failed(group, error)
        else:
            if group and group[0].size > self._store.most:
                await self._bury(*group[0].entries)
            if group:
                self._succeeded()
        tell(group)
        self._writing = None
        if self._waiting:
            self._plan(self._waiting.durable)

    def _write_waiting(self) -> tuple[list[Kept], Exception | None]:
        """
        In the thread: whoever takes some has to write them before anybody else takes more.

        :return: what was taken, and why it could not be written.  One that is too large isn't.
        """
        with self._order:
            group = self._waiting.take()
            if group and group[0].size <= self._store.most:
                try:
                    durable = any(kept.durable for kept in group)
                    self._store.append(entries_in(group), durable=durable)
                except Exception as error:  # noqa: BLE001 - whatever it is, no request fails of it
                    return group, error
        return group, None

    async def _bury(self, entry: Entry) -> None:
        """Whatever comes of it, it is in nobody's way."""
        try:
            names = await self._threads.run(self._store.bury, entry)
        except Exception:  # noqa: BLE001 - whatever it is, the others go on
            self.log.failure("a dead letter can't be written, and its event is lost")
            self._lose(1)
        else:
            self._given_up(names, len(entry.payload))

    def _succeeded(self) -> None:
        if self._failing:
            self._refused = self._failing = False
            self.log.info("the outbox can be written again; events lost: {lost}", lost=self._lost)
            self._lost = 0
            self._metrics.level(WAITING, {}, 0)
        self._written()

    def _failed(self, group: Sequence[Kept], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self.log.error(
                "the outbox can't be written: {error}; events wait in memory, up to {room} bytes, "
                "and don't outlive the process",
                error=error,
                room=ROOM,
            )
        others = self._waiting.put_back(group)
        self._make_room()
        tell(others)
        self._metrics.level(WAITING, {}, self._waiting.events)

    def _make_room(self) -> None:
        gone = self._waiting.make_room(ROOM)
        tell(gone)
        self._lose(events_in(gone))

    def _lose(self, number: int) -> None:
        if not number:
            return
        if not self._lost:
            self.log.error(
                "events that the outbox can't take are lost from now on, the oldest first"
            )
        self._lost += number
        self._metrics.count(LOST, {}, number)


def _ended(waiting: Deferred[None]) -> Deferred[None]:
    ended: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        ended.callback(None)
        return result

    waiting.addBoth(pass_on)
    return ended
