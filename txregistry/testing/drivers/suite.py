"""
What the parts of the suite have in common.
"""

from __future__ import annotations

import hashlib
import inspect
import random
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator, Sequence
from typing import TypeVar

import pytest
import pytest_twisted
from attrs import frozen
from twisted.internet.defer import Deferred, ensureDeferred, gatherResults

from txregistry.drivers.base import CheckedDriver
from txregistry.interfaces import IFileReader, IStorageDriver

T = TypeVar("T")

KIB = 1024
MIB = 1024 * KIB

#: What streams are written and read in.
PIECE = 256 * KIB


@frozen
class Sizes:
    """
    How hard a driver is tried.  Sizes are in bytes.

    :param stream: of one long stream.
    :param appended: of each of the three pieces that are appended.
    :param shared: of the file that many read at once.
    :param readers: how many do.
    :param written: of each of the files that are written at once.
    :param writers: how many are.
    :param entries: how many files a big walk meets.
    :param tick: seconds after which a file that is written again is surely younger.
    """

    stream: int = 16 * MIB
    appended: int = 1 * MIB
    shared: int = 10 * MIB
    readers: int = 10
    written: int = 1 * MIB
    writers: int = 8
    entries: int = 1500
    tick: float = 1.1


#: Those of the suite that distribution tries its drivers with.
FULL = Sizes(
    stream=5 * 1024 * MIB,
    appended=10 * MIB,
    shared=128 * MIB,
    written=32 * MIB,
    writers=32,
    entries=100_000,
    tick=10,
)


def coroutine_tests(suite: type[T]) -> type[T]:
    """
    Mark the coroutine tests of a class for pytest-twisted.
    """
    for name, test in vars(suite).items():
        if name.startswith("test_") and inspect.iscoroutinefunction(test):
            pytest_twisted.ensureDeferred(test)
    return suite


class Suite:
    """
    Gives each test a driver that is empty, and sees to it that it can be emptied again.
    """

    @pytest.fixture
    def sizes(self) -> Sizes:
        """How hard to try; override it to try harder."""
        return Sizes()

    @pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]  # has no types
    async def driver(self, bare_driver: IStorageDriver) -> AsyncIterator[IStorageDriver]:
        """The driver under test, behind what checks for it."""
        driver = CheckedDriver(bare_driver)
        assert list(await driver.list("/")) == [], "the driver is not empty at first"
        yield driver
        for child in await driver.list("/"):
            await driver.delete(child)
        assert list(await driver.list("/")) == [], "something is left after deleting everything"
        await driver.close()


def noise(size: int, seed: object = 0) -> bytes:
    """:return: bytes without a pattern, the same for the same seed."""
    return random.Random(repr(seed)).randbytes(size)  # noqa: S311 - guards nothing


def pieces(content: bytes, size: int = PIECE) -> Iterator[bytes]:
    """:return: the same bytes, one piece after the other."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


def together(waiting: Iterable[Awaitable[T]]) -> Deferred[list[T]]:
    """Do several things at once."""

    async def wait_for(one: Awaitable[T]) -> T:
        return await one

    return gatherResults([ensureDeferred(wait_for(one)) for one in waiting], consumeErrors=True)


async def write(
    driver: IStorageDriver, path: str, content: Iterable[bytes], append: bool = False
) -> None:
    """Write a file as a stream."""
    writer = await driver.writer(path, append)
    for piece in content:
        await writer.write(piece)
    await writer.commit()
    await writer.close()


async def read(driver: IStorageDriver, path: str, offset: int = 0, size: int = PIECE) -> bytes:
    """Read a file as a stream."""
    reader = await driver.reader(path, offset)
    content = await read_on(reader, size)
    await reader.close()
    return content


async def read_on(reader: IFileReader, size: int = PIECE) -> bytes:
    """Read to the end."""
    content = bytearray()
    while piece := await reader.read(size):
        assert len(piece) <= size
        content += piece
    return bytes(content)


async def checksum(driver: IStorageDriver, path: str) -> str:
    """Read a file that may not fit into memory."""
    digest = hashlib.sha256()
    reader = await driver.reader(path)
    while piece := await reader.read(PIECE):
        digest.update(piece)
    await reader.close()
    return digest.hexdigest()


async def names(driver: IStorageDriver, path: str) -> Sequence[str]:
    """:return: the children of a directory, in order."""
    return sorted(await driver.list(path))
