"""
What the tests of the cache room have in common: workers that have one storage and one cache.
"""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
from twisted.internet.defer import Deferred, succeed

from txregistry.cache.epochs import Cells, Epochs, private_cells
from txregistry.cache.memory import MemoryDescriptorCache
from txregistry.cache.registry import Caches, CachingRegistry
from txregistry.deferreds import InlineThreads, deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.interfaces import FileInfo, IRepository, IStorageDriver
from txregistry.model.access import Requester
from txregistry.model.name import RepositoryName
from txregistry.storage.registry import Registry
from txregistry.testing.drivers import WatchedDriver

NOW = datetime(2026, 8, 18, 12, 0, 0, tzinfo=UTC)


@attrs.frozen
class Worker:
    """
    One process: its way to the storage, and its registry.

    :param driver: what it asks of the storage.
    :param registry: with a cache in front.
    :param bare: the same without.
    """

    driver: WatchedDriver
    registry: CachingRegistry
    bare: Registry

    def repository(self, name: str) -> IRepository:
        """
        Open a repository.
        """
        return self.registry.repository(RepositoryName(name), Requester(""))

    def asked(self) -> list[str]:
        """
        What the storage was asked since the last time.
        """
        calls = [call.operation for call in self.driver.calls]
        self.driver.calls.clear()
        return calls


def memory_caches(cells: Cells | None = None, capacity: int = 100) -> Caches:
    """
    The caches of a process, in its memory.
    """
    epochs = Epochs(private_cells() if cells is None else cells)
    return Caches(
        blobs=MemoryDescriptorCache(epochs, capacity),
        manifests=MemoryDescriptorCache(epochs, capacity),
    )


def make_worker(caches: Caches | None = None, storage: IStorageDriver | None = None) -> Worker:
    """
    Make a process.

    :param storage: which it may have together with others.
    """
    driver = WatchedDriver(storage or CheckedDriver(MemoryDriver()))
    bare = Registry(driver, InlineThreads(), lambda: NOW)
    registry = CachingRegistry(bare, bare.contents, caches or memory_caches())
    return Worker(driver, registry, bare)


class HoldingDriver(DriverWrapper):
    """
    A driver whose answers about links and blobs come when a test lets them: they say how it was
    when the question was asked.

    :ivar held: who waits.
    :ivar holding: whether they have to.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        super().__init__(driver)
        self.held: list[Deferred[None]] = []
        self.holding = True

    def release(self, index: int = 0) -> None:
        """
        Let one go on.
        """
        self.held.pop(index).callback(None)

    def release_all(self) -> None:
        """
        Let all go on, from now on.
        """
        self.holding = False
        while self.held:
            self.release()

    @deferred
    async def get_content(self, path: str) -> bytes:
        try:
            return await self.driver.get_content(path)
        finally:
            await self._hold(path)

    @deferred
    async def stat(self, path: str) -> FileInfo:
        try:
            return await self.driver.stat(path)
        finally:
            await self._hold(path)

    @deferred
    async def put_content(self, path: str, content: bytes, durable: bool = True) -> None:
        await self._hold(path)
        await self.driver.put_content(path, content, durable)
        await self._hold(path)

    @deferred
    async def delete(self, path: str, durable: bool = True) -> None:
        await self._hold(path)
        try:
            await self.driver.delete(path, durable)
        finally:
            await self._hold(path)

    def _hold(self, path: str) -> Deferred[None]:
        if not self.holding or not ("/_layers/" in path or "/blobs/" in path):
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self.held.append(waiting)
        return waiting
