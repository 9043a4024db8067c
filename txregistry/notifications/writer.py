"""
Where a process puts its events: an outbox in memory, as long as there is no other, and then the
journal of one on disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from txregistry.model.event import decode
from txregistry.notifications.database import Sealed
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry, Excess
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.waiting import Takes


class Place(Takes, Protocol):
    """
    A place for events.
    """

    @property
    def directory(self) -> OutboxDirectory | None:
        """Of the outbox; ``None`` for one in memory."""

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Keep events, all or none of them.

        :raises Unusable: if that can't be.
        """

    def fileno(self) -> int:
        """:return: the descriptor of the file that would have to be synced; -1 if there is none."""

    def sync(self) -> None:
        """
        Make durable what was kept.

        :raises Unusable: if that can't be.
        """

    def close(self) -> None:
        """Let go of it."""


class Writer:
    """
    Puts events in a place, and in the next when that one has been sealed.  Everything here blocks,
    and is called in threads.

    :param places: at least one.
    :param ignored: what each endpoint isn't told.
    :param switched: called when they are put in another place from now on.
    :ivar most: bytes that are written at once at most, in whichever place.
    """

    def __init__(
        self,
        places: Sequence[Place],
        ignored: Mapping[str, Ignored],
        switched: Callable[[], None] = lambda: None,
    ) -> None:
        self._place, *self._next = places
        self._ignored = ignored
        self._switched = switched
        self.most = min(place.most for place in places)

    @property
    def directory(self) -> OutboxDirectory | None:
        """Where they are put now."""
        return self._place.directory

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Keep events, all or none of them.

        :raises Unusable: if that can't be.
        """
        try:
            self._place.append(entries, durable=durable)
        except Sealed:
            if not self._next:
                raise
            # What was here has been put there already, so theirs is the right order.
            self._place.close()
            self._place = self._next.pop(0)
            self.most = min(place.most for place in (self._place, *self._next))
            self._switched()
            self._place.append(entries, durable=durable)

    def fileno(self) -> int:
        """:return: the descriptor of the file that would have to be synced; -1 if there is none."""
        return self._place.fileno()

    def sync(self) -> None:
        """
        Make durable what was kept.

        :raises Unusable: if that can't be.
        """
        self._place.sync()

    def bury(self, entry: Entry) -> Sequence[str]:
        """
        Make a dead letter of an event that is too large.

        :return: the endpoints that should have been told of it.
        :raises OSError: if that can't be.
        """
        event = decode(entry.payload)
        names = [name for name, ignored in self._ignored.items() if event not in ignored]
        excess = Excess(0, entry.at, entry.payload, tuple(names), "maxsize")
        DeadLetters(self.directory).add([excess])
        return names
