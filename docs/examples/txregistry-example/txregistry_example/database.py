"""
Files in an SQLite database.  All of it waits, and nothing of it knows Twisted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Lock

from txregistry.errors import NoSpace, PathNotFound, StorageFailure
from txregistry.interfaces import FileInfo

# A file is a row and its pieces.  What a writer has not committed is a row of its own.
SCHEMA = """
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,
    committed INTEGER NOT NULL,
    size INTEGER NOT NULL DEFAULT 0,
    modified REAL NOT NULL,
    UNIQUE (path, committed)
);
CREATE TABLE IF NOT EXISTS pieces (
    file INTEGER NOT NULL REFERENCES files ON DELETE CASCADE,
    start INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (file, start)
);
"""


def connect(path: str) -> sqlite3.Connection:
    """
    :return: a connection that begins transactions only when it is told to.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    # A reader goes on in what it saw at first; what is committed survives a power cut.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    return connection


@contextmanager
def failing(path: str) -> Iterator[None]:
    """
    Turn SQLite's errors into a driver's.
    """
    try:
        yield
    except sqlite3.Error as error:
        if "full" in str(error):
            raise NoSpace(path) from error
        raise StorageFailure(path, str(error)) from error


def find(connection: sqlite3.Connection, path: str, committed: bool = True) -> tuple[int, int]:
    """
    :return: a file's id and size.
    :raises PathNotFound: if there is none.
    """
    query = "SELECT id, size FROM files WHERE path = ? AND committed = ?"
    row: tuple[int, int] | None = connection.execute(query, (path, committed)).fetchone()
    if row is None:
        raise PathNotFound(path)
    return row


class Database:
    """
    Files by path.  Every method is a transaction, and may be called in any thread.

    :param path: of the database itself.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = Lock()
        self._connection = connect(path)
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Let go of it."""
        with self._lock:
            self._connection.close()

    def get(self, path: str) -> bytes:
        """:return: a file's content."""
        with self._transaction(path) as connection:
            file, _ = find(connection, path)
            query = "SELECT data FROM pieces WHERE file = ? ORDER BY start"
            return b"".join(data for (data,) in connection.execute(query, (file,)))

    def put(self, path: str, content: bytes) -> None:
        """Replace a file's content."""
        with self._transaction(path) as connection:
            file = _insert(connection, path, committed=True, size=len(content))
            if content:
                connection.execute("INSERT INTO pieces VALUES (?, 0, ?)", (file, content))

    def open(self, path: str, append: bool) -> tuple[int, int]:
        """:return: id and size of a file that isn't committed yet."""
        with self._transaction(path) as connection:
            if append:
                try:
                    return find(connection, path, committed=False)
                except PathNotFound:
                    pass
            file, size = _insert(connection, path, committed=False), 0
            if append:
                try:
                    committed, size = find(connection, path)
                except PathNotFound:
                    return file, size
                copy = "INSERT INTO pieces SELECT ?, start, data FROM pieces WHERE file = ?"
                connection.execute(copy, (file, committed))
                _resize(connection, path, file, size)
            return file, size

    def append(self, path: str, file: int, size: int, data: bytes) -> None:
        """Add a piece to a file of a size."""
        with self._transaction(path) as connection:
            _resize(connection, path, file, size + len(data))
            connection.execute("INSERT INTO pieces VALUES (?, ?, ?)", (file, size, data))

    def truncate(self, path: str, file: int, size: int) -> None:
        """Cut a file."""
        with self._transaction(path) as connection:
            _resize(connection, path, file, size)
            connection.execute("DELETE FROM pieces WHERE file = ? AND start >= ?", (file, size))
            cut = "UPDATE pieces SET data = substr(data, 1, ? - start)"
            where = "WHERE file = ? AND start + length(data) > ?"
            connection.execute(f"{cut} {where}", (size, file, size))

    def check(self, path: str, file: int, size: int) -> None:
        """:raises PathNotFound: if a file was deleted under its writer."""
        with self._transaction(path) as connection:
            _resize(connection, path, file, size)

    def commit(self, path: str, file: int, size: int) -> None:
        """Show a file, in place of the one that was seen at its path."""
        with self._transaction(path) as connection:
            _resize(connection, path, file, size)
            connection.execute("DELETE FROM files WHERE path = ? AND committed", (path,))
            connection.execute("UPDATE files SET committed = TRUE WHERE id = ?", (file,))

    def discard(self, path: str, file: int) -> None:
        """Remove a file that wasn't committed."""
        with self._transaction(path) as connection:
            connection.execute("DELETE FROM files WHERE id = ?", (file,))

    def facts(self, path: str) -> FileInfo:
        """:return: what is known of a path."""
        with self._transaction(path) as connection:
            query = "SELECT size, modified FROM files WHERE path = ? ORDER BY committed DESC"
            row = connection.execute(query, (path,)).fetchone()
            if row is not None:
                return FileInfo(path, row[0], row[1], is_directory=False)
            query = "SELECT max(modified) FROM files WHERE path > ? AND path < ? AND committed"
            (modified,) = connection.execute(query, _below(path)).fetchone()
        if modified is None and path != "/":
            raise PathNotFound(path)
        return FileInfo(path, 0, modified or 0.0, is_directory=True)

    def children(self, path: str) -> Sequence[str]:
        """:return: the paths of what is directly below a path."""
        first, last = _below(path)
        with self._transaction(path) as connection:
            query = "SELECT path FROM files WHERE path > ? AND path < ? AND committed"
            paths = [row[0] for row in connection.execute(query, (first, last))]
        if not paths and path != "/":
            raise PathNotFound(path)
        return [first + name for name in {path[len(first) :].partition("/")[0] for path in paths}]

    def move(self, source: str, destination: str) -> None:
        """Give a file another path."""
        with self._transaction(source) as connection:
            file, _ = find(connection, source)
            delete = "DELETE FROM files WHERE path = ? AND committed AND id != ?"
            connection.execute(delete, (destination, file))
            connection.execute("UPDATE files SET path = ? WHERE id = ?", (destination, file))

    def delete(self, path: str) -> None:
        """Remove a file, or all below a path."""
        with self._transaction(path) as connection:
            delete = "DELETE FROM files WHERE path = ? OR path > ? AND path < ?"
            if not connection.execute(delete, (path, *_below(path))).rowcount:
                raise PathNotFound(path)

    @contextmanager
    def _transaction(self, path: str) -> Iterator[sqlite3.Connection]:
        with self._lock, failing(path):
            self._connection.execute("BEGIN IMMEDIATE")
            with self._connection:  # commits, or rolls back
                yield self._connection


