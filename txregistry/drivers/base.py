"""
What every storage driver leaves to one place: which paths are paths, whose error it is, how
long it took, and that the operations on one open file don't overtake each other.

A driver that stands behind :class:`CheckedDriver` never sees a bad path, a negative offset, or
a writer that is used after its end.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import perf_counter
from types import TracebackType
from typing import ParamSpec, TypeVar

from twisted.internet.defer import Deferred, DeferredLock
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import DriverError, InvalidOffset, InvalidPath, WriterClosed
from txregistry.interfaces import (
    Change,
    FileInfo,
    IFileReader,
    IFileWriter,
    IMetrics,
    IStorageDriver,
    LocalFile,
    Move,
    Tell,
    Walk,
)

P = ParamSpec("P")
T = TypeVar("T")

_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+")


def check_path(path: str) -> str:
    """
    :param path: of a file, or of something in it.
    :return: the path.
    :raises InvalidPath: if it is none; ``/`` is none either.
    """
    if _PATH.fullmatch(path) is None:
        raise InvalidPath(path)
    return path


def check_change(change: Change) -> None:
    """:raises InvalidPath: if a path of a change is none."""
    if isinstance(change, Move):
        check_path(change.source)
        check_path(change.destination)
    elif not isinstance(change, Tell):
        check_path(change.path)


def check_directory(path: str) -> str:
    """As :func:`check_path`, but ``/`` is a path."""
    return path if path == "/" else check_path(path)


class named:  # noqa: N801 - read as a function, and twice as fast as one that is a generator
    """
    Say on errors that don't say it yet which driver they are from.

    :param driver: its name.
    """

    __slots__ = ("_driver",)

    def __init__(self, driver: str) -> None:
        self._driver = driver

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, DriverError):
            error.driver = error.driver or self._driver


@implementer(IStorageDriver)
class CheckedDriver:
    """
    A driver that checks, names and times for the one that it wraps.

    :param driver: does the work.
    :param metrics: is told how long each operation took, as
        ``registry_storage_action_seconds``; ``None`` if nobody wants to know.
    :param timer: seconds since any moment.
    """

    def __init__(
        self,
        driver: IStorageDriver,
        metrics: IMetrics | None = None,
        timer: Callable[[], float] = perf_counter,
    ) -> None:
        self.name: str = driver.name
        self._driver = driver
        self._metrics = metrics
        self._timer = timer

    def check_writable(self) -> None:
        """
        Ask the driver whether it can write, if it knows; before a registry that is not
        read-only starts.

        :raises ConfigurationError: if it can't.
        """
        check: Callable[[], None] | None = getattr(self._driver, "check_writable", None)
        if check is not None:
            check()

    @deferred
    async def get_content(self, path: str) -> bytes:
        with self._doing("GetContent"):
            return await self._driver.get_content(check_path(path))

    @deferred
    async def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        with self._doing("PutContent"):
            await self._driver.put_content(check_path(path), content, durable)

    @deferred
    async def reader(self, path: str, offset: int = 0) -> IFileReader:
        with named(self.name):
            check_path(path)
            if offset < 0:
                raise InvalidOffset(path, offset)
            return CheckedReader(self.name, await self._driver.reader(path, offset))

    @deferred
    async def writer(self, path: str, append: bool = False) -> IFileWriter:
        with named(self.name):
            return CheckedWriter(self.name, await self._driver.writer(check_path(path), append))

    @deferred
    async def stat(self, path: str) -> FileInfo:
        with self._doing("Stat"):
            return await self._driver.stat(check_directory(path))

    @deferred
    async def list(self, path: str) -> Sequence[str]:
        with self._doing("List"):
            return await self._driver.list(check_directory(path))

    @deferred
    async def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Sequence[str]:
        with self._doing("List"):
            check_directory(path)
            if having:
                check_path(f"/{having}")
            return await self._driver.children(path, after, limit, having)

    @deferred
    async def children_of(self, path: str, names: Sequence[str]) -> Sequence[Sequence[str]]:
        with self._doing("List"):
            check_directory(path)
            for name in names:
                if "/" in check_path(f"/{name}")[1:]:
                    raise InvalidPath(name)
            return await self._driver.children_of(path, names)

    @deferred
    async def move(self, source: str, destination: str) -> None:
        with self._doing("Move"):
            await self._driver.move(check_path(source), check_path(destination))

    @deferred
    async def settle(self, path: str) -> None:
        with self._doing("Settle"):
            await self._driver.settle(check_path(path))

    @deferred
    async def delete(self, path: str, durable: bool = True) -> None:
        with self._doing("Delete"):
            await self._driver.delete(check_path(path), durable)

    @deferred
    async def change(self, *steps: Sequence[Change]) -> None:
        with self._doing("Change"):
            for step in steps:
                for change in step:
                    check_change(change)
            await self._driver.change(*steps)

    @deferred
    async def walk(
        self, path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> None:
        with self._doing("Walk"):
            check_directory(path)
            if start_after and not check_path(start_after).startswith(path.rstrip("/") + "/"):
                raise InvalidPath(start_after)
            await self._driver.walk(path, visit, start_after)

    @deferred
    async def redirect_url(self, method: str, path: str) -> str | None:
        with self._doing("RedirectURL"):
            return await self._driver.redirect_url(method, check_path(path))

    @deferred
    async def local_file(self, path: str) -> LocalFile | None:
        with named(self.name):
            return await self._driver.local_file(check_path(path))

    def close(self) -> Deferred[None]:
        return self._driver.close()

    def _doing(self, action: str) -> AbstractContextManager[None]:
        """Name errors, and tell how long it took, whatever came of it."""
        if self._metrics is None:
            return named(self.name)
        return self._timed(action, self._metrics)

    @contextmanager
    def _timed(self, action: str, metrics: IMetrics) -> Iterator[None]:
        started = self._timer()
        try:
            with named(self.name):
                yield
        finally:
            labels = {"driver": self.name, "action": action}
            metrics.observe("registry_storage_action_seconds", labels, self._timer() - started)


@implementer(IFileReader)
class CheckedReader:
    """
    A reader whose file is never closed under a read that still runs.

    :param driver: the name for errors.
    :param reader: does the work.
    """

    def __init__(self, driver: str, reader: IFileReader) -> None:
        self._driver = driver
        self._reader = reader
        self._turn = DeferredLock()
        self._closed = False

    @deferred
    async def read(self, maximum: int) -> bytes:
        async with self._turn:
            with named(self._driver):
                return await self._reader.read(maximum)

    @deferred
    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        async with self._turn:
            with named(self._driver):
                await self._reader.close()


@implementer(IFileWriter)
class CheckedWriter:
    """
    A writer that does one thing after the other, and nothing after its end.

    :param driver: the name for errors.
    :param writer: does the work.
    """

    def __init__(self, driver: str, writer: IFileWriter) -> None:
        self._driver = driver
        self._writer = writer
        self._first_size: int = writer.size
        self._turn = DeferredLock()
        self._state = ""
        self._released = False

    @property
    def size(self) -> int:
        """How many bytes it has."""
        size: int = self._writer.size
        return size

    @deferred
    async def write(self, *pieces: bytes) -> None:
        await self._next(self._writer.write, *pieces)

    @deferred
    async def truncate(self, size: int) -> None:
        if not self._first_size <= size <= self.size:
            raise ValueError(
                f"can't truncate to {size} bytes: there are {self.size}, "
                f"and {self._first_size} of them are not this writer's"
            )
        await self._next(self._writer.truncate, size)

    @deferred
    async def commit(self, durable: bool = True) -> None:
        await self._next(self._commit, durable)

    @deferred
    async def cancel(self) -> None:
        await self._next(self._end, self._writer.cancel, "cancelled")

    @deferred
    async def close(self) -> None:
        if not self._released:
            async with self._turn:
                await self._end(self._writer.close, "closed")

    async def _next(
        self, operation: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        async with self._turn:
            if self._state:
                raise WriterClosed(self._state)
            with named(self._driver):
                return await operation(*args, **kwargs)

    async def _commit(self, durable: bool) -> None:
        """When it fails, the writer is as it was: it can be cancelled, or closed."""
        await self._writer.commit(durable)
        self._state = "committed"

    async def _end(self, operation: Callable[[], Awaitable[None]], state: str) -> None:
        """Whatever comes of it, the driver has let go of the file afterwards."""
        if self._released:
            return
        self._released = True
        self._state = self._state or state
        with named(self._driver):
            await operation()
