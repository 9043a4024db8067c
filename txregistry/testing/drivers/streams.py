"""
Files that are read and written in pieces.
"""

from __future__ import annotations

import hashlib
import random

import pytest
from zope.interface.verify import verifyObject

from txregistry.errors import InvalidOffset, PathNotFound
from txregistry.interfaces import IFileReader, IStorageDriver, LocalFile
from txregistry.testing.drivers.contents import CONTENTS
from txregistry.testing.drivers.suite import (
    PIECE,
    Sizes,
    Suite,
    checksum,
    coroutine_tests,
    noise,
    pieces,
    read,
    together,
    write,
)


@coroutine_tests
class StreamContract(Suite):
    """
    ``reader``, and ``writer`` when all goes well.
    """

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
    async def test_stream(self, driver: IStorageDriver, content: bytes) -> None:
        """Whatever bytes are written are read."""
        await write(driver, "/stream/file", pieces(content))
        assert await read(driver, "/stream/file") == content
        assert await driver.get_content("/stream/file") == content

    async def test_long_stream(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """A stream may be longer than memory."""
        # One piece again and again, each with its number: what is lost or swapped is noticed.
        digest = hashlib.sha256()
        writer = await driver.writer("/stream/long")
        filler = noise(PIECE - 8)
        for number in range(sizes.stream // PIECE):
            piece = number.to_bytes(8, "big") + filler
            digest.update(piece)
            await writer.write(piece)
        assert writer.size == sizes.stream
        await writer.commit()
        await writer.close()
        assert await checksum(driver, "/stream/long") == digest.hexdigest()

    async def test_reader(self, driver: IStorageDriver) -> None:
        """A reader has all methods of its interface."""
        await driver.put_content("/stream/file", b"x")
        reader = await driver.reader("/stream/file")
        assert verifyObject(IFileReader, reader)
        await reader.close()
        await reader.close()

    async def test_offsets(self, driver: IStorageDriver) -> None:
        """Reading begins at an offset; at and beyond the end there is nothing, again and again."""
        content = noise(96)
        await driver.put_content("/stream/file", content)
        for offset in (0, 32, 64, 95, 96, 97, 1000, 2**62):
            assert await read(driver, "/stream/file", offset) == content[offset:]
        reader = await driver.reader("/stream/file", 95)
        assert [await reader.read(10) for _ in range(3)] == [content[95:], b"", b""]
        await reader.close()

    async def test_no_more_than_asked(self, driver: IStorageDriver) -> None:
        """A reader gives no more at once than is asked for."""
        await driver.put_content("/stream/file", noise(1000))
        assert await read(driver, "/stream/file", 1, size=7) == noise(1000)[1:]

    async def test_negative_offset(self, driver: IStorageDriver) -> None:
        """A negative offset is refused; the error tells path, offset and driver."""
        await driver.put_content("/stream/file", b"x")
        with pytest.raises(InvalidOffset) as raised:
            await driver.reader("/stream/file", -1)
        assert (raised.value.path, raised.value.offset) == ("/stream/file", -1)
        assert raised.value.driver == driver.name

    @pytest.mark.parametrize("offset", [0, 64])
    async def test_read_missing(self, driver: IStorageDriver, offset: int) -> None:
        """What isn't there can't be read, from whatever offset."""
        with pytest.raises(PathNotFound):
            await driver.reader("/missing/file", offset)

    async def test_read_directory(self, driver: IStorageDriver) -> None:
        """A directory can't be read."""
        await driver.put_content("/directory/file", b"x")
        with pytest.raises(PathNotFound):
            await driver.reader("/directory")
        with pytest.raises(PathNotFound):
            await driver.local_file("/directory")

    async def test_many_readers(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """Many read one file at once, from anywhere in it."""
        content = noise(sizes.shared)
        await write(driver, "/stream/shared", pieces(content))
        somewhere = random.Random(7)  # noqa: S311 - guards nothing

        async def read_from(offset: int) -> None:
            reader = await driver.reader("/stream/shared", offset)
            position = offset
            while piece := await reader.read(PIECE):
                assert piece == content[position : position + len(piece)]
                position += len(piece)
            assert position == len(content)
            await reader.close()

        await together(read_from(somewhere.randrange(sizes.shared)) for _ in range(sizes.readers))

    async def test_many_writers(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """Many files are written at once, and none has anything of another."""

        async def there_and_back(number: int) -> None:
            content = noise(sizes.written, number)
            await write(driver, f"/stream/{number}", pieces(content))
            assert await read(driver, f"/stream/{number}") == content

        await together(there_and_back(number) for number in range(sizes.writers))

    async def test_local_file(self, driver: IStorageDriver) -> None:
        """If the bytes are a file of this machine, it is given away, open and with its size."""
        await driver.put_content("/local/file", noise(100))
        local = await driver.local_file("/local/file")
        if local is not None:
            assert isinstance(local, LocalFile)
            with local.file as file:
                assert local.size == 100
                assert file.fileno() >= 0
                assert file.read() == noise(100)
        with pytest.raises(PathNotFound):
            await driver.local_file("/local/missing")
