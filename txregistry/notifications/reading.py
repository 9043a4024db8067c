"""
What an endpoint has yet to be told, in order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from attrs import frozen
from twisted.logger import Logger

from txregistry.deferreds import Threads, deferred
from txregistry.model.event import Event, decode
from txregistry.notifications.counting import Counts
from txregistry.notifications.entries import Row
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.store import Store

AHEAD: Final = 500
"""Events that are read at once, if they are small."""


@frozen
class Waiting:
    """
    An event that an endpoint is to be told.

    :param seq: its place in the outbox.
    """

    seq: int
    event: Event


@frozen
class _Found:
    """
    What was read.

    :param identity: of the file.
    :param after: the place that it follows.
    :param waiting: what of it the endpoint is to be told.
    """

    identity: str
    after: int
    rows: Sequence[Row]
    waiting: Sequence[Waiting]


class Reading:
    """
    Reads the outbox for one endpoint.

    :param store: the outbox.
    :param threads: where it is read.
    :param name: of the endpoint.
    :param ignored: which events it isn't told.
    :param counts: told how many it is.
    :ivar position: of the last event that the endpoint needs no more.
    :ivar identity: of the file in which it has that place.
    """

    log = Logger()

    def __init__(
        self, store: Store, threads: Threads, name: str, ignored: Ignored, counts: Counts
    ) -> None:
        self.position = 0
        self.identity = ""
        self._store = store
        self._threads = threads
        self._name = name
        self._ignored = ignored
        self._counts = counts
        self._read = 0
        self._ahead: deque[Waiting] = deque()

    @deferred
    async def next(self, most: int) -> Sequence[Waiting]:
        """
        :return: the next events, at most so many; none if there is none.
        :raises Unusable: if the outbox can't be read.
        """
        while not self._ahead:
            found = await self._threads.run(self._look, self.identity, self._read, max(most, AHEAD))
            if found.identity != self.identity:
                self.identity, self.position = found.identity, found.after
                self._read = found.after
            if not found.rows:
                # All that was read is done with.
                self.position = max(self.position, self._read)
                return ()
            self._read = found.rows[-1].seq
            self._ahead.extend(found.waiting)
            self._counts.taken(len(found.waiting))
        return [self._ahead[number] for number in range(min(most, len(self._ahead)))]

    def passed(self, events: Sequence[Waiting]) -> None:
        """The endpoint has them."""
        for each in events:
            if self._ahead and self._ahead[0].seq <= each.seq:
                self._ahead.popleft()
        self.position = max(self.position, events[-1].seq)
        if not self._ahead:
            self.position = max(self.position, self._read)

    def forget(self, upto: int) -> None:
        """Events have been removed from the outbox."""
        while self._ahead and self._ahead[0].seq <= upto:
            self._ahead.popleft()

    def misses(self, seq: int, payload: bytes) -> bool:
        """:return: whether the endpoint was to be told of an event, and has not been."""
        if seq <= self.position:
            return False
        return self._decoded(Row(seq, payload)) is not None

    # in a thread

    def _look(self, identity: str, after: int, most: int) -> _Found:
        rows = self._store.read(self._name, after, most)
        if self._store.identity != identity:
            # The file that this comes from is not the one that the place was meant for.
            cursor = self._store.cursors().get(self._name)
            after = cursor.seq if cursor else 0
            rows = self._store.read(self._name, after, most)
        waiting = [each for each in map(self._decoded, rows) if each is not None]
        return _Found(self._store.identity, after, rows, waiting)

    def _decoded(self, row: Row) -> Waiting | None:
        if row.payload is None:
            return None
        try:
            event = decode(row.payload)
        except ValueError as error:
            self.log.error(  # noqa: TRY400 - Twisted's logger has no other, and this says it all
                "event {seq} of the outbox can't be read, and is left out: {error}",
                seq=row.seq,
                error=error,
            )
            return None
        return None if event in self._ignored else Waiting(row.seq, event)
