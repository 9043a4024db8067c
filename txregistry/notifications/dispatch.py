"""
The one that delivers: takes events out of the journal, into the outbox and to every endpoint.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import evolve
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from txregistry.deferreds import Threads, deferred
from txregistry.notifications.ages import Ages
from txregistry.notifications.bell import Bell
from txregistry.notifications.database import Unusable
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.directory import is_at, locked, open_lock
from txregistry.notifications.endpoint import Endpoint
from txregistry.notifications.entries import Cursor, Excess
from txregistry.notifications.intake import Intake
from txregistry.notifications.store import Store

LOOK_SECONDS: Final = 5.0
"""How often it is looked for events, should nobody have rung."""

DEAF_SECONDS: Final = 0.5
"""The same, where nobody can ring."""

SAVE_SECONDS: Final = 0.25
"""How long it may take until it is noted how far an endpoint has come.  What was delivered in this
time before a process is killed is delivered again."""

CLEAN_SECONDS: Final = 2.0
"""How often room is made."""

LOCK_SECONDS: Final = 1.0
"""How often it is asked whether the predecessor has ended."""

FLUSH_SECONDS: Final = 5.0
"""How long the end may take, if endpoints take events as fast as they can."""

TAKE_SECONDS: Final = 0.2
"""How long events are taken out of the journal in one go, in the thread in which endpoints read."""

LAZY_SECONDS: Final = 30.0
"""How often events are taken out of the journal while no endpoint could be told of them."""

LAZY_BYTES: Final = 8 * 1024 * 1024
"""How large the journal is when they are taken sooner, unless the outbox is small."""


MakeEndpoint = Callable[[str, Store, Threads, Callable[[], None]], Endpoint]


class Dispatcher:
    """
    Delivers, in one process of those that share an outbox.

    :param reactor: has the time, and watches the bell.
    :param store: the outbox, on a connection of its own.
    :param threads: one thread.
    :param now: seconds since 1970.
    :param endpoint: makes an endpoint: by name, reading the store in these threads, and calling
        the function when something changed.
    :param names: of all endpoints.
    :param maxage: seconds that an event is kept.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        store: Store,
        threads: Threads,
        now: Callable[[], float],
        endpoint: MakeEndpoint,
        names: Sequence[str],
        maxage: float,
    ) -> None:
        self._reactor = reactor
        self._store = store
        self._threads = threads
        self._ages = Ages(store.directory, now)
        self._maxage = maxage
        self._dead = DeadLetters(store.directory)
        self._intake = Intake(store)
        self._endpoints = [endpoint(name, store, threads, self._changed) for name in names]
        self._bell = Bell(reactor, store.directory.bell, self.wake) if store.directory else None
        self._lock = -1
        self._calls: dict[str, IDelayedCall] = {}
        self._working: dict[str, Deferred[None]] = {}
        self._complaint = ""
        self._saved: dict[str, Cursor] = {}
        self._delivering = False
        self._behind = False
        self._taken_at = -LAZY_SECONDS

    def start(self) -> None:
        """Deliver from now on, or as soon as the one before has ended."""
        if not self._lock_taken():
            self._call("start", LOCK_SECONDS, self.start)
            return
        self._delivering = True
        self._look()
        self._clean()

    def wake(self) -> None:
        """There is something in the journal or the outbox."""
        self._behind = True
        if self._is_wanted():
            self._take()

    @deferred
    async def stop(self, *, closing: bool = True) -> None:
        """
        Deliver what there is for a few seconds at most; the rest is for the next start.

        :param closing: whether to let go of the store.
        """
        delivering, self._delivering = self._delivering, False
        for call in self._calls.values():
            call.cancel()
        self._calls.clear()
        if self._bell is not None:
            self._bell.stop()
        for working in list(self._working.values()):
            await _settled(working)
        if delivering:
            await self._take_in(FLUSH_SECONDS)
            await self._end_endpoints()
            await self._save()
        if closing:
            await self._threads.run(self._store.close)
        self._intake.close()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    # inside

    def _is_wanted(self) -> bool:
        """
        :return: whether an endpoint could be told of something.  Whoever pushes needs the machine
            more than endpoints that are away: what they aren't told of now is taken later, in
            larger pieces.
        """
        return any(not endpoint.is_let_alone for endpoint in self._endpoints)

    def _take(self) -> None:
        """Take events out of the journal, and wake endpoints; or again, if it is being done."""
        if not self._delivering or "take" in self._working:
            return
        self._behind = False
        self._work("take", self._take_and_wake(), self._take_more)

    def _take_more(self) -> None:
        if self._behind:
            self.wake()

    @deferred
    async def _take_and_wake(self) -> None:
        await self._take_in(TAKE_SECONDS)

    async def _take_in(self, seconds: float) -> bool:
        """:return: whether that was possible.  Endpoints are woken anyway."""
        possible = await self._taken(seconds)
        if self._delivering:
            for endpoint in self._endpoints:
                endpoint.wake()
        return possible

    async def _taken(self, seconds: float) -> bool:
        now = self._reactor.seconds()
        is_time = not self._delivering or self._is_wanted() or now >= self._taken_at + LAZY_SECONDS
        least = 0 if is_time else min(LAZY_BYTES, self._store.maxsize // 8)
        try:
            taken = await self._threads.run(self._intake.take, seconds, least)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._complain(str(error))
            return False
        if is_time:
            self._taken_at = now
        self._behind |= taken.more
        return True

    async def _end_endpoints(self) -> None:
        late = self._reactor.callLater(FLUSH_SECONDS, self._abandon)
        await DeferredList([endpoint.stop() for endpoint in self._endpoints])
        if late.active():
            late.cancel()
        for endpoint in self._endpoints:
            await endpoint.abandon()

    def _abandon(self) -> None:
        for endpoint in self._endpoints:
            endpoint.abandon()

    def _lock_taken(self) -> bool:
        if self._store.directory is None or self._lock >= 0:
            return True
        try:
            self._lock = open_lock(self._store.directory.delivering)
            if locked(self._lock):
                return True
            os.close(self._lock)
        except OSError as error:
            self._complain(f"can't be locked: {error}")
        self._lock = -1
        return False

    def _call(self, what: str, seconds: float, function: Callable[[], None]) -> None:
        def call() -> None:
            del self._calls[what]
            function()

        if what not in self._calls:
            self._calls[what] = self._reactor.callLater(seconds, call)

    def _work(self, what: str, working: Deferred[None], then: Callable[[], None]) -> None:
        """Go on with something when it has been done."""

        def done(result: Any) -> Any:
            self._working.pop(what, None)
            if self._delivering:
                then()
            return result

        self._working[what] = working
        working.addCallback(done)

    def _look(self) -> None:
        self._have_again()
        hears = self._bell is None or self._bell.hears() or self._bell.listen()
        self._call("look", LOOK_SECONDS if hears else DEAF_SECONDS, self._look)
        self.wake()

    def _have_again(self) -> None:
        """Take the lock in the directory that there is now, should somebody have removed it."""
        directory = self._store.directory
        if directory is not None and not is_at(self._lock, directory.delivering):
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1
            self._lock_taken()

    def _changed(self) -> None:
        if self._delivering:
            self._call("save", SAVE_SECONDS, self._begin_save)
            if self._behind:
                self.wake()

    def _begin_save(self) -> None:
        self._work("save", self._save(), lambda: None)

    def _clean(self) -> None:
        again = lambda: self._call("clean", CLEAN_SECONDS, self._clean)  # noqa: E731 - short
        self._work("clean", self._make_room(), again)

    @deferred
    async def _save(self) -> None:
        """Note how far endpoints have come."""
        cursors = {each.name: Cursor(each.position, each.state()) for each in self._endpoints}
        by_file: dict[str, dict[str, Cursor]] = {}
        for endpoint in self._endpoints:
            cursor = cursors[endpoint.name]
            if endpoint.reading.identity and self._saved.get(endpoint.name) != cursor:
                by_file.setdefault(endpoint.reading.identity, {})[endpoint.name] = cursor
        try:
            for identity, some in by_file.items():
                await self._threads.run(self._store.save, some, identity)
                self._saved.update(some)
        except Unusable as error:
            self._complain(str(error))

    @deferred
    async def _make_room(self) -> None:
        """Take what was written, remove what is too old or too much, and count what waits."""
        taken = await self._take_in(TAKE_SECONDS)
        try:
            while excess := await self._threads.run(self._excess):
                await self._remove(excess)
            await self._threads.run(self._store.tidy)
            await self._count()
            if taken:
                self._complaint = ""
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._complain(str(error))

    def _excess(self) -> Sequence[Excess]:
        """In a thread."""
        first, newest = self._store.first(), self._store.newest()
        return self._store.excess(self._ages.oldest(self._maxage, first, newest))

    async def _remove(self, excess: Sequence[Excess]) -> None:
        upto = excess[-1].seq
        given_up = [evolve(each, missing=self._missing(each)) for each in excess]
        await self._threads.run(self._dead.add, given_up)
        for endpoint in self._endpoints:
            endpoint.reading.forget(upto)
        await self._threads.run(self._store.remove, upto)
        for endpoint in self._endpoints:
            number = sum(endpoint.name in each.missing for each in given_up)
            if number:
                endpoint.counts.given_up(number)
                self.log.error(
                    "endpoint {name}: {number} events are given up, since the outbox holds no "
                    "more or they are too old ({reason}); they are written to {path}",
                    name=endpoint.name,
                    number=number,
                    reason=given_up[-1].reason,
                    path=self._store.directory.dead_letters if self._store.directory else "nowhere",
                )

    def _missing(self, excess: Excess) -> tuple[str, ...]:
        """:return: the endpoints that were to be told of an event, and never will be."""
        return tuple(
            endpoint.name
            for endpoint in self._endpoints
            if endpoint.name in excess.missing
            and endpoint.reading.misses(excess.seq, excess.payload)
        )

    async def _count(self) -> None:
        """Tell how much waits: all that came since, for to count them would be to read them."""
        newest = await self._threads.run(self._store.newest)
        for endpoint in self._endpoints:
            endpoint.counts.pending(max(newest - endpoint.position, 0))

    def _complain(self, text: str) -> None:
        if text != self._complaint:
            self._complaint = text
            self.log.error("the outbox: {text}; it is tried again", text=text)


def _settled(working: Deferred[None]) -> Deferred[None]:
    settled: Deferred[None] = Deferred()

    def pass_on(result: Any) -> Any:
        settled.callback(None)
        return result

    if working.called:
        return succeed(None)
    working.addBoth(pass_on)
    return settled
