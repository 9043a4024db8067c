"""
What stands in an outbox: events in the order in which they happened, and how far each endpoint
has come.

Everything here blocks, and is called in threads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from txregistry.notifications.database import SEALED, Database, Unusable
from txregistry.notifications.directory import OutboxDirectory
from txregistry.notifications.entries import Cursor, Entry, Excess, Row
from txregistry.notifications.queries import excess_in, missed_in, next_in, pending_in, used_in

HARD: Final = 2
"""How many times ``maxsize`` the file may have where nobody makes room: nobody delivers, then."""

SEAL: Final = f"""
CREATE TRIGGER IF NOT EXISTS sealed BEFORE INSERT ON events
    BEGIN SELECT RAISE(ABORT, '{SEALED}'); END
"""

_ROWS: Final = 300
"""Events in a statement, which has no more than 999 values with the oldest of SQLites."""

_PLACES: Final = "(?, ?, ?), " * _ROWS


class Store:
    """
    An outbox.

    :param directory: where it is; ``None`` for one in memory.
    :param endpoints: who is told.  One that was not there begins with what comes from now on; what
        was kept for one that is no more is for nobody.  ``None`` to take those that are there, and
        the file as it is.
    :param maxsize: bytes that the events may take.
    :param lost: called in the thread with ``vanished`` or ``damaged`` when the file was not there
        any more, or had to be put aside: what waited in it is lost.
    :param hard: how many times ``maxsize`` the file may have at most.
    :ivar identity: of the file that was used last.  In another file, places mean something else.
    :ivar left: how many events waited for each endpoint that is no more, when that was found.
    """

    def __init__(
        self,
        directory: OutboxDirectory | None,
        endpoints: Sequence[str] | None,
        maxsize: int,
        lost: Callable[[str], None] = lambda _: None,
        hard: int = HARD,
    ) -> None:
        self.directory = directory
        self._endpoints = endpoints
        self.maxsize = maxsize
        self.lost = lost
        self.identity = ""
        self.left: dict[str, int] = {}
        self._database = Database(
            directory, hard * maxsize, self._register, lost, mends=endpoints is not None
        )

    @property
    def most(self) -> int:
        """
        Bytes that are written at once at most: beside the newest event, which always stays, there
        has to be room for them within what the file may have.
        """
        return self.maxsize // 2

    def open(self) -> None:
        """
        Make sure that it can be written.

        :raises Unusable: if it can't.
        """
        self._database.write(lambda _: None, durable=True)

    def close(self) -> None:
        """Let go of it."""
        self._database.close()

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Keep events, in their order.

        :param durable: whether a power cut may not touch them.
        :raises Unusable: if that can't be; then none of them is kept, unless it is the sync that
            failed.
        """
        self._database.write(lambda connection: _insert_all(connection, entries), durable)

    def taken_so_far(self) -> tuple[str, dict[str, int]]:
        """
        :return: the identity of the file, and how far it has taken each file of the journal.
        :raises Unusable: if that can't be read.
        """

        def look(connection: sqlite3.Connection) -> tuple[str, dict[str, int]]:
            (identity,) = connection.execute("SELECT id FROM identity").fetchone()
            return identity, dict(connection.execute("SELECT name, offset FROM journals"))

        return self._database.read(look)

    def take(self, entries: Sequence[Entry], offsets: Mapping[str, int], identity: str) -> None:
        """
        Keep events of the journal, in their order, and that they have been taken.

        :param offsets: how far the files of the journal have been taken then.
        :param identity: of the file that is meant.
        :raises Unusable: if that can't be, or it is another file now; then nothing is done.
        """

        def work(connection: sqlite3.Connection) -> None:
            if connection.execute("SELECT id FROM identity").fetchone() != (identity,):
                raise Unusable("there is a new outbox")
            _make_room_for(connection, sum(len(each.payload) for each in entries) - self.most)
            _insert_all(connection, entries)
            connection.executemany("REPLACE INTO journals VALUES (?, ?)", offsets.items())

        self._database.write(work)

    def forget(self, journals: Sequence[str]) -> None:
        """
        Forget files of the journal that are no more.

        :raises Unusable: if that can't be.
        """
        self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM journals WHERE name = ?", [(name,) for name in journals]
            )
        )

    def fileno(self) -> int:
        """:return: the descriptor of the file that would have to be synced; -1 if there is none."""
        return self._database.log_file

    def sync(self) -> None:
        """
        Make durable what was kept.

        :raises Unusable: if that can't be.
        """
        self._database.sync()

    def read(self, endpoint: str, after: int, most: int) -> list[Row]:
        """
        :param after: the place that it follows.
        :param most: how many events at most.
        :return: the next events, at least one if there is one.
        :raises Unusable: if they can't be read.
        """
        return self._database.read(lambda connection: next_in(connection, endpoint, after, most))

    def cursors(self) -> dict[str, Cursor]:
        """
        :return: how far each endpoint has come.
        :raises Unusable: if that can't be read.
        """

        def look(connection: sqlite3.Connection) -> dict[str, Cursor]:
            rows = connection.execute("SELECT endpoint, seq, state FROM cursors")
            return {endpoint: Cursor(seq, state) for endpoint, seq, state in rows}

        return self._database.read(look)

    def save(self, cursors: Mapping[str, Cursor], identity: str) -> None:
        """
        Note how far endpoints have come.  One that was removed meanwhile stays so.

        :param identity: of the file in which they have come so far; in another, nothing is noted.
        :raises Unusable: if that can't be.
        """
        rows = [(each.seq, each.state, endpoint, identity) for endpoint, each in cursors.items()]
        self._database.write(
            lambda connection: connection.executemany(
                "UPDATE cursors SET seq = ?, state = ? WHERE endpoint = ?"
                " AND EXISTS (SELECT 1 FROM identity WHERE id = ?)",
                rows,
            )
        )

    def pending(self, endpoint: str, after: int) -> int:
        """
        :return: how many events an endpoint waits for.
        :raises Unusable: if that can't be read.
        """
        return self._database.read(lambda connection: pending_in(connection, endpoint, after))

    def newest(self) -> int:
        """
        :return: the place of the last event; 0 if there is none.
        :raises Unusable: if that can't be read.
        """
        return self._database.read(
            lambda connection: int(
                connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()[0]
            )
        )

    def oldest(self, after: int = 0) -> float | None:
        """
        :return: when the next event was put there; ``None`` if there is none.
        :raises Unusable: if that can't be read.
        """

        def look(connection: sqlite3.Connection) -> float | None:
            row = connection.execute(
                "SELECT at FROM events WHERE seq > ? ORDER BY seq LIMIT 1", (after,)
            ).fetchone()
            return None if row is None else float(row[0])

        return self._database.read(look)

    def totals(self) -> tuple[int, int]:
        """
        :return: how many events there are, delivered or not, and what they take, in bytes.
        :raises Unusable: if that can't be read.
        """
        return self._database.read(
            lambda connection: (
                int(connection.execute("SELECT count(*) FROM events").fetchone()[0]),
                used_in(connection),
            )
        )

    def excess(self, oldest: float, most: int = 500) -> list[Excess]:
        """
        :param oldest: what was put there before is too old, in seconds since 1970.
        :param most: how many at most.
        :return: the oldest events that have to go.
        :raises Unusable: if that can't be read.
        """
        return self._database.read(
            lambda connection: excess_in(connection, oldest, self.maxsize, most)
        )

    def remove(self, upto: int) -> None:
        """
        Remove events.  The newest stays, for its number must not come twice.

        :param upto: the last of them.
        :raises Unusable: if that can't be.
        """
        self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM events WHERE seq <= ? AND seq < (SELECT max(seq) FROM events)",
                (upto,),
            )
        )

    def repeat(self, endpoint: str, since: float, until: float, now: float) -> int:
        """
        Put events there once more, for one endpoint that had them.

        :param since: when they were put there first, in seconds since 1970.
        :param until: the end of that time.
        :return: how many.
        :raises Unusable: if that can't be.
        """
        return self._database.write(
            lambda connection: (
                connection.execute(
                    "INSERT INTO events (at, endpoint, payload) SELECT ?, ?, payload FROM events"
                    " WHERE at >= ? AND at <= ? AND endpoint IS NULL"
                    " AND seq <= (SELECT seq FROM cursors WHERE endpoint = ?) ORDER BY seq",
                    (now, endpoint, since, until, endpoint),
                ).rowcount
            ),
            durable=True,
        )

    def move(self, other: Store) -> int:
        """
        Put what some endpoint has not had into another outbox, and take nothing any more: who tries
        is told :class:`~txregistry.notifications.database.Sealed`.

        :param other: that is told whatever it lacks of it, in the same order.
        :return: how many events those were.
        :raises Unusable: if that can't be; then it goes on here.
        """

        def work(connection: sqlite3.Connection) -> int:
            entries = missed_in(connection)
            if entries:
                other.append(entries, durable=True)
            connection.execute("DELETE FROM events")
            connection.execute(SEAL)
            return len(entries)

        return self._database.write(work)

    def first(self) -> int:
        """
        :return: the place of the oldest event; 0 if there is none.
        :raises Unusable: if that can't be read.
        """
        return self._database.read(
            lambda connection: int(
                connection.execute("SELECT coalesce(min(seq), 0) FROM events").fetchone()[0]
            )
        )

    def tidy(self) -> None:
        """
        Take what stands in the log into the file, so that the log begins anew.

        :raises Unusable: if that can't be.
        """
        self._database.read(
            lambda connection: connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        )

    def _register(self, connection: sqlite3.Connection) -> None:
        (self.identity,) = connection.execute("SELECT id FROM identity").fetchone()
        if self._endpoints is None:
            return
        known = dict(connection.execute("SELECT endpoint, seq FROM cursors").fetchall())
        (newest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM events").fetchone()
        for endpoint in self._endpoints:
            if endpoint not in known:
                connection.execute(
                    "INSERT INTO cursors (endpoint, seq) VALUES (?, ?)", (endpoint, newest)
                )
        for endpoint in known.keys() - set(self._endpoints):
            self.left[endpoint] = pending_in(connection, endpoint, known[endpoint])
            connection.execute("DELETE FROM cursors WHERE endpoint = ?", (endpoint,))


def _make_room_for(connection: sqlite3.Connection, size: int) -> None:
    """
    Let the file become larger for what was written when it could: those events will be given up,
    but by the rules, and so that they are in nobody's way.
    """
    if size > 0:
        (page,) = connection.execute("PRAGMA page_size").fetchone()
        (most,) = connection.execute("PRAGMA max_page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {most + 2 * size // page + 1}")


def _insert_all(connection: sqlite3.Connection, entries: Sequence[Entry]) -> None:
    """Keep events, in their order."""
    for begin in range(0, len(entries), _ROWS):
        some = entries[begin : begin + _ROWS]
        values = [value for each in some for value in (each.at, each.endpoint, each.payload)]
        places = _PLACES[: 11 * len(some) - 2]
        connection.execute("INSERT INTO events (at, endpoint, payload) VALUES " + places, values)  # noqa: S608 - only places for values
