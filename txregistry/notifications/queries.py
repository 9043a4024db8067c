"""
What is asked of an outbox.

Everything here is called with a connection, within whose transaction it looks.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from txregistry.notifications.entries import Entry, Excess, Row

_PIECE: Final = 1 << 20
"""Bytes of events that are read at once, or one event."""


def missed_in(connection: sqlite3.Connection) -> list[Entry]:
    """:return: what some endpoint has not had; where others had it, only for those."""
    reached = dict(connection.execute("SELECT endpoint, seq FROM cursors").fetchall())
    found: list[Entry] = []
    rows = connection.execute("SELECT seq, at, endpoint, payload FROM events ORDER BY seq")
    for seq, at, endpoint, payload in rows:
        missing = _missing(reached, endpoint, seq)
        if endpoint is None and len(missing) == len(reached):
            found.append(Entry(payload, at))
        else:
            found.extend(Entry(payload, at, each) for each in missing)
    return found


def _missing(reached: Mapping[str, int], endpoint: str | None, seq: int) -> tuple[str, ...]:
    """:return: the endpoints that an event is for, and that have not come so far."""
    wanted = reached if endpoint is None else {endpoint: reached.get(endpoint, seq)}
    return tuple(name for name, place in wanted.items() if place < seq)


def pending_in(connection: sqlite3.Connection, endpoint: str, after: int) -> int:
    """:return: how many events an endpoint waits for."""
    (number,) = connection.execute(
        "SELECT count(*) FROM events WHERE seq > ? AND (endpoint IS NULL OR endpoint = ?)",
        (after, endpoint),
    ).fetchone()
    return int(number)


def next_in(connection: sqlite3.Connection, endpoint: str, after: int, most: int) -> list[Row]:
    """
    :param after: the place that they follow.
    :param most: how many events at most.
    :return: the next events, at least one if there is one.
    """
    rows: list[Row] = []
    size = 0
    found = connection.execute(
        "SELECT seq, CASE WHEN endpoint IS NULL OR endpoint = ? THEN payload END FROM events"
        " WHERE seq > ? ORDER BY seq LIMIT ?",
        (endpoint, after, most),
    )
    for seq, payload in found:
        rows.append(Row(seq, payload))
        size += len(payload or b"")
        if size >= _PIECE:
            break
    found.close()
    return rows


def excess_in(
    connection: sqlite3.Connection, oldest: float, maxsize: int, most: int
) -> list[Excess]:
    """
    :param oldest: what was put there before is too old, in seconds since 1970.
    :param maxsize: bytes that the events may take.
    :param most: how many at most.
    :return: the oldest events that have to go.
    """
    over = used_in(connection) - maxsize
    reached = dict(connection.execute("SELECT endpoint, seq FROM cursors").fetchall())
    found: list[Excess] = []
    size = 0
    rows = connection.execute(
        "SELECT seq, at, endpoint, payload FROM events"
        " WHERE seq < (SELECT max(seq) FROM events) ORDER BY seq LIMIT ?",
        (most,),
    )
    for seq, at, endpoint, payload in rows:
        old = at < oldest
        if not old and over <= 0:
            break
        over -= len(payload)
        size += len(payload)
        missing = _missing(reached, endpoint, seq)
        found.append(Excess(seq, at, payload, missing, "maxage" if old else "maxsize"))
        if size >= _PIECE:
            break
    rows.close()
    return found


def used_in(connection: sqlite3.Connection) -> int:
    """:return: what the events take, in bytes."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)
