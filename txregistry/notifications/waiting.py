"""
What waits in memory until it is written to an outbox.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from threading import Lock
from typing import Protocol

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from txregistry.notifications.entries import Entry


class Takes(Protocol):
    """
    What takes so much at once.
    """

    @property
    def most(self) -> int:
        """Bytes that are written at once at most."""


@frozen
class Kept:
    """
    One write that waits, or a part of it that is written at once.

    :param size: of its events, in bytes.
    :param durable: whether a power cut may not touch it.
    :param told: fires when it is in the outbox; ``None`` if nobody waits for it.
    """

    entries: tuple[Entry, ...]
    size: int
    durable: bool
    told: Deferred[None] | None


class Backlog:
    """
    Writes in their order, for threads that put some there and others that take them.

    :param store: that they are for.
    """

    def __init__(self, store: Takes) -> None:
        self._store = store
        self._lock = Lock()
        self._writes: deque[Kept] = deque()
        self._size = 0

    def __bool__(self) -> bool:
        return bool(self._writes)

    @property
    def events(self) -> int:
        """How many events wait."""
        with self._lock:
            return events_in(self._writes)

    @property
    def durable(self) -> bool:
        """Whether there are some that a power cut may not touch."""
        with self._lock:
            return any(kept.durable for kept in self._writes)

    def add(self, some: Sequence[Kept]) -> None:
        """Let some wait, after all others."""
        with self._lock:
            self._writes.extend(some)
            self._size += sum(kept.size for kept in some)

    def take(self) -> list[Kept]:
        """:return: as many of the oldest as are written at once, at least one if there is one."""
        with self._lock:
            group: list[Kept] = []
            size = 0
            while self._writes and (not group or size + self._writes[0].size <= self._store.most):
                group.append(self._writes.popleft())
                size += group[-1].size
            self._size -= size
        return group

    def put_back(self, group: Sequence[Kept]) -> list[Kept]:
        """
        Let some wait once more, before all others.  Nobody waits for them any more, nor for what
        came meanwhile.

        :return: what came meanwhile.
        """
        with self._lock:
            others = list(self._writes)
            self._writes = deque(evolve(kept, told=None) for kept in (*group, *others))
            self._size += sum(kept.size for kept in group)
        return others

    def make_room(self, room: int) -> list[Kept]:
        """
        Let go of the oldest, but never of the last.

        :param room: bytes that may wait.
        :return: those that wait no more.
        """
        gone: list[Kept] = []
        with self._lock:
            while self._size > room and len(self._writes) > 1:
                gone.append(self._writes.popleft())
                self._size -= gone[-1].size
        return gone

    def clear(self) -> None:
        """Let go of all."""
        with self._lock:
            self._writes.clear()
            self._size = 0


def in_parts(entries: Sequence[Entry], durable: bool, most: int) -> Iterator[Kept]:
    """
    :param most: bytes.
    :return: the events in parts that are no larger, unless it is one event that is.
    """
    part: list[Entry] = []
    size = 0
    for entry in entries:
        if part and size + len(entry.payload) > most:
            yield Kept(tuple(part), size, durable, None)
            part, size = [], 0
        part.append(entry)
        size += len(entry.payload)
    yield Kept(tuple(part), size, durable, None)


def entries_in(writes: Sequence[Kept]) -> list[Entry]:
    """:return: the events of some writes, in their order."""
    return [entry for kept in writes for entry in kept.entries]


def events_in(writes: Collection[Kept]) -> int:
    """:return: how many events there are in some writes."""
    return sum(len(kept.entries) for kept in writes)


def tell(writes: Sequence[Kept]) -> None:
    """Tell those who wait for them."""
    for kept in writes:
        if kept.told is not None:
            kept.told.callback(None)
