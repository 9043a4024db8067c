"""
What is particular to the driver that forgets.
"""

from __future__ import annotations

import pytest
from twisted.internet import reactor
from zope.interface.verify import verifyObject

from txregistry.drivers.inmemory import MemoryDriver, factory
from txregistry.errors import PathNotFound, StorageFailure
from txregistry.interfaces import IStorageDriverFactory
from txregistry.testing.drivers.suite import write


class MemoryDriverTests:
    """
    The ``inmemory`` driver.
    """

    def test_provides(self) -> None:
        """Its factory is one, and each driver that it makes is empty."""
        assert verifyObject(IStorageDriverFactory, factory)
        assert isinstance(factory.create(reactor, {}), MemoryDriver)

    async def test_unfinished(self) -> None:
        """What isn't committed has a size, and can't be read or listed."""
        driver = MemoryDriver()
        writer = await driver.writer("/upload/data")
        await writer.write(b"abc")
        await writer.close()
        assert (await driver.stat("/upload/data")).size == 3
        with pytest.raises(PathNotFound):
            await driver.get_content("/upload/data")
        assert list(await driver.list("/")) == []

    async def test_committed_stays_until_commit(self) -> None:
        """What is being replaced by a stream can be read until the stream is committed."""
        driver = MemoryDriver()
        await driver.put_content("/file", b"old")
        writer = await driver.writer("/file")
        await writer.write(b"new")
        assert await driver.get_content("/file") == b"old"
        await writer.commit()
        assert await driver.get_content("/file") == b"new"

    async def test_file_in_the_way(self) -> None:
        """Where a file is there can't be a directory, nor a file where a directory is."""
        driver = MemoryDriver()
        await driver.put_content("/a", b"x")
        await driver.put_content("/b/c", b"x")
        for path in ("/a/b", "/a/b/c", "/b"):
            with pytest.raises(StorageFailure):
                await driver.put_content(path, b"x")
            with pytest.raises(StorageFailure):
                await write(driver, path, [b"x"])

    async def test_age(self) -> None:
        """A file is as old as its content."""
        times = iter([1.0, 2.0, 3.0])
        driver = MemoryDriver(lambda: next(times))
        await driver.put_content("/file", b"x")
        assert (await driver.stat("/file")).modified == 2.0
        await driver.put_content("/file", b"x")
        assert (await driver.stat("/file")).modified == 3.0
