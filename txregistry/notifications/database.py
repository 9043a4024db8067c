"""
The file of an outbox: a SQLite database that several processes write to, and that may go bad.

What is written stands in the write-ahead log when a transaction is over, where the end of a process
can't touch it.  To make it survive a power cut the log is synced afterwards, without SQLite's lock:
that is held for some microseconds then, and nobody waits for it in vain.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Final, TypeVar

from twisted.logger import Logger

from txregistry.notifications.directory import FileLock, OutboxDirectory, sync_directory, which

T = TypeVar("T")

FORM: Final = 2
"""The form of the tables, which stands in the file."""

JOURNALS: Final = "CREATE TABLE journals (name TEXT PRIMARY KEY, offset INTEGER NOT NULL)"
"""What form 1 had not: how far each file of the journal has been taken."""

SCHEMA: Final = """
CREATE TABLE events (seq INTEGER PRIMARY KEY, at REAL NOT NULL, endpoint TEXT,
    payload BLOB NOT NULL);
CREATE TABLE cursors (endpoint TEXT PRIMARY KEY, seq INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE identity (id TEXT NOT NULL);
INSERT INTO identity VALUES (hex(randomblob(16)));
"""

LOOK_SECONDS: Final = 0.5
"""How long it may take until it is noticed that another process has put the file aside."""

MOST_ASIDE: Final = 3
"""How many damaged files are kept."""

_CACHE: Final = 512 * 1024

_LOG_PAGES: Final = 4000
"""Pages of the log after which whoever writes empties it, if nobody else has."""

SEALED: Final = "events are kept elsewhere now"
"""What a sealed outbox says to who writes."""

_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})


class _Foreign(sqlite3.DatabaseError):
    """
    The tables are not what they should be.
    """


class Unusable(Exception):
    """
    The outbox can't be written or read: its disk is full, or worse.
    """


class Sealed(Unusable):
    """
    What was in the outbox is in another one now, where everything else belongs.
    """


class Database:
    """
    One connection to the file.  Any thread may use it, one at a time.

    :param directory: where the file is; ``None`` for one in memory, that nobody shares.
    :param maxsize: bytes that it may never exceed.
    :param prepare: called in the first transaction after the file was opened.
    :param lost: called with ``vanished`` or ``damaged`` when what was in the file is lost.
    :param mends: whether a damaged file is put aside for a new one.
    :ivar log_file: the descriptor of the log, in which all is until it is synced; -1 for none.
    """

    log = Logger()

    def __init__(
        self,
        directory: OutboxDirectory | None,
        maxsize: int,
        prepare: Callable[[sqlite3.Connection], None],
        lost: Callable[[str], None] = lambda _: None,
        *,
        mends: bool = True,
    ) -> None:
        self._directory = directory
        self._maxsize = maxsize
        self._prepare = prepare
        self._lost = lost
        self._mends = mends
        self._was_there = False
        self._threads = RLock()
        self._processes = FileLock(directory.writing if directory else "")
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._place: tuple[int, int] | None = None
        self.log_file = -1
        self._looked = 0.0

    def write(self, work: Callable[[sqlite3.Connection], T], durable: bool = False) -> T:
        """
        Do something as one transaction.

        :param durable: whether it is to survive a power cut.
        :raises Unusable: if it can't be done; then nothing is.
        """
        result = self._trying(lambda connection: self._transaction(connection, work))
        if durable:
            self.sync()
        return result

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        Look something up.

        :raises Unusable: if that can't be.
        """
        return self._trying(work)

    def close(self) -> None:
        """Let go of the file; the next who asks opens it again."""
        with self._threads:
            self._drop()
            self._processes.close()

    def sync(self) -> None:
        """
        Make durable what was done.

        :raises Unusable: if that can't be.
        """
        try:
            with self._threads:  # or else another thread might close it meanwhile
                log = os.dup(self.log_file) if self.log_file >= 0 else -1
            if log >= 0:
                try:
                    os.fdatasync(log)
                finally:
                    os.close(log)
        except OSError as error:
            raise Unusable(f"can't sync: {error.strerror}") from error

    # inside

    def _trying(self, work: Callable[[sqlite3.Connection], T]) -> T:
        with self._threads:
            try:
                try:
                    return work(self._current())
                except sqlite3.DatabaseError as error:
                    if not (self._mends and _is_damage(error)):
                        raise
                    self._mend(error)
                    return work(self._current())
            except (sqlite3.Error, OSError) as error:
                # A new connection has no memory of what went wrong with this one; but with a full
                # disk there may be no new one.
                if _code(error) != sqlite3.SQLITE_FULL:
                    self._drop()
                raise (Sealed if str(error) == SEALED else Unusable)(str(error)) from error

    def _transaction(
        self, connection: sqlite3.Connection, work: Callable[[sqlite3.Connection], T]
    ) -> T:
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return result

    def _current(self) -> sqlite3.Connection:
        now = time.monotonic()
        if self._connection is not None:
            if now < self._looked + LOOK_SECONDS:
                return self._connection
            if self._file == self._found():
                self._looked = now
                return self._connection
        self._drop()
        made = self._directory is not None and self._directory.make()
        with self._processes.held():
            vanished = self._was_there and self._found() is None
            if vanished and not made:
                # If all of the outbox is another now, it is said by who has made its directory.
                vanished = self._place == self._found_place()
            connection = self._connect()
            self._file = self._found()
            try:
                self._set_up(connection)
            except BaseException:
                connection.close()
                raise
            self._connection, self._looked = connection, now
            if self._directory is not None:
                self.log_file = os.open(f"{self._directory.database}-wal", os.O_RDWR | os.O_CLOEXEC)
                sync_directory(self._directory.path)
        self._was_there, self._place = True, self._found_place()
        if vanished:
            self._tell_vanished()
        return connection

    def _tell_vanished(self) -> None:
        self.log.error(
            "the outbox {path} was not there any more, and a new one begins: events that waited "
            "in it are lost; nobody but the registry should touch it",
            path=self._directory.database if self._directory else "",
        )
        self._lost("vanished")

    def _connect(self) -> sqlite3.Connection:
        path = self._directory.database if self._directory else ":memory:"
        if self._directory is not None:
            _make_private(path)
        return sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)

    def _set_up(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute(f"PRAGMA cache_size = {-_CACHE // 1024}")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {max(self._maxsize // size, 64)}")
        connection.execute("BEGIN IMMEDIATE")
        (form,) = connection.execute("PRAGMA user_version").fetchone()
        if form == 0:
            for statement in (*SCHEMA.split(";"), JOURNALS):
                connection.execute(statement)
        elif form == 1:
            connection.execute(JOURNALS)
        elif form != FORM:
            raise _Foreign(f"its form is {form}, of a newer version, not {FORM}")
        if form != FORM:
            connection.execute(f"PRAGMA user_version = {FORM}")
        self._prepare(connection)
        connection.execute("COMMIT")

    def _found(self) -> tuple[int, int] | None:
        return (0, 0) if self._directory is None else which(self._directory.database)

    def _found_place(self) -> tuple[int, int] | None:
        return (0, 0) if self._directory is None else which(self._directory.path)

    def _mend(self, error: sqlite3.DatabaseError) -> None:
        """Put the file aside, if nobody else has."""
        if self._directory is None:
            self._drop()
            return
        with self._processes.held():
            opened, found = self._file, self._found()
            self._drop()
            if opened is not None and opened != found:
                return
            path = self._directory.database
            aside = f"{path}.damaged-{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}"
            # The log first: beside a new file, an old log would be taken for its own.
            for suffix in ("-wal", "-shm", ""):
                with suppress(FileNotFoundError):
                    os.rename(path + suffix, aside + suffix)
            with suppress(OSError):
                # Nobody is to think that it was taken away.
                _make_private(path)
            sync_directory(self._directory.path)
            forget_oldest(self._directory.path, os.path.basename(f"{path}.damaged-"))
        self.log.error(
            "the outbox {path} is damaged ({error}); it is kept as {aside}, and a new one begins: "
            "events that waited in it are not delivered",
            path=path,
            error=error,
            aside=aside,
        )
        self._lost("damaged")

    def _drop(self) -> None:
        if self.log_file >= 0:
            os.close(self.log_file)
        connection, self._connection = self._connection, None
        self._file, self.log_file = None, -1
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()


def _make_private(path: str) -> None:
    """
    Make a file that SQLite would make readable for everybody.

    One that is there isn't opened: to close it would release what other connections of this process
    have locked, and the next process to leave the file would take its log away from under them.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    missing = isinstance(error, sqlite3.OperationalError) and str(error).startswith("no such ")
    return missing or isinstance(error, _Foreign) or _code(error) in _DAMAGE


def _code(error: Exception) -> int:
    """:return: SQLite's code without what it adds to it; -1 where there is none."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return -1 if code is None else code & 0xFF


def forget_oldest(directory: str, prefix: str) -> None:
    """Keep the last few of what is damaged, whose names tell how old it is."""
    names = [name for name in os.listdir(directory) if name.startswith(prefix)]
    runs = sorted({name.removesuffix("-wal").removesuffix("-shm") for name in names})
    for name in names:
        if name.removesuffix("-wal").removesuffix("-shm") not in runs[-MOST_ASIDE:]:
            with suppress(OSError):
                os.unlink(os.path.join(directory, name))
