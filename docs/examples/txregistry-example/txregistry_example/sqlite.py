"""
A storage driver that keeps everything in one SQLite file: for one process, and for the reader of
an example, since a blob doesn't get out of a database as quickly as out of a file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.deferreds import Threads, deferred
from txregistry.drivers.changes import one_by_one
from txregistry.drivers.children import children, children_of
from txregistry.drivers.walk import walk
from txregistry.errors import ConfigurationError, PathBusy, PathNotFound, Problem
from txregistry.interfaces import (
    Change,
    FileInfo,
    IFileReader,
    IFileWriter,
    IStorageDriver,
    IStorageDriverFactory,
    LocalFile,
    Walk,
)
from txregistry_example.database import Database, Snapshot


@implementer(IStorageDriver)
class SqliteDriver:
    """
    Files in a database.

    :param database: the files.
    :param threads: to wait for it in.
    """

    name = "sqlite"

    def __init__(self, database: Database, threads: Threads) -> None:
        self._database = database
        self._threads = threads
        self._busy: set[str] = set()

    def get_content(self, path: str) -> Deferred[bytes]:
        return self._threads.run(self._database.get, path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> Deferred[None]:
        return self._threads.run(self._database.put, path, content)

    @deferred
    async def reader(self, path: str, offset: int = 0) -> IFileReader:
        database = self._database.path
        snapshot = await self._threads.run(Snapshot, database, path, offset)
        return SqliteReader(snapshot, self._threads)

    @deferred
    async def writer(self, path: str, append: bool = False) -> IFileWriter:
        if path in self._busy:
            raise PathBusy(path)
        self._busy.add(path)
        try:
            file, size = await self._threads.run(self._database.open, path, append)
        except BaseException:
            self._busy.discard(path)
            raise
        return SqliteWriter(self._database, path, file, size, self._threads, self._busy.discard)

    def stat(self, path: str) -> Deferred[FileInfo]:
        return self._threads.run(self._database.facts, path)

    def list(self, path: str) -> Deferred[Sequence[str]]:
        return self._threads.run(self._database.children, path)

    def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        return children(self, path, after, limit, having)

    def children_of(self, path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        return children_of(self, path, names)

    def move(self, source: str, destination: str) -> Deferred[None]:
        return self._threads.run(self._database.move, source, destination)

    @deferred
    async def settle(self, path: str) -> None:
        if (await self.stat(path)).is_directory:
            raise PathNotFound(path)
        # What can be seen has been committed.

    def delete(self, path: str, durable: bool = True) -> Deferred[None]:
        return self._threads.run(self._database.delete, path)

    def change(self, *steps: Sequence[Change]) -> Deferred[None]:
        return one_by_one(self, steps)

    def walk(
        self, path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> Deferred[None]:
        return walk(self, path, visit, start_after)

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        return succeed(None)

    @deferred
    async def local_file(self, path: str) -> LocalFile | None:
        reader = await self.reader(path)  # if there is no such file, it says so
        await reader.close()
        return None

    def close(self) -> Deferred[None]:
        return self._threads.run(self._database.close)


@implementer(IFileReader)
class SqliteReader:
    """
    A stream of a file's bytes.
    """

    def __init__(self, snapshot: Snapshot, threads: Threads) -> None:
        self._snapshot = snapshot
        self._threads = threads

    def read(self, maximum: int) -> Deferred[bytes]:
        return self._threads.run(self._snapshot.read, maximum)

    def close(self) -> Deferred[None]:
        return self._threads.run(self._snapshot.close)


@implementer(IFileWriter)
class SqliteWriter:
    """
    A file that isn't committed yet.

    :param release: to be called at the end, with the path.
    """

    def __init__(
        self,
        database: Database,
        path: str,
        file: int,
        size: int,
        threads: Threads,
        release: Callable[[str], None],
    ) -> None:
        self.size = size
        self._database = database
        self._path = path
        self._file = file
        self._threads = threads
        self._release = release
        self._committed = False

    def write(self, data: bytes) -> Deferred[None]:
        return self._threads.run(self._write, data)

    def truncate(self, size: int) -> Deferred[None]:
        return self._threads.run(self._truncate, size)

    @deferred
    async def commit(self, durable: bool = True) -> None:
        await self._threads.run(self._database.commit, self._path, self._file, self.size)
        self._committed = True

    @deferred
    async def close(self) -> None:
        try:
            if not self._committed:
                await self._threads.run(self._database.check, self._path, self._file, self.size)
        finally:
            self._release(self._path)

    @deferred
    async def cancel(self) -> None:
        try:
            await self._threads.run(self._database.discard, self._path, self._file)
        finally:
            self._release(self._path)

    # The size changes in the thread: it is right, too, when who waits for it is cancelled.

    def _write(self, data: bytes) -> None:
        if data:
            self._database.append(self._path, self._file, self.size, data)
            self.size += len(data)

    def _truncate(self, size: int) -> None:
        self._database.truncate(self._path, self._file, size)
        self.size = size


@implementer(IPlugin, IStorageDriverFactory)
class SqliteFactory:
    """
    Makes the ``sqlite`` driver of ``path``.
    """

    name = "sqlite"

    def create(self, reactor: Any, parameters: Mapping[str, Any]) -> IStorageDriver:
        path = parameters.get("path")
        if not isinstance(path, str):
            raise ConfigurationError([Problem(key="storage.sqlite.path", text="is missing")])
        try:
            database = Database(path)
        except sqlite3.Error as error:
            text = f"can't use {path}: {error}"
            raise ConfigurationError([Problem(key="storage.sqlite.path", text=text)]) from error
        return SqliteDriver(database, Threads(reactor, reactor.getThreadPool()))
