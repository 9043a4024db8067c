"""
Walks: who is visited, and in which order.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import pytest

from txregistry.errors import InvalidPath, PathNotFound
from txregistry.interfaces import FileInfo, IStorageDriver, Walk
from txregistry.testing.drivers.suite import Sizes, Suite, coroutine_tests, together

#: In the order of a walk.  "-" and "." come before "/", which must not matter.
TREE = [
    "/walk/A",
    "/walk/A/file",
    "/walk/a",
    "/walk/a/b",
    "/walk/a/b/c",
    "/walk/a/b/c/file",
    "/walk/a/b.c",
    "/walk/a/z",
    "/walk/a-b",
    "/walk/a-b/file",
    "/walk/a.b",
    "/walk/a.b/file",
    "/walk/aa",
    "/walk/b",
    "/walk/b/_layers",
    "/walk/b/_layers/x",
    "/walk/b/_layers/x/y",
    "/walk/b/c",
    "/walk/c",
]

DIRECTORIES = [path for path in TREE if any(other.startswith(f"{path}/") for other in TREE)]
FILES = [path for path in TREE if path not in DIRECTORIES]


class Visitor:
    """
    Remembers whom he visited.

    :param wishes: what he wants next, by path.
    """

    def __init__(self, **wishes: Walk) -> None:
        self.wishes = wishes
        self.seen: list[FileInfo] = []

    @property
    def paths(self) -> list[str]:
        """Where he was."""
        return [info.path for info in self.seen]

    def __call__(self, info: FileInfo) -> Walk | None:
        """Be there."""
        self.seen.append(info)
        return self.wishes.get(info.path.rpartition("/")[2])


def below(*directories: str) -> Callable[[str], bool]:
    """:return: says whether a path is below one of these."""
    return lambda path: any(path.startswith(f"{directory}/") for directory in directories)


async def plant(driver: IStorageDriver, files: Sequence[str] = FILES) -> None:
    """Make the files of a tree."""
    for start in range(0, len(files), 500):
        await together(
            driver.put_content(file, file.encode()) for file in files[start : start + 500]
        )


@coroutine_tests
class WalkContract(Suite):
    """
    ``walk``.
    """

    async def test_walk_order(self, driver: IStorageDriver) -> None:
        """Everything is visited once: directories before what is in them, names in order."""
        await plant(driver)
        visitor = Visitor()
        await driver.walk("/walk", visitor)
        assert visitor.paths == TREE
        for info in visitor.seen:
            assert info.is_directory == (info.path in DIRECTORIES)
            assert info.size == (0 if info.is_directory else len(info.path))
            assert info.modified <= time.time() + 5

    async def test_walk_root(self, driver: IStorageDriver) -> None:
        """A walk may begin at the root, which isn't visited itself."""
        visitor = Visitor()
        await driver.walk("/", visitor)
        assert visitor.paths == []
        await plant(driver)
        await driver.walk("/", visitor)
        assert visitor.paths == ["/walk", *TREE]

    async def test_walk_missing(self, driver: IStorageDriver) -> None:
        """Nobody can walk where nothing is, or through a file."""
        await driver.put_content("/file", b"x")
        for path in ("/missing", "/file"):
            with pytest.raises(PathNotFound):
                await driver.walk(path, Visitor())

    async def test_walk_skip(self, driver: IStorageDriver) -> None:
        """A directory that is skipped is not entered; its neighbours are."""
        await plant(driver)
        visitor = Visitor(b=Walk.SKIP, _layers=Walk.SKIP, A=Walk.ON)
        await driver.walk("/walk", visitor)
        skipped = below("/walk/a/b", "/walk/b")
        assert visitor.paths == [path for path in TREE if not skipped(path)]

    async def test_walk_skip_file(self, driver: IStorageDriver) -> None:
        """To skip a file is to go on."""
        await plant(driver)
        visitor = Visitor(file=Walk.SKIP)
        await driver.walk("/walk", visitor)
        assert visitor.paths == TREE

    @pytest.mark.parametrize("index", range(len(TREE)))
    async def test_walk_stop(self, driver: IStorageDriver, index: int) -> None:
        """Nothing is visited after a stop, at whatever depth it is."""
        await plant(driver)
        seen: list[str] = []

        def visit(info: FileInfo) -> Walk | None:
            seen.append(info.path)
            return Walk.STOP if info.path == TREE[index] else None

        await driver.walk("/walk", visit)
        assert seen == TREE[: index + 1]

    async def test_walk_visitor_fails(self, driver: IStorageDriver) -> None:
        """What a visitor raises ends the walk."""
        await plant(driver)

        def visit(_: FileInfo) -> Walk | None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await driver.walk("/walk", visit)

    @pytest.mark.parametrize("start", TREE)
    async def test_walk_start_after(self, driver: IStorageDriver, start: str) -> None:
        """A walk goes on after a path, which need not be there, by the directories above it."""
        await plant(driver)
        for path in (start, f"{start}/missing", f"{start}-"):
            visitor = Visitor()
            await driver.walk("/walk", visitor, path)
            assert visitor.paths == [
                other
                for other in TREE
                if other.split("/") > path.split("/") or path.startswith(f"{other}/")
            ]

    async def test_walk_start_after_with_wishes(self, driver: IStorageDriver) -> None:
        """A visitor is asked about the directories on the way, too."""
        await plant(driver)
        visitor = Visitor(b=Walk.SKIP)
        await driver.walk("/walk", visitor, "/walk/a/b/c")
        skipped = below("/walk/a/b", "/walk/b")
        paths = [path for path in TREE[2:] if not skipped(path)]
        assert visitor.paths == paths
        visitor = Visitor(a=Walk.STOP)
        await driver.walk("/walk", visitor, "/walk/a/b/c")
        assert visitor.paths == ["/walk/a"]

    async def test_walk_start_elsewhere(self, driver: IStorageDriver) -> None:
        """A walk can't begin outside of where it leads."""
        await plant(driver)
        for path in ("/other", "/walk", "/walker/a", "walk/a"):
            with pytest.raises(InvalidPath):
                await driver.walk("/walk", Visitor(), path)

    async def test_walk_vanishing(self, driver: IStorageDriver) -> None:
        """What vanishes during a walk is left out; the rest is visited."""
        files = [f"/walk/{number:02}/{name}/file" for number in range(40) for name in "abc"]
        await plant(driver, files)
        visitor = Visitor()
        await together(
            [
                driver.walk("/walk", visitor),
                *(driver.delete(f"/walk/{number:02}/b") for number in range(40) if number % 3),
                *(driver.delete(f"/walk/{number:02}") for number in range(0, 40, 3)),
            ]
        )
        assert visitor.paths == sorted(set(visitor.paths), key=lambda path: path.split("/"))
        stayed = {
            file for file in files if int(file.split("/")[2]) % 3 and file.split("/")[3] != "b"
        }
        assert stayed <= set(visitor.paths)

    async def test_walk_big(self, driver: IStorageDriver, sizes: Sizes) -> None:
        """All of a big tree is visited, wide directories and long rows of small ones alike."""
        half = sizes.entries // 2
        files = sorted(
            [
                *(f"/walk/wide/{number:06}" for number in range(half)),
                *(f"/walk/row/{number:06}/link" for number in range(half)),
            ]
        )
        await plant(driver, files)
        visitor = Visitor()
        await driver.walk("/walk", visitor)
        assert [info.path for info in visitor.seen if not info.is_directory] == files
        visitor = Visitor(**{f"{number:06}": Walk.SKIP for number in range(half)})
        await driver.walk("/walk", visitor)
        assert len(visitor.seen) == 2 + half * 2
        middle = files[half + half // 2]
        visitor = Visitor()
        await driver.walk("/walk", visitor, middle)
        assert [info.path for info in visitor.seen if not info.is_directory] == files[
            files.index(middle) + 1 :
        ]
