"""
A driver that is watched, and that fails when a test wants it to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from attrs import define, frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.interfaces import (
    FileInfo,
    IFileReader,
    IFileWriter,
    IStorageDriver,
    LocalFile,
    Walk,
)

T = TypeVar("T")


@frozen
class Call:
    """
    Something that a driver was asked to do.

    :param operation: the method's name; of a writer's or reader's, ``writer.write`` and the like.
    :param path: of what; of a move, its source.
    """

    operation: str
    path: str

    def concerns(self, operation: str, path: str) -> bool:
        """:return: whether it is this operation, at this path or below it."""
        below = path == self.path or path.startswith(f"{self.path}/")
        return below and operation == self.operation


@define
class _Trouble:
    call: Call
    error: Exception
    times: int


class WatchedDriver(DriverWrapper):
    """
    Hands everything on, and writes it down.

    :param driver: does the work.
    :ivar calls: all that was asked, in order, also what failed.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.calls: list[Call] = []
        self._troubles: list[_Trouble] = []

    def count(self, operation: str) -> int:
        """:return: how often something was asked."""
        return sum(call.operation == operation for call in self.calls)

    def fail(self, operation: str, error: Exception, path: str = "", times: int = 1) -> None:
        """
        Let something fail, instead of happening.

        :param operation: as in :class:`Call`.
        :param path: only there, or at any path below it; everywhere by default.
        :param times: how often.
        """
        self._troubles.append(_Trouble(Call(operation, path), error, times))

    @deferred
    async def get_content(self, path: str) -> bytes:
        return await self.note("get_content", path, lambda: self.driver.get_content(path))

    @deferred
    async def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        await self.note(
            "put_content", path, lambda: self.driver.put_content(path, content, durable)
        )

    @deferred
    async def reader(self, path: str, offset: int = 0) -> IFileReader:
        reader = await self.note("reader", path, lambda: self.driver.reader(path, offset))
        return WatchedReader(self, path, reader)

    @deferred
    async def writer(self, path: str, append: bool = False) -> IFileWriter:
        writer = await self.note("writer", path, lambda: self.driver.writer(path, append))
        return WatchedWriter(self, path, writer)

    @deferred
    async def stat(self, path: str) -> FileInfo:
        return await self.note("stat", path, lambda: self.driver.stat(path))

    @deferred
    async def list(self, path: str) -> Sequence[str]:
        return await self.note("list", path, lambda: self.driver.list(path))

    @deferred
    async def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Sequence[str]:
        return await self.note(
            "children", path, lambda: self.driver.children(path, after, limit, having)
        )

    @deferred
    async def children_of(self, path: str, names: Sequence[str]) -> Sequence[Sequence[str]]:
        return await self.note("children_of", path, lambda: self.driver.children_of(path, names))

    @deferred
    async def move(self, source: str, destination: str) -> None:
        await self.note("move", source, lambda: self.driver.move(source, destination))

    @deferred
    async def settle(self, path: str) -> None:
        await self.note("settle", path, lambda: self.driver.settle(path))

    @deferred
    async def delete(self, path: str, durable: bool = True) -> None:
        await self.note("delete", path, lambda: self.driver.delete(path, durable))

    @deferred
    async def walk(
        self, path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> None:
        await self.note("walk", path, lambda: self.driver.walk(path, visit, start_after))

    @deferred
    async def redirect_url(self, method: str, path: str) -> str | None:
        return await self.note("redirect_url", path, lambda: self.driver.redirect_url(method, path))

    @deferred
    async def local_file(self, path: str) -> LocalFile | None:
        return await self.note("local_file", path, lambda: self.driver.local_file(path))

    async def note(self, operation: str, path: str, do_it: Callable[[], Deferred[T]]) -> T:
        """Write something down, and do it or fail."""
        self.calls.append(Call(operation, path))
        for trouble in self._troubles:
            if trouble.times and trouble.call.concerns(operation, path):
                trouble.times -= 1
                raise trouble.error
        return await do_it()


@implementer(IFileReader)
class WatchedReader:
    """
    A reader of a :class:`WatchedDriver`.
    """

    def __init__(self, driver: WatchedDriver, path: str, reader: IFileReader) -> None:
        self._driver = driver
        self._path = path
        self._reader = reader

    @deferred
    async def read(self, maximum: int) -> bytes:
        return await self._driver.note(
            "reader.read", self._path, lambda: self._reader.read(maximum)
        )

    @deferred
    async def close(self) -> None:
        await self._driver.note("reader.close", self._path, self._reader.close)


@implementer(IFileWriter)
class WatchedWriter:
    """
    A writer of a :class:`WatchedDriver`.
    """

    def __init__(self, driver: WatchedDriver, path: str, writer: IFileWriter) -> None:
        self._driver = driver
        self._path = path
        self._writer = writer

    @property
    def size(self) -> int:
        """How many bytes it has."""
        size: int = self._writer.size
        return size

    @deferred
    async def write(self, *pieces: bytes) -> None:
        await self._driver.note("writer.write", self._path, lambda: self._writer.write(*pieces))

    @deferred
    async def truncate(self, size: int) -> None:
        await self._driver.note("writer.truncate", self._path, lambda: self._writer.truncate(size))

    @deferred
    async def close(self) -> None:
        await self._driver.note("writer.close", self._path, self._writer.close)

    @deferred
    async def commit(self, durable: bool = True) -> None:
        await self._driver.note("writer.commit", self._path, lambda: self._writer.commit(durable))

    @deferred
    async def cancel(self) -> None:
        await self._driver.note("writer.cancel", self._path, self._writer.cancel)
