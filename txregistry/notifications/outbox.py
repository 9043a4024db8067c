"""
The outbox as those see it who put events there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Final, Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import Threads, deferred
from txregistry.interfaces import IMetrics, ISink
from txregistry.model.event import Event, EventAction, encode
from txregistry.notifications.counting import LOST, WAITING
from txregistry.notifications.store import Entry

GATHER_SECONDS: Final = 0.05
"""How long pulls wait for others to be kept with."""

AGAIN_SECONDS: Final = 1.0
"""After which it is tried again to write to an outbox that can't be written."""

ROOM: Final = 16 * 1024 * 1024
"""Bytes of events that wait in memory at most."""

CLOSING_TRIES: Final = 2


class Keeps(Protocol):
    """
    What is needed of a store.  Both are called in threads, but for :attr:`most`.
    """

    @property
    def most(self) -> int:
        """Bytes that are written at once at most."""

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


@frozen
class _Kept:
    """
    One write that waits, or a part of it that is written at once.

    :param durable: whether a power cut may not touch it.
    :param told: fires when it is in the outbox; ``None`` if nobody waits for it.
    """

    entries: tuple[Entry, ...]
    size: int
    durable: bool
    told: Deferred[None] | None


@implementer(ISink)
class Outbox:
    """
    Writes events to the store.

    All that waits is written in one transaction, in a thread, as far as the store takes it at once;
    what comes meanwhile waits for the next.  A store that can't be written fails nobody: events
    wait in memory then, and if there are too many, the oldest are lost, and counted.  An event that
    the store will never take is a dead letter at once, and so is in nobody's way.

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
        self._waiting: deque[_Kept] = deque()
        self._size = 0
        self._later: IDelayedCall | None = None
        self._writing: Deferred[None] | None = None
        self._failing = False
        self._lost = 0
        self._closed = False

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        if self._closed:
            self._lose(len(events))
            return succeed(None)
        now = self._now()
        durable = any(event.action is not EventAction.PULL for event in events)
        waits = durable and not self._failing
        told: Deferred[None] | None = Deferred() if waits else None
        *parts, last = _parts([Entry(encode(event), now) for event in events], self._store.most)
        for entries in parts:
            self._keep(entries, durable, None)
        self._keep(last, durable, told)
        self._make_room()
        self._plan(durable)
        return succeed(None) if told is None else told

    @deferred
    async def close(self) -> None:
        """Write what waits."""
        self._closed = True
        self._cancel()
        failures = 0
        while failures < CLOSING_TRIES and (self._waiting or self._writing is not None):
            await (self._write() if self._writing is None else _ended(self._writing))
            failures = failures + 1 if self._failing else 0
        self._lose(sum(len(kept.entries) for kept in self._waiting))
        self._waiting.clear()

    # inside

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

    def _keep(self, entries: tuple[Entry, ...], durable: bool, told: Deferred[None] | None) -> None:
        kept = _Kept(entries, sum(len(entry.payload) for entry in entries), durable, told)
        self._waiting.append(kept)
        self._size += kept.size

    @deferred
    async def _write(self) -> None:
        """Write what waits, as much of it as may be written at once."""
        group = self._take()
        try:
            await self._put(group)
        except Exception as error:  # noqa: BLE001 - whatever it is, no request fails of it
            self._failed(group, error)
        else:
            self._succeeded()
        for kept in group:
            if kept.told is not None:
                kept.told.callback(None)
        self._writing = None
        if self._waiting:
            self._plan(any(kept.durable for kept in self._waiting))

    def _take(self) -> list[_Kept]:
        group = [self._waiting.popleft()]
        size = group[0].size
        while self._waiting and size + self._waiting[0].size <= self._store.most:
            size += self._waiting[0].size
            group.append(self._waiting.popleft())
        self._size -= size
        return group

    async def _put(self, group: Sequence[_Kept]) -> None:
        if group[0].size > self._store.most:
            await self._bury(*group[0].entries)
            return
        entries = [entry for kept in group for entry in kept.entries]
        durable = any(kept.durable for kept in group)
        await self._threads.run(self._store.append, entries, durable=durable)

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
            self._failing = False
            self.log.info("the outbox can be written again; events lost: {lost}", lost=self._lost)
            self._lost = 0
            self._metrics.level(WAITING, {}, 0)
        self._written()

    def _failed(self, group: Sequence[_Kept], error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self.log.error(
                "the outbox can't be written: {error}; events wait in memory, up to {room} bytes, "
                "and don't outlive the process",
                error=error,
                room=ROOM,
            )
        # Nobody waits for them any more, nor for what came meanwhile.
        waiting = [kept.told for kept in self._waiting if kept.told is not None]
        self._waiting = deque(evolve(kept, told=None) for kept in (*group, *self._waiting))
        self._size += sum(kept.size for kept in group)
        self._make_room()
        for told in waiting:
            told.callback(None)
        self._metrics.level(WAITING, {}, sum(len(kept.entries) for kept in self._waiting))

    def _make_room(self) -> None:
        number = 0
        while self._size > ROOM and len(self._waiting) > 1:
            kept = self._waiting.popleft()
            self._size -= kept.size
            number += len(kept.entries)
            if kept.told is not None:
                kept.told.callback(None)
        self._lose(number)

    def _lose(self, number: int) -> None:
        if not number:
            return
        if not self._lost:
            self.log.error(
                "events that the outbox can't take are lost from now on, the oldest first"
            )
        self._lost += number
        self._metrics.count(LOST, {}, number)


def _parts(entries: Sequence[Entry], most: int) -> Iterator[tuple[Entry, ...]]:
    """
    :param most: bytes.
    :return: the events in parts that are no larger, unless it is one event that is.
    """
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and size + len(entry.payload) > most:
            yield tuple(part)
            part, size = [], 0
        part.append(entry)
        size += len(entry.payload)
    yield tuple(part)


def _ended(waiting: Deferred[None]) -> Deferred[None]:
    ended: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        ended.callback(None)
        return result

    waiting.addBoth(pass_on)
    return ended
