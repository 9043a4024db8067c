"""
The outbox as those see it who put events there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import Threads, deferred
from txregistry.interfaces import IMetrics, ISink
from txregistry.model.event import Event, EventAction, encode
from txregistry.notifications.counting import LOST
from txregistry.notifications.store import Entry, Store

GATHER_SECONDS: Final = 0.05
"""How long pulls wait for others to be kept with."""

AGAIN_SECONDS: Final = 1.0
"""After which it is tried again to write to an outbox that can't be written."""

ROOM: Final = 16 * 1024 * 1024
"""Bytes of events that wait in memory at most."""

CLOSING_TRIES: Final = 2


@frozen
class _Kept:
    """
    One write that waits.

    :param told: fires when it is in the outbox; ``None`` if nobody waits for it.
    """

    entries: tuple[Entry, ...]
    size: int
    told: Deferred[None] | None


@implementer(ISink)
class Outbox:
    """
    Writes events to the store.

    All that waits is written in one transaction, in a thread; what comes meanwhile waits for the
    next.  A store that can't be written fails nobody: events wait in memory then, and if there are
    too many, the oldest are lost, and counted.

    :param store: which nobody else writes to in this process.
    :param threads: one thread.
    :param clock: calls when pulls have waited, and when it is time to try again.
    :param now: seconds since 1970.
    :param written: called when something was written.
    :param metrics: where it is counted what is lost.
    """

    log = Logger()

    def __init__(
        self,
        store: Store,
        threads: Threads,
        clock: IReactorTime,
        now: Callable[[], float],
        written: Callable[[], None],
        metrics: IMetrics,
    ) -> None:
        self._store = store
        self._threads = threads
        self._clock = clock
        self._now = now
        self._written = written
        self._metrics = metrics
        self._waiting: deque[_Kept] = deque()
        self._size = 0
        self._durable = False
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
        entries = tuple(Entry(encode(event), now) for event in events)
        size = sum(len(entry.payload) for entry in entries)
        durable = any(event.action is not EventAction.PULL for event in events)
        waits = durable and not self._failing
        told: Deferred[None] | None = Deferred() if waits else None
        self._waiting.append(_Kept(entries, size, told))
        self._size += size
        self._durable = self._durable or durable
        self._make_room()
        self._plan(durable)
        return succeed(None) if told is None else told

    @deferred
    async def close(self) -> None:
        """Write what waits."""
        self._closed = True
        self._cancel()
        for _ in range(CLOSING_TRIES):
            if self._writing is not None:
                await _ended(self._writing)
            self._cancel()
            if self._waiting:
                await self._write()
        self._cancel()
        self._lose(len(self._waiting))

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

    @deferred
    async def _write(self) -> None:
        """Write all that waits."""
        group, durable = list(self._waiting), self._durable
        self._waiting.clear()
        self._size, self._durable = 0, False
        entries = [entry for kept in group for entry in kept.entries]
        try:
            await self._threads.run(self._store.append, entries, durable=durable)
        except Exception as error:  # noqa: BLE001 - whatever it is, no request fails of it
            self._failed(group, durable, error)
        else:
            self._succeeded()
        for kept in group:
            if kept.told is not None:
                kept.told.callback(None)
        self._writing = None
        if self._waiting:
            self._plan(self._durable)

    def _succeeded(self) -> None:
        if self._failing:
            self._failing = False
            self.log.info("the outbox can be written again; events lost: {lost}", lost=self._lost)
            self._lost = 0
        self._written()

    def _failed(self, group: Sequence[_Kept], durable: bool, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            self.log.error(
                "the outbox can't be written: {error}; events wait in memory, up to {room} bytes, "
                "and don't outlive the process",
                error=error,
                room=ROOM,
            )
        # Nobody waits for them any more.
        self._waiting.extendleft(_Kept(kept.entries, kept.size, None) for kept in reversed(group))
        self._size += sum(kept.size for kept in group)
        self._durable = self._durable or durable
        self._make_room()

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


def _ended(waiting: Deferred[None]) -> Deferred[None]:
    ended: Deferred[None] = Deferred()

    def pass_on(result: object) -> object:
        ended.callback(None)
        return result

    waiting.addBoth(pass_on)
    return ended
