"""
Lists in order, in pages, and of several directories at once.
"""

from __future__ import annotations

import pytest

from txregistry.errors import InvalidPath, PathNotFound
from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers.suite import Suite, coroutine_tests, together

#: In the order of their bytes, which is neither that of an alphabet nor that of numbers.
NAMES = ["-", ".a", "1", "10", "2", "A", "B", "_", "a", "a-b", "a.b", "aa", "b"]


@coroutine_tests
class ListContract(Suite):
    """
    ``children`` and ``children_of``.
    """

    async def test_children(self, driver: IStorageDriver) -> None:
        """The children come in the order of their bytes, each once, by their names only."""
        await together(driver.put_content(f"/dir/{name}/file", b"x") for name in NAMES)
        await driver.put_content("/dir/file", b"x")
        assert list(await driver.children("/dir")) == sorted([*NAMES, "file"])
        assert list(await driver.children("/dir/a")) == ["file"]
        assert list(await driver.children("/")) == ["dir"]

    async def test_children_after(self, driver: IStorageDriver) -> None:
        """A page begins after any text, whether or not it is a name, and has a limit."""
        await together(driver.put_content(f"/dir/{name}", b"x") for name in NAMES)
        for after in ["", " ", "!", "a", "a-", "a/", "ab", "zz", "\udcff", "é", *NAMES]:
            for limit in (0, 1, 3, 13, 14, 1000, None):
                expected = [name for name in NAMES if name > after][:limit]
                assert list(await driver.children("/dir", after, limit)) == expected

    async def test_children_having(self, driver: IStorageDriver) -> None:
        """Children without something are left out, and don't count."""
        for number, name in enumerate(NAMES):
            below = ("a/link", "a/b/link", "other")[number % 3]
            await driver.put_content(f"/dir/{name}/{below}", b"x")
        await driver.put_content("/dir/file", b"x")
        for having, expected in (
            ("a/link", NAMES[::3]),
            ("a/b", NAMES[1::3]),
            ("a", [name for number, name in enumerate(NAMES) if number % 3 < 2]),
            ("missing", []),
        ):
            assert list(await driver.children("/dir", having=having)) == expected
            assert (
                list(await driver.children("/dir", "1", 2, having))
                == [name for name in expected if name > "1"][:2]
            )

    async def test_children_change(self, driver: IStorageDriver) -> None:
        """What comes and what goes is noticed by the next who asks."""
        await driver.put_content("/dir/a/link", b"x")
        for number in range(20):
            await driver.put_content(f"/dir/b{number}/link", b"x")
            assert f"b{number}" in await driver.children("/dir", having="link")
            (found,) = await driver.children_of("/", ["dir"])
            assert list(found) == ["a", f"b{number}"]
            await driver.delete(f"/dir/b{number}")
            assert list(await driver.children("/dir", having="link")) == ["a"]

    async def test_children_complete(self, driver: IStorageDriver) -> None:
        """What a child gets below it is noticed by the next who asks."""
        await driver.put_content("/dir/a/link", b"x")
        await driver.put_content("/dir/b/other", b"x")
        assert list(await driver.children("/dir", having="link")) == ["a"]
        await driver.put_content("/dir/b/link", b"x")
        assert list(await driver.children("/dir", having="link")) == ["a", "b"]

    async def test_children_missing(self, driver: IStorageDriver) -> None:
        """What isn't there, or is a file, has no children."""
        await driver.put_content("/file", b"x")
        for path in ("/missing", "/file", "/file/below"):
            for having in ("", "link"):
                with pytest.raises(PathNotFound) as raised:
                    await driver.children(path, having=having)
                assert (raised.value.path, raised.value.driver) == (path, driver.name)

    async def test_children_gone(self, driver: IStorageDriver) -> None:
        """A directory that has gone has no children any more, until it comes again."""
        await driver.put_content("/dir/below/a", b"x")
        assert list(await driver.children("/dir/below")) == ["a"]
        await driver.delete("/dir")
        with pytest.raises(PathNotFound):
            await driver.children("/dir/below")
        await driver.put_content("/dir/below/b", b"x")
        assert list(await driver.children("/dir/below")) == ["b"]

    async def test_children_of(self, driver: IStorageDriver) -> None:
        """Of several, what isn't a directory has no children; the order is that of the question."""
        for path in ("/x/b/2", "/x/b/1", "/x/a/3", "/x/file"):
            await driver.put_content(path, b"x")
        found = await driver.children_of("/x", ["b", "missing", "a", "file", "b"])
        assert [list(each) for each in found] == [["1", "2"], [], ["3"], [], ["1", "2"]]
        assert list(await driver.children_of("/x", [])) == []
        assert [list(each) for each in await driver.children_of("/missing", ["a"])] == [[]]
        assert [list(each) for each in await driver.children_of("/", ["x"])] == [["a", "b", "file"]]

    async def test_children_bad(self, driver: IStorageDriver) -> None:
        """What is no path, or no name, is an error."""
        for asking in (
            driver.children("/a/"),
            driver.children("/", having="/a"),
            driver.children("/", having="a/.."),
            driver.children_of("/..", ["a"]),
            driver.children_of("/", ["a/b"]),
            driver.children_of("/", ["a", ""]),
            driver.children_of("/", [".."]),
        ):
            with pytest.raises(InvalidPath):
                await asking
