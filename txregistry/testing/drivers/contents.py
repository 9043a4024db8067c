"""
Small files, read and written whole.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import pytest
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from txregistry.errors import InvalidPath, PathNotFound
from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers.suite import (
    KIB,
    MIB,
    Suite,
    coroutine_tests,
    names,
    noise,
    read_on,
    together,
)

VALID_PATHS = [
    "/a",
    "/2",
    "/aa",
    "/a.a",
    "/0-9/abcdefg",
    "/abcdefg/z.75",
    "/abc/1.2.3.4.5-6_zyx/123.z/4",
    "/docker/docker-registry",
    "/123.abc",
    "/abc./abc",
    "/.abc",
    "/a--b",
    "/a-.b",
    "/_.abc",
    "/Docker/docker-registry",
    "/Abc/Cba",
    "/...",
    "/a/..b",
]

INVALID_PATHS = [
    "",
    "/",
    "abc",
    "123.abc",
    "//bcd",
    "/abc_123/",
    "/a//b",
    "/.",
    "/..",
    "/a/../b",
    "/a/./b",
    "/a/..",
    "/a b",
    "/a\n",
    "/a\0",
    "/é",
    "/a\\b",
    "/a%2fb",
]

CONTENTS = {
    "one byte": b"a",
    "two-byte UTF-8": "\xc3\x9f".encode("latin-1"),
    "random bytes": noise(32),
    "a mebibyte": noise(MIB),
    "no UTF-8": b"\x80\x80\x80\x80",
}


@coroutine_tests
class ContentContract(Suite):
    """
    ``get_content`` and ``put_content``.
    """

    def test_provides(self, bare_driver: IStorageDriver) -> None:
        """It has all methods of the interface, with the right arguments, and a name."""
        assert verifyObject(IStorageDriver, bare_driver)
        assert bare_driver.name

    @pytest.mark.parametrize("path", VALID_PATHS)
    async def test_valid_paths(self, driver: IStorageDriver, path: str) -> None:
        """What was put at a path is got there."""
        content = noise(64, path)
        await driver.put_content(path, content)
        assert await driver.get_content(path) == content

    @pytest.mark.parametrize("path", INVALID_PATHS)
    async def test_invalid_paths(self, driver: IStorageDriver, path: str) -> None:
        """What is no path is refused, in the driver's name, and names the path."""
        put = partial(driver.put_content, content=b"x")
        for operation in (put, driver.get_content, driver.reader, driver.writer, driver.delete):
            with pytest.raises(InvalidPath) as raised:
                await operation(path)
            assert raised.value.path == path
            assert raised.value.driver == driver.name

    @pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS.keys())
    async def test_contents(self, driver: IStorageDriver, content: bytes) -> None:
        """Whatever bytes are put are got."""
        await driver.put_content("/content/file", content)
        assert await driver.get_content("/content/file") == content

    async def test_shorter(self, driver: IStorageDriver) -> None:
        """Shorter content replaces longer content wholly."""
        await driver.put_content("/content/file", noise(MIB))
        await driver.put_content("/content/file", noise(KIB))
        assert await driver.get_content("/content/file") == noise(KIB)

    async def test_get_missing(self, driver: IStorageDriver) -> None:
        """There is nothing at a path where nothing was put; the error names path and driver."""
        with pytest.raises(PathNotFound) as raised:
            await driver.get_content("/missing/file")
        assert raised.value.path == "/missing/file"
        assert raised.value.driver == driver.name

    async def test_get_directory(self, driver: IStorageDriver) -> None:
        """A directory has no content."""
        await driver.put_content("/directory/file", b"x")
        with pytest.raises(PathNotFound):
            await driver.get_content("/directory")

    async def test_atomic(self, driver: IStorageDriver) -> None:
        """Whoever reads while others write gets one content or the other, whole."""
        contents = [noise(size, size) for size in (10, 3 * KIB, 200 * KIB)]
        await driver.put_content("/atomic/file", contents[0])
        for content in contents * 8:
            putting = driver.put_content("/atomic/file", content)
            found = await together(driver.get_content("/atomic/file") for _ in range(5))
            await putting
            assert all(got in contents for got in found)
            assert await driver.get_content("/atomic/file") == content

    async def test_open_reader(self, driver: IStorageDriver) -> None:
        """Who has begun to read goes on in the same content."""
        await driver.put_content("/atomic/file", noise(300 * KIB, "old"))
        reader = await driver.reader("/atomic/file")
        beginning = await reader.read(KIB)
        await driver.put_content("/atomic/file", noise(500 * KIB, "new"))
        assert beginning + await read_on(reader) == noise(300 * KIB, "old")
        await reader.close()

    async def test_at_once(self, driver: IStorageDriver) -> None:
        """Of many contents that are put to one path at once, one is there, whole and alone."""
        contents = [noise(KIB * (number + 1), number) for number in range(16)]
        await together(driver.put_content("/race/file", content) for content in contents)
        assert await driver.get_content("/race/file") in contents
        assert await names(driver, "/race") == ["/race/file"]

    async def test_under_delete(self, driver: IStorageDriver) -> None:
        """A directory can be deleted under those who put files into it, and all get on."""
        for number in range(10):
            path = f"/race/{number}/a/b"
            await driver.put_content(path, b"0")
            await together(
                [
                    driver.put_content(path, b"1"),
                    driver.delete(f"/race/{number}"),
                    driver.put_content(path, b"2"),
                ]
            )
            await driver.put_content(path, b"3")
            assert await driver.get_content(path) == b"3"
            assert await names(driver, f"/race/{number}") == [f"/race/{number}/a"]

    async def test_put_cancelled(self, driver: IStorageDriver) -> None:
        """A put that is cancelled has happened or not, and leaves nothing half done."""
        await driver.put_content("/cancelled/file", b"old")
        waiting = driver.put_content("/cancelled/file", b"new")
        waiting.cancel()
        with suppress(CancelledError):
            await waiting
        assert await driver.get_content("/cancelled/file") in (b"old", b"new")
        assert await names(driver, "/cancelled") == ["/cancelled/file"]

    async def test_empty(self, driver: IStorageDriver) -> None:
        """A file may be empty, put whole, and is found."""
        await driver.put_content("/empty/file", b"")
        assert await driver.get_content("/empty/file") == b""
        assert (await driver.stat("/empty/file")).size == 0
