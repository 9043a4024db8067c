"""
A cache in the memory of this process.
"""

from __future__ import annotations

from typing import Final

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.cache.counting import Counts
from txregistry.cache.epochs import Epochs
from txregistry.interfaces import IBlobDescriptorCache, Stored, Ticket
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.recent import Recent

#: What stands for "unlimited".  So many entries take about half a gigabyte.
UNLIMITED: Final = 1024 * 1024


@implementer(IBlobDescriptorCache)
class MemoryDescriptorCache:
    """
    Remembers what was used lately, each with the epoch in which it was seen.

    :param epochs: those of the processes that have the same storage.
    :param capacity: how many entries; 0 or less for :data:`UNLIMITED`.
    """

    def __init__(self, epochs: Epochs, capacity: int, counts: Counts | None = None) -> None:
        self._epochs = epochs
        self._counts = counts or Counts()
        self._entries: Recent[tuple[RepositoryName, Digest], tuple[Stored, int]] = Recent(
            capacity if capacity > 0 else UNLIMITED
        )

    def look_up(self, name: RepositoryName, digest: Digest) -> Deferred[Stored | Ticket]:
        self._counts.request()
        epoch = self._epochs.of(name)
        entry = self._entries.get((name, digest))
        if entry is not None and entry[1] == epoch:
            self._counts.hit()
            return succeed(entry[0])
        return succeed(Ticket(epoch))

    def ticket(self, name: RepositoryName) -> Deferred[Ticket]:
        return succeed(Ticket(self._epochs.of(name)))

    def put(self, name: RepositoryName, stored: Stored, ticket: Ticket) -> Deferred[None]:
        # If the ticket's epoch is over, look_up will not believe it.
        self._entries.put((name, stored.descriptor.digest), (stored, ticket.epoch))
        return succeed(None)

    def clear(self, name: RepositoryName, digest: Digest) -> Deferred[None]:
        self._epochs.end(name)
        self._entries.forget((name, digest))
        return succeed(None)
