"""
The file of passwords, read again when it has changed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final, TypeAlias

from attrs import frozen
from twisted.logger import Logger

from txregistry.auth.htpasswd.entries import LARGEST, Entries, Malformed, parse_entries
from txregistry.deferreds import Lock, Threads, deferred
from txregistry.errors import Unavailable

FRESH: Final = 1.0
"""Seconds for which it is believed that nothing has changed, where nothing hangs on it."""

SETTLED: Final = 2.0
"""A file that was changed less than so many seconds ago may be changed again and look the same."""

_Print: TypeAlias = tuple[int, ...]


@frozen
class _Reading:
    """
    How the file was found.

    :param print: what tells it from a changed one; empty where that can't be told.
    :param data: all that was in it.
    """

    print: _Print
    data: bytes


class WatchedFile:
    """
    Knows what is in a file of passwords.

    The links on the way to it may change too: so Kubernetes replaces secrets.

    :param path: of the file.
    :param threads: where it is read.
    :param seconds: a clock that only goes forward.
    :param time: the time of day, by which files are stamped.
    """

    log = Logger()

    def __init__(
        self,
        path: str,
        threads: Threads,
        seconds: Callable[[], float],
        time: Callable[[], float],
    ) -> None:
        self._path = path
        self._threads = threads
        self._seconds = seconds
        self._time = time
        self._lock = Lock()
        self._asked = self._answered = 0
        self._looked = float("-inf")
        self._reading = _Reading((), b"")
        self._entries: Entries | None = None
        self._trouble = ""

    @property
    def fresh(self) -> Entries | None:
        """What was in it a moment ago; ``None`` if it has to be looked at."""
        return self._entries if self._seconds() - self._looked < FRESH else None

    @deferred
    async def look(self) -> Entries:
        """
        :return: fires with what is in it now.
        :raises Unavailable: if it can't be read, or is none of passwords.
        """
        self._asked += 1
        asked = self._asked
        await self._lock.acquire()
        try:
            # Whoever looked while this one waited has looked for it too, if he began in time.
            if self._answered < asked:
                answering = self._asked
                await self._look()
                self._answered = answering
        finally:
            self._lock.release()
        if self._entries is None:
            raise Unavailable(message="the registry can't read its passwords; its log says why")
        return self._entries

    async def _look(self) -> None:
        looked = self._seconds()
        try:
            reading = await self._threads.run(self._read, self._reading)
            if reading.data != self._reading.data or self._entries is None:
                self._take(parse_entries(reading.data))
            self._reading, self._trouble = reading, ""
        except (OSError, Malformed) as error:
            self._complain(_cause(error))
        self._looked = looked

    def _take(self, entries: Entries) -> None:
        """Go by what is in it now."""
        self._entries = entries
        self.log.info(
            "read {count} passwords of {path}", count=len(entries.hashes), path=self._path
        )
        if entries.useless:
            self.log.error(
                "{path}: these users can't log in, for their hashes are none of bcrypt: {users}",
                path=self._path,
                users=", ".join(map(ascii, entries.useless)),
            )
        if entries.absurd:
            self.log.warn(  # noqa: G010 - Twisted's logger has no other
                "{path}: to check the hashes of these users takes very long, and so does each wrong"
                " password of anybody, since all take as long: {users}: replace them with"
                " `txregistry passwd {path} USER`",
                path=self._path,
                users=", ".join(f"{user!a} (cost {cost})" for user, cost in entries.absurd),
            )

    def _complain(self, trouble: str) -> None:
        """Let nobody in, and say why; once only."""
        self._entries = None
        self._reading = _Reading((), b"")
        if trouble != self._trouble:
            self.log.error("nobody can log in: {path}: {trouble}", path=self._path, trouble=trouble)
        self._trouble = trouble

    def _read(self, before: _Reading) -> _Reading:
        """
        Read it, unless it is as it was before.  Blocks.

        :raises OSError: if it can't be read.
        """
        if before.print and _print_of(os.stat(self._path)) == before.print:
            return before
        with open(self._path, "rb") as file:
            found = os.fstat(file.fileno())
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise OSError(f"it has more than {LARGEST} bytes")
        settled = self._time() - max(found.st_mtime, found.st_ctime) > SETTLED
        return _Reading(_print_of(found) if settled else (), data)


def _print_of(found: os.stat_result) -> _Print:
    """:return: what is another for a file that has changed."""
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)


def _cause(error: OSError | Malformed) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
