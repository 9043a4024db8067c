"""
Bytes at paths of this process's memory, lost at its end: for tests and for trying things out.

It behaves as an object store does where the contract leaves a choice: what is written as a
stream can't be read or listed before it is committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.drivers.changes import one_by_one
from txregistry.drivers.children import children, children_of
from txregistry.drivers.walk import walk
from txregistry.errors import PathBusy, PathNotFound, StorageFailure
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


@define
class _File:
    content: bytes
    modified: float


@define
class _Directory:
    """
    :param modified: when it came into being.
    """

    modified: float
    children: dict[str, _Directory | _File] = field(factory=dict)


@implementer(IStorageDriver)
class MemoryDriver:
    """
    A tree of dictionaries.

    :param now: seconds since the epoch.
    """

    name = "inmemory"

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._root = _Directory(now())
        self._unfinished: dict[str, bytearray] = {}
        self._busy: set[str] = set()

    @deferred
    async def get_content(self, path: str) -> bytes:
        return self._file(path).content

    @deferred
    async def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        self._put(path, bytes(content))

    @deferred
    async def reader(self, path: str, offset: int = 0) -> IFileReader:
        return MemoryReader(self._file(path).content, offset)

    @deferred
    async def writer(self, path: str, append: bool = False) -> IFileWriter:
        if path in self._busy:
            raise PathBusy(path)
        content = bytearray()
        if append:
            content = self._unfinished.setdefault(path, bytearray(self._committed(path)))
        self._unfinished[path] = content
        self._busy.add(path)
        return MemoryWriter(self, path, content)

    @deferred
    async def stat(self, path: str) -> FileInfo:
        try:
            found = self._find(path)
        except PathNotFound:
            if path not in self._unfinished:
                raise
            return FileInfo(path, len(self._unfinished[path]), self._now(), is_directory=False)
        if isinstance(found, _File):
            return FileInfo(path, len(found.content), found.modified, is_directory=False)
        return FileInfo(path, 0, found.modified, is_directory=True)

    @deferred
    async def list(self, path: str) -> Sequence[str]:
        found = self._find(path)
        if isinstance(found, _File):
            raise PathNotFound(path)
        return [f"{path.rstrip('/')}/{name}" for name in found.children]

    def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        return children(self, path, after, limit, having)

    def children_of(self, path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        return children_of(self, path, names)

    @deferred
    async def move(self, source: str, destination: str) -> None:
        if source != destination:
            file = self._file(source)
            self._put(destination, file.content)
            self._remove(source)

    @deferred
    async def settle(self, path: str) -> None:
        self._file(path)  # of all that is here, nothing survives

    @deferred
    async def delete(self, path: str, durable: bool = True) -> None:
        unfinished = [
            other for other in self._unfinished if other == path or other.startswith(f"{path}/")
        ]
        for other in unfinished:
            del self._unfinished[other]
        try:
            self._remove(path)
        except PathNotFound:
            if not unfinished:
                raise

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
        self._file(path)
        return None

    def close(self) -> Deferred[None]:
        return succeed(None)

    def commit(self, path: str, content: bytearray) -> None:
        """
        Show what a writer wrote.

        :raises PathNotFound: if it was deleted under the writer.
        """
        self.check(path, content)
        self._put(path, bytes(content))
        del self._unfinished[path]

    def check(self, path: str, content: bytearray) -> None:
        """:raises PathNotFound: if what a writer wrote was deleted under it."""
        if self._unfinished.get(path) is not content:
            raise PathNotFound(path)

    def release(self, path: str) -> None:
        """Let others write to a path."""
        self._busy.discard(path)

    def forget(self, path: str, content: bytearray) -> None:
        """Remove what a writer wrote."""
        if self._unfinished.get(path) is content:
            del self._unfinished[path]

    def _find(self, path: str) -> _Directory | _File:
        found: _Directory | _File | None = self._root
        for name in _components(path):
            found = found.children.get(name) if isinstance(found, _Directory) else None
        if found is None:
            raise PathNotFound(path)
        return found

    def _file(self, path: str) -> _File:
        found = self._find(path)
        if isinstance(found, _Directory):
            raise PathNotFound(path)
        return found

    def _committed(self, path: str) -> bytes:
        try:
            return self._file(path).content
        except PathNotFound:
            return b""

    def _put(self, path: str, content: bytes) -> None:
        *above, name = _components(path)
        directory = self._root
        for component in above:
            child = directory.children.setdefault(component, _Directory(self._now()))
            if isinstance(child, _File):
                raise StorageFailure(path, "Not a directory")
            directory = child
        if isinstance(directory.children.get(name), _Directory):
            raise StorageFailure(path, "Is a directory")
        directory.children[name] = _File(content, self._now())

    def _remove(self, path: str) -> None:
        self._find(path)
        above, _, name = path.rpartition("/")
        directory = self._find(above)
        if isinstance(directory, _Directory):
            del directory.children[name]


def _components(path: str) -> list[str]:
    return path.strip("/").split("/") if path != "/" and path else []


@implementer(IFileReader)
class MemoryReader:
    """
    A stream of bytes that are there.
    """

    def __init__(self, content: bytes, offset: int) -> None:
        self._content = content
        self._position = offset

    def read(self, maximum: int) -> Deferred[bytes]:
        piece = self._content[self._position : self._position + maximum]
        self._position += len(piece)
        return succeed(piece)

    def close(self) -> Deferred[None]:
        return succeed(None)


@implementer(IFileWriter)
class MemoryWriter:
    """
    A file that can't be seen yet.
    """

    def __init__(self, driver: MemoryDriver, path: str, content: bytearray) -> None:
        self._driver = driver
        self._path = path
        self._content = content
        self._committed = False

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self._content)

    @deferred
    async def write(self, *pieces: bytes) -> None:
        self._content += b"".join(pieces)

    @deferred
    async def truncate(self, size: int) -> None:
        del self._content[size:]

    @deferred
    async def close(self) -> None:
        self._driver.release(self._path)
        if not self._committed:
            self._driver.check(self._path, self._content)

    @deferred
    async def commit(self, durable: bool = True) -> None:
        self._driver.commit(self._path, self._content)
        self._committed = True

    @deferred
    async def cancel(self) -> None:
        self._driver.release(self._path)
        self._driver.forget(self._path, self._content)


@implementer(IPlugin, IStorageDriverFactory)
class MemoryFactory:
    """
    Makes the ``inmemory`` driver, which has no parameters.
    """

    name = "inmemory"

    def create(self, reactor: Any, parameters: Mapping[str, Any]) -> MemoryDriver:
        return MemoryDriver()


#: What the table of drivers names.
factory = MemoryFactory()
