"""
Where a process puts its events: an outbox in memory, as long as there is no other, and then one on
disk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from txregistry.model.event import decode
from txregistry.notifications.database import Sealed
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Entry, Excess
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.store import Store


class Writer:
    """
    Puts events into an outbox, and into the next when that one has been sealed.  Everything here
    blocks, and is called in threads.

    :param stores: the outboxes, at least one.
    :param ignored: what each endpoint isn't told.
    :param switched: called when another outbox is written to from now on.
    """

    def __init__(
        self,
        stores: Sequence[Store],
        ignored: Mapping[str, Ignored],
        switched: Callable[[], None] = lambda: None,
    ) -> None:
        self._store, *self._next = stores
        self._ignored = ignored
        self._switched = switched

    @property
    def most(self) -> int:
        """Bytes that are written at once at most, in whichever outbox."""
        return min(store.most for store in (self._store, *self._next))

    @property
    def directory(self) -> OutboxDirectory | None:
        """Where they are put now."""
        return self._store.directory

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Keep events, all or none of them.

        :raises Unusable: if that can't be.
        """
        try:
            self._store.append(entries, durable=durable)
        except Sealed:
            if not self._next:
                raise
            # What was here has been put there already, so theirs is the right order.
            self._store.close()
            self._store = self._next.pop(0)
            self._switched()
            self._store.append(entries, durable=durable)

    def fileno(self) -> int:
        """:return: the descriptor of the file that would have to be synced; -1 if there is none."""
        return self._store.fileno()

    def sync(self) -> None:
        """
        Make durable what was kept.

        :raises Unusable: if that can't be.
        """
        self._store.sync()

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