def _insert(connection: sqlite3.Connection, path: str, committed: bool, size: int = 0) -> int:
    """:return: the id of a new file, in place of the one that was there."""
    connection.execute("DELETE FROM files WHERE path = ? AND committed = ?", (path, committed))
    insert = "INSERT INTO files (path, committed, size, modified) VALUES (?, ?, ?, ?)"
    return connection.execute(insert, (path, committed, size, time.time())).lastrowid or 0


def _resize(connection: sqlite3.Connection, path: str, file: int, size: int) -> None:
    """:raises PathNotFound: if the file was deleted under its writer."""
    update = "UPDATE files SET size = ?, modified = ? WHERE id = ?"
    if not connection.execute(update, (size, time.time(), file)).rowcount:
        raise PathNotFound(path)


def _below(path: str) -> tuple[str, str]:
    """:return: what all paths below a path are greater and smaller than."""
    above = path.rstrip("/")
    return f"{above}/", f"{above}0"  # "0" is the character after "/"


class Snapshot:
    """
    A file as it was when it was opened, whatever becomes of it.

    :param database: the path of the database.
    :param path: of the file.
    :param offset: where to begin, in bytes.
    :raises PathNotFound: if there is no such file.
    """

    def __init__(self, database: str, path: str, offset: int) -> None:
        self._path = path
        self._position = min(offset, 2**62)
        self._connection = connect(database)
        try:
            with failing(path):
                self._connection.execute("BEGIN")
                self._file, _ = find(self._connection, path)
        except BaseException:
            self.close()
            raise

    def read(self, maximum: int) -> bytes:
        """:return: some bytes more, or none at the end."""
        query = (
            "SELECT substr(data, ? - start + 1, ?) FROM pieces "
            "WHERE file = ? AND start <= ? AND start + length(data) > ?"
        )
        with failing(self._path):
            values = (self._position, maximum, self._file, self._position, self._position)
            row: tuple[bytes] | None = self._connection.execute(query, values).fetchone()
        data = row[0] if row is not None else b""
        self._position += len(data)
        return data

    def close(self) -> None:
        """Let go of it."""
        self._connection.close()
