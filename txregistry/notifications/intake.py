"""
How events come from the journal into the outbox.

Several processes write, each to segments of its own, and who delivers has to bring their events
into an order: if a client had an answer before it asked for something else, perhaps of another
process, the event of the first comes before that of the second.  It does so by the moments of the
records:

* The first was written before its client was answered, and so before the moment of the second.
* What is taken is from before a moment that precedes the look for segments.  If the second is
  taken, its moment is earlier than that, and so the first had been written before anybody looked:
  it is seen as well, and has the earlier moment of the two.

A record that is not there to its end when it is looked for is for the next time; nobody has been
told yet that it is kept.  Moments of different lives of the machine can't be compared: earlier
lives come first.

The events and how far they have been taken are written in one transaction.  So whenever this ends,
each event is in the outbox or still to be taken, and never both.
"""

from __future__ import annotations

import errno
import heapq
import math
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from attrs import Factory, define, frozen
from twisted.logger import Logger

from txregistry.notifications.boot import boot_id
from txregistry.notifications.database import Unusable, forget_oldest
from txregistry.notifications.directory import FileLock, OutboxDirectory, is_locked, sync_directory
from txregistry.notifications.entries import Entry
from txregistry.notifications.segment import (
    PIECE,
    Head,
    Reader,
    Record,
    bytes_in,
    head_of,
    segments_in,
    unfinished_in,
)
from txregistry.notifications.store import Store

AT_ONCE: Final = 1024 * 1024
"""Bytes of events in a transaction, or one record."""

ODD_SECONDS: Final = 1.0
"""How long what is no record may be one that is just being written."""

_MEMORY: Final = 8 * 1024 * 1024
"""Bytes of all segments that are in memory at once, if there are not very many."""

_LEAST_PIECE: Final = 4096

ASIDE: Final = "journal.damaged-"

_UNREADABLE: Final = {errno.EIO, errno.EACCES, errno.EISDIR, errno.ELOOP}
"""What a file may be, in itself, that can't be read."""

_Ranked = tuple[int, int, str, Record]
"""A record, after what it is ordered by: life of the machine, moment and segment."""


@frozen
class Taken:
    """
    What was done.

    :param events: how many were taken.
    :param more: whether there are more, for which there was no time.
    """

    events: int
    more: bool = False


@define
class _Batch:
    """
    What is taken in one transaction.

    :param offsets: how far the segments have been taken then.
    """

    entries: list[Entry] = Factory(list)
    offsets: dict[str, int] = Factory(dict)
    size: int = 0


