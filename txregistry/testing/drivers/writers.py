"""
Writers: whose a path is, and what becomes of what was written.
"""

from __future__ import annotations

from contextlib import suppress

import pytest
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from txregistry.errors import PathBusy, PathNotFound, WriterClosed
from txregistry.interfaces import IFileWriter, IStorageDriver
from txregistry.testing.drivers.suite import (
    KIB,
    Sizes,
    Suite,
    coroutine_tests,
    names,
    noise,
    pieces,
    read,
    together,
    write,
)

PATH = "/writer/file"


@coroutine_tests
class WriterContract(Suite):
    """
    ``writer``, whatever happens.
    """

    async def test_writer(self, driver: IStorageDriver) -> None:
        """A writer has all methods of its interface."""
        writer = await driver.writer(PATH)
        assert verifyObject(IFileWriter, writer)
        assert writer.size == 0
        await writer.cancel()

    async def test_append_large(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """A file that was closed and not committed is continued, as often as one likes."""
        await self._append_thrice(driver, sizes.appended)

    async def test_append_small(self, driver: IStorageDriver) -> None:
        """A file can be continued in small pieces."""
        await self._append_thrice(driver, 32)

    async def _append_thrice(self, driver: IStorageDriver, size: int) -> None:
        content = noise(3 * size)
        for number in range(3):
            writer = await driver.writer(PATH, append=number > 0)
            assert writer.size == number * size
            for piece in pieces(content[number * size : (number + 1) * size]):
                await writer.write(piece)
            assert writer.size == (number + 1) * size
            if number == 2:
                await writer.commit()
            await writer.close()
            assert (await driver.stat(PATH)).size == (number + 1) * size
        assert await read(driver, PATH) == content

    async def test_append_to_nothing(self, driver: IStorageDriver) -> None:
        """To append where nothing is is to begin."""
        await write(driver, PATH, [b"abc"], append=True)
        assert await read(driver, PATH) == b"abc"

    async def test_append_to_empty_stream(self, driver: IStorageDriver) -> None:
        """An empty file that was written as a stream can be read and continued."""
        await write(driver, PATH, [])
        assert await read(driver, PATH) == b""
        await write(driver, PATH, [noise(32)], append=True)
        assert await read(driver, PATH) == noise(32)

    async def test_append_to_empty_content(self, driver: IStorageDriver) -> None:
        """An empty file that was put can be continued."""
        await driver.put_content(PATH, b"")
        await write(driver, PATH, [noise(32)], append=True)
        assert await read(driver, PATH) == noise(32)

    async def test_afresh(self, driver: IStorageDriver) -> None:
        """Without append, nothing is left of what was there, committed or not."""
        await write(driver, PATH, [noise(100)])
        await write(driver, PATH, [b"new"])
        assert await read(driver, PATH) == b"new"
        writer = await driver.writer("/writer/unfinished")
        await writer.write(noise(100))
        await writer.close()
        await write(driver, "/writer/unfinished", [])
        assert await read(driver, "/writer/unfinished") == b""

    async def test_exclusive(self, driver: IStorageDriver) -> None:
        """As long as a writer is open nobody else gets one for its path."""
        writer = await driver.writer(PATH)
        for append in (False, True):
            with pytest.raises(PathBusy) as raised:
                await driver.writer(PATH, append)
            assert (raised.value.path, raised.value.driver) == (PATH, driver.name)
        await writer.write(b"mine")
        await writer.close()
        await write(driver, PATH, [b" and yours"], append=True)
        assert await read(driver, PATH) == b"mine and yours"

    async def test_many_at_once(self, driver: IStorageDriver) -> None:
        """Of many who want one path at once, one gets it."""

        async def attempt(number: int) -> int:
            try:
                writer = await driver.writer(PATH)
            except PathBusy:
                return 0
            for _ in range(10):
                await writer.write(bytes([number]) * KIB)
            await writer.commit()
            await writer.close()
            return number

        numbers = await together(attempt(number) for number in range(1, 9))
        content = await read(driver, PATH)
        assert content == content[:1] * 10 * KIB
        assert content[0] in numbers

    async def test_committed(self, driver: IStorageDriver) -> None:
        """What was committed can be moved away before anybody else gets its path."""
        writer = await driver.writer(PATH)
        await writer.write(b"mine")
        await writer.commit()
        with pytest.raises(PathBusy):
            await driver.writer(PATH, append=True)
        await driver.move(PATH, "/writer/moved")
        await writer.close()
        await write(driver, PATH, [b"yours"], append=True)
        assert await read(driver, "/writer/moved") == b"mine"
        assert await read(driver, PATH) == b"yours"

    async def test_cancel(self, driver: IStorageDriver) -> None:
        """A writer that is cancelled leaves nothing, also not of earlier writers."""
        await driver.put_content("/writer/other", b"x")
        writer = await driver.writer(PATH)
        await writer.write(b"abc")
        await writer.close()
        writer = await driver.writer(PATH, append=True)
        await writer.write(b"def")
        await writer.cancel()
        assert await names(driver, "/writer") == ["/writer/other"]
        with pytest.raises(PathNotFound):
            await driver.stat(PATH)
        writer = await driver.writer(PATH, append=True)
        assert writer.size == 0
        await writer.cancel()

    @pytest.mark.parametrize("end", ["close", "commit", "cancel"])
    async def test_ended(self, driver: IStorageDriver, end: str) -> None:
        """After its end a writer does nothing more; it can only be closed."""
        writer = await driver.writer(PATH)
        await writer.write(b"abc")
        await getattr(writer, end)()
        for misuse in (
            writer.write(b"def"),
            writer.truncate(3),
            writer.commit(),
            writer.cancel(),
        ):
            with pytest.raises(WriterClosed):
                await misuse
        await writer.close()
        await writer.close()

    async def test_truncate(self, driver: IStorageDriver) -> None:
        """The last bytes can be taken back, and others written in their place."""
        writer = await driver.writer(PATH)
        await writer.write(b"abc")
        await writer.close()
        writer = await driver.writer(PATH, append=True)
        await writer.write(b"defghi")
        await writer.truncate(5)
        assert writer.size == 5
        await writer.write(b"XYZ")
        await writer.truncate(8)
        await writer.commit()
        await writer.close()
        assert await read(driver, PATH) == b"abcdeXYZ"

    async def test_truncate_too_much(self, driver: IStorageDriver) -> None:
        """What earlier writers wrote can't be taken back, nor what nobody wrote."""
        await write(driver, PATH, [])
        writer = await driver.writer(PATH, append=True)
        await writer.write(b"abc")
        await writer.close()
        writer = await driver.writer(PATH, append=True)
        for size in (2, 4):
            with pytest.raises(ValueError, match="can't truncate"):
                await writer.truncate(size)
        await writer.cancel()

    async def test_deleted(self, driver: IStorageDriver) -> None:
        """A writer whose file is deleted learns it before he thinks that all is well."""
        writer = await driver.writer("/deleted/upload/data")
        await writer.write(b"abc")
        await driver.delete("/deleted/upload/data")
        with pytest.raises(PathNotFound):
            await writer.commit()
        with pytest.raises(PathNotFound):
            await writer.close()
        with pytest.raises(PathNotFound):
            await driver.stat("/deleted/upload/data")

    async def test_deleted_above(self, driver: IStorageDriver) -> None:
        """The same when all of its directory is deleted."""
        await driver.put_content("/deleted/upload/startedat", b"now")
        writer = await driver.writer("/deleted/upload/data")
        await writer.write(b"abc")
        await driver.delete("/deleted/upload")
        with pytest.raises(PathNotFound):
            await writer.close()
        with pytest.raises(PathNotFound):
            await driver.stat("/deleted/upload")

    async def test_cancelled_write(self, driver: IStorageDriver) -> None:
        """After a write that was cancelled the size still is the truth."""
        writer = await driver.writer(PATH)
        await writer.write(b"abc")
        waiting = writer.write(noise(1000))
        waiting.cancel()
        with suppress(CancelledError):
            await waiting
        size = writer.size
        await writer.write(b"end")
        await writer.commit()
        await writer.close()
        assert await read(driver, PATH) == (b"abc" + noise(1000))[:size] + b"end"

    async def test_one_after_the_other(self, driver: IStorageDriver) -> None:
        """Writes that don't wait for each other come in their order, and before the end."""
        writer = await driver.writer(PATH)
        await together(
            [*(writer.write(bytes([number]) * 100) for number in range(50)), writer.commit()]
        )
        await writer.close()
        assert await read(driver, PATH) == b"".join(bytes([number]) * 100 for number in range(50))
