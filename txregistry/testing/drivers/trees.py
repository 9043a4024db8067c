"""
What is where: facts, lists, moves and deletes.
"""

from __future__ import annotations

import pytest
import treq
from twisted.internet.task import deferLater

from txregistry.errors import PathNotFound
from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers.suite import Sizes, Suite, coroutine_tests, names, noise, together


@coroutine_tests
class TreeContract(Suite):
    """
    ``stat``, ``list``, ``move``, ``delete`` and ``redirect_url``.
    """

    async def test_root(self, driver: IStorageDriver) -> None:
        """The root of an empty driver can be listed."""
        assert list(await driver.list("/")) == []

    async def test_settle(self, driver: IStorageDriver) -> None:
        """A file that is there can be settled, again and again, and stays as it is."""
        await driver.put_content("/settle/file", b"x")
        await driver.settle("/settle/file")
        await driver.settle("/settle/file")
        assert await driver.get_content("/settle/file") == b"x"

    async def test_settle_missing(self, driver: IStorageDriver) -> None:
        """What isn't there can't be settled, nor what is there no more."""
        await driver.put_content("/settle/gone", b"x")
        await driver.settle("/settle/gone")
        await driver.delete("/settle/gone")
        for path in ("/settle/gone", "/settle/missing"):
            with pytest.raises(PathNotFound) as raised:
                await driver.settle(path)
            assert (raised.value.path, raised.value.driver) == (path, driver.name)

    async def test_list(self, driver: IStorageDriver) -> None:
        """A list has the direct children, absolute, once each."""
        files = [f"/root/parent/{number:03}" for number in range(50)]
        await together(driver.put_content(file, b"x") for file in files)
        assert await names(driver, "/") == ["/root"]
        assert await names(driver, "/root") == ["/root/parent"]
        assert await names(driver, "/root/parent") == files

    async def test_list_missing(self, driver: IStorageDriver) -> None:
        """What isn't there, or is a file, can't be listed."""
        await driver.put_content("/file", b"x")
        for path in ("/missing", "/file", "/file/below"):
            with pytest.raises(PathNotFound) as raised:
                await driver.list(path)
            assert (raised.value.path, raised.value.driver) == (path, driver.name)

    async def test_move(self, driver: IStorageDriver) -> None:
        """What was moved is at its destination and nowhere else."""
        await driver.put_content("/move/source", noise(32))
        await driver.move("/move/source", "/elsewhere/deep/destination")
        assert await driver.get_content("/elsewhere/deep/destination") == noise(32)
        with pytest.raises(PathNotFound):
            await driver.get_content("/move/source")

    async def test_move_over(self, driver: IStorageDriver) -> None:
        """What was at the destination is replaced, wholly."""
        await driver.put_content("/move/source", noise(32))
        await driver.put_content("/move/destination", noise(64))
        await driver.move("/move/source", "/move/destination")
        assert await driver.get_content("/move/destination") == noise(32)
        assert await names(driver, "/move") == ["/move/destination"]

    async def test_move_nothing(self, driver: IStorageDriver) -> None:
        """What isn't there can't be moved, and its destination is left alone."""
        await driver.put_content("/move/destination", noise(32))
        with pytest.raises(PathNotFound) as raised:
            await driver.move("/move/source", "/move/destination")
        assert raised.value.path == "/move/source"
        assert await driver.get_content("/move/destination") == noise(32)

    async def test_move_below_file(self, driver: IStorageDriver) -> None:
        """There is nothing to move below a file."""
        await driver.put_content("/move/file", b"x")
        with pytest.raises(PathNotFound):
            await driver.move("/move/file/below", "/move/destination")

    async def test_move_directory(self, driver: IStorageDriver) -> None:
        """Directories are not moved."""
        await driver.put_content("/move/directory/file", b"x")
        with pytest.raises(PathNotFound):
            await driver.move("/move/directory", "/move/destination")
        assert await driver.get_content("/move/directory/file") == b"x"

    async def test_move_to_itself(self, driver: IStorageDriver) -> None:
        """What is moved to where it is stays there."""
        await driver.put_content("/move/file", noise(32))
        await driver.move("/move/file", "/move/file")
        assert await driver.get_content("/move/file") == noise(32)

    async def test_move_at_once(self, driver: IStorageDriver) -> None:
        """Many files are moved to one destination at once; one is there in the end, whole."""
        sources = [f"/move/{number}" for number in range(8)]
        await together(driver.put_content(path, path.encode() * 100) for path in sources)
        await together(driver.move(path, "/blob/destination") for path in sources)
        assert await driver.get_content("/blob/destination") in [
            path.encode() * 100 for path in sources
        ]
        assert await names(driver, "/blob") == ["/blob/destination"]

    async def test_delete(self, driver: IStorageDriver) -> None:
        """What was deleted is gone."""
        await driver.put_content("/delete/file", b"x")
        await driver.delete("/delete/file")
        with pytest.raises(PathNotFound):
            await driver.get_content("/delete/file")

    async def test_delete_missing(self, driver: IStorageDriver) -> None:
        """What isn't there can't be deleted."""
        with pytest.raises(PathNotFound) as raised:
            await driver.delete("/missing")
        assert (raised.value.path, raised.value.driver) == ("/missing", driver.name)

    async def test_delete_directory(self, driver: IStorageDriver) -> None:
        """A directory is deleted with all below it; a child only itself."""
        files = [f"/delete/directory/{name}" for name in ("1", "2", "3/4/5")]
        for file in files:
            await driver.put_content(file, b"x")
        await driver.delete(files[0])
        for file in files[1:]:
            assert await driver.get_content(file) == b"x"
        await driver.delete("/delete/directory")
        for path in [*files, "/delete/directory"]:
            with pytest.raises(PathNotFound):
                await driver.stat(path)

    async def test_delete_nothing_else(self, driver: IStorageDriver) -> None:
        """What only begins like a path that is deleted stays."""
        for path in ("/delete/a", "/delete/ab", "/delete/d/1", "/delete/dsuffix/1"):
            await driver.put_content(path, b"x")
        await driver.delete("/delete/a")
        await driver.delete("/delete/d")
        assert await names(driver, "/delete") == ["/delete/ab", "/delete/dsuffix"]
        assert await driver.get_content("/delete/dsuffix/1") == b"x"

    async def test_delete_at_once(self, driver: IStorageDriver) -> None:
        """When many delete one thing at once, it is gone, and nobody learns anything worse."""
        for number in range(30):
            await driver.put_content(f"/delete/all/{number % 5}/{number}", b"x")

        async def attempt() -> bool:
            try:
                await driver.delete("/delete/all")
            except PathNotFound:
                return False
            return True

        assert any(await together(attempt() for _ in range(5)))
        with pytest.raises(PathNotFound):
            await driver.stat("/delete/all")

    async def test_stat_missing(self, driver: IStorageDriver) -> None:
        """There are no facts of what isn't there."""
        await driver.put_content("/stat/file", b"x")
        for path in ("/stat/missing", "/stat/missing/below", "/stat/file/below"):
            with pytest.raises(PathNotFound) as raised:
                await driver.stat(path)
            assert (raised.value.path, raised.value.driver) == (path, driver.name)

    async def test_stat_file(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """Of a file path, size and age are known, and it gets younger when it is replaced."""
        from twisted.internet import reactor  # noqa: PLC0415 - who imports it, installs it

        await driver.put_content("/stat/file", noise(4096))
        info = await driver.stat("/stat/file")
        assert (info.path, info.size, info.is_directory) == ("/stat/file", 4096, False)
        assert info.modified > 1_000_000_000
        await deferLater(reactor, sizes.tick)
        await driver.put_content("/stat/file", noise(2048))
        younger = await driver.stat("/stat/file")
        assert younger.size == 2048
        assert younger.modified > info.modified

    async def test_stat_directory(self, driver: IStorageDriver) -> None:
        """A directory has no size; the root is one, or isn't there when it is empty."""
        await driver.put_content("/stat/file", noise(4096))
        info = await driver.stat("/stat")
        assert (info.path, info.size, info.is_directory) == ("/stat", 0, True)
        root = await driver.stat("/")
        assert (root.path, root.size, root.is_directory) == ("/", 0, True)

    async def test_redirect(self, driver: IStorageDriver) -> None:
        """If clients can get the content themselves, they get it where the driver says."""
        await driver.put_content("/redirect/file", noise(32))
        url = await driver.redirect_url("GET", "/redirect/file")
        if url is not None:
            response = await treq.get(url, persistent=False)
            assert await response.content() == noise(32)
        url = await driver.redirect_url("HEAD", "/redirect/file")
        if url is not None:
            response = await treq.head(url, persistent=False)
            assert response.code == 200
            assert response.headers.getRawHeaders("Content-Length") == ["32"]