class Intake:
    """
    Takes events out of the journal.  Everything here blocks, and is called in threads, by one at a
    time.

    :param store: into which they are put.
    """

    log = Logger()

    def __init__(self, store: Store) -> None:
        self._store = store
        self._directory = store.directory or OutboxDirectory("")
        self._lock = FileLock(self._directory.taking if store.directory else "")
        self._heads: dict[str, Head] = {}
        self._odd: dict[str, tuple[int, float]] = {}
        self._told: set[str] = set()
        self._unreadable: set[str] = set()

    def take(self, seconds: float = math.inf, least: int = 0) -> Taken:
        """
        Take what has been written until now.

        :param seconds: after which it stops, though there is more.
        :param least: bytes that the journal has if it is worth the while; nothing is taken of less.
        :raises Unusable: if that can't be; what was taken by then stays so.
        """
        if not self._directory.path:
            return Taken(0)
        deadline = time.monotonic() + seconds
        try:
            if not os.path.isdir(self._directory.journal) or self._is_less(least):
                return Taken(0)
            with self._lock.held():
                return self._take(deadline)
        except OSError as error:
            raise Unusable(f"can't take events out of the journal: {error}") from error

    def close(self) -> None:
        """Let go of the files."""
        self._lock.close()

    # inside

    def _is_less(self, least: int) -> bool:
        return least > 0 and bytes_in(self._directory.journal) < least

    def _take(self, deadline: float) -> Taken:
        # Who has ended by now has written nothing later, whatever the moments say.
        self._unreadable.clear()
        ended = self._ended()
        moment = time.monotonic_ns()
        names = segments_in(self._directory.journal)
        identity, offsets = self._store.taken_so_far()
        self._look(names)
        number = 0
        for batch in self._batches(self._merged(offsets, ended, moment)):
            # If that was all, however long it took, what has been taken can go.
            if number and time.monotonic() > deadline:
                return Taken(number, more=True)
            self._store.take(batch.entries, batch.offsets, identity)
            number += len(batch.entries)
            offsets.update(batch.offsets)
        self._remove([name for name in names if name in ended and name not in self._unreadable])
        self._forget(offsets)
        return Taken(number)

    def _ended(self) -> set[str]:
        """:return: segments to which nobody writes any more.  What was never begun is removed."""
        path = self._directory.journal
        for name in unfinished_in(path):
            with suppress(OSError):
                if not is_locked(f"{path}/{name}"):
                    os.unlink(f"{path}/{name}")
        ended = set()
        for name in segments_in(path):
            with self._may_be_unreadable(name):
                if not is_locked(f"{path}/{name}"):
                    ended.add(name)
        return ended

    def _look(self, names: Sequence[str]) -> None:
        """Read how segments begin."""
        heads = {}
        for name in names:
            head = self._heads.get(name) or head_of(self._beginning(name))
            if head is not None:
                heads[name] = head
        self._heads = heads
        self._odd = {name: odd for name, odd in self._odd.items() if name in heads}
        self._told &= set(names)

    def _beginning(self, name: str) -> bytes:
        with (
            suppress(FileNotFoundError),
            self._may_be_unreadable(name),
            open(f"{self._directory.journal}/{name}", "rb", buffering=0) as file,
        ):
            return file.read(_LEAST_PIECE)
        return b""

    def _merged(self, offsets: dict[str, int], ended: set[str], moment: int) -> Iterator[_Ranked]:
        """:return: all that is to be taken, in its order."""
        ours = boot_id()
        boots = list(dict.fromkeys(head.boot for head in self._heads.values() if head.boot != ours))
        boots.append(ours)
        piece = max(min(PIECE, _MEMORY // max(len(self._heads), 1)), _LEAST_PIECE)
        return heapq.merge(
            *(
                self._records(
                    name, piece, offsets.get(name, 0), boots.index(head.boot), name in ended, moment
                )
                for name, head in self._heads.items()
            )
        )

    def _records(
        self, name: str, piece: int, offset: int, rank: int, ended: bool, moment: int
    ) -> Iterator[_Ranked]:
        reader = Reader(f"{self._directory.journal}/{name}", self._heads[name].token, piece)
        goes_on = partial(self._after_odd, name, reader, ended)
        # Somebody may have removed it; who writes to it tells.
        with suppress(FileNotFoundError), self._may_be_unreadable(name):
            for record in reader.records(offset, goes_on):
                if not ended and record.moment > moment:
                    return
                yield rank, record.moment, name, record

    @contextmanager
    def _may_be_unreadable(self, name: str) -> Iterator[None]:
        """Leave a segment alone that can't be read, lest it hold up the others."""
        try:
            yield
        except OSError as error:
            if error.errno not in _UNREADABLE:
                raise
            self._unreadable.add(name)
            self._tell_damaged(name)

    def _after_odd(self, name: str, reader: Reader, ended: bool, place: int) -> int | None:
        """
        There is something in a segment that is no record.

        :return: where it goes on.
        """
        since = time.monotonic()
        known = self._odd.get(name)
        if known is not None and known[0] == place:
            since = known[1]
        self._odd[name] = place, since
        if not ended and time.monotonic() < since + ODD_SECONDS:
            return None
        # Nothing behind it, and too short, or from before the power went: it was not written to its
        # end, and nobody has been told that it was.
        found = reader.after(place + 1)
        ours = self._heads[name].boot == boot_id()
        if found is not None or (ended and ours and reader.is_whole(place)):
            self._tell_damaged(name)
        return found

    def _batches(self, records: Iterable[_Ranked]) -> Iterator[_Batch]:
        most = min(AT_ONCE, self._store.most)
        batch = _Batch()
        for _, _, name, record in records:
            size = sum(len(entry.payload) for entry in record.entries)
            if batch.entries and batch.size + size > most:
                yield batch
                batch = _Batch()
            batch.entries += record.entries
            batch.offsets[name] = record.end
            batch.size += size
        if batch.entries:
            yield batch

    def _remove(self, names: Sequence[str]) -> None:
        """Remove segments out of which all was taken."""
        if not names:
            return
        # After a power cut the events have to be here or there.
        self._store.sync()
        for name in names:
            if name not in self._heads and self._beginning(name).strip(b"\0"):
                self._tell_damaged(name)
            with suppress(FileNotFoundError):
                os.unlink(f"{self._directory.journal}/{name}")
        sync_directory(self._directory.journal)

    def _forget(self, offsets: dict[str, int]) -> None:
        """Forget segments that are there no more."""
        gone = offsets.keys() - set(segments_in(self._directory.journal))
        if gone:
            self._store.forget(sorted(gone))

    def _tell_damaged(self, name: str) -> None:
        """Once for each segment; it is kept, as long as not too many are."""
        if name in self._told:
            return
        self._told.add(name)
        path, aside = f"{self._directory.journal}/{name}", f"{self._directory.path}/{ASIDE}{name}"
        with suppress(OSError):
            os.link(path, aside)
        forget_oldest(self._directory.path, ASIDE)
        self.log.error(
            "{path}, where events wait to be put into the outbox, is damaged; it is kept as "
            "{aside}, and those events in it that can't be read are not delivered",
            path=path,
            aside=aside,
        )
        self._store.lost("damaged")
