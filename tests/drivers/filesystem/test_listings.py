"""
Listings that are kept: never an old one, and no more of them than there is room for.
"""

from __future__ import annotations

import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from txregistry.deferreds import InlineThreads
from txregistry.drivers.filesystem import hidden, listing
from txregistry.drivers.filesystem.listing import HOLDS, SETTLED, Stamp, stamp_of
from txregistry.drivers.filesystem.listings import REMEMBERED_BYTES, Listings
from txregistry.errors import PathNotFound

P = ParamSpec("P")
T = TypeVar("T")

TICK = 0.02
"""Seconds after which the kernel's clock, by which it stamps, has surely gone on."""


class Looks(InlineThreads):
    """
    Counts how often somebody had to look.
    """

    count = 0

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        self.count += 1
        return super().run(function, *args, **kwargs)


class Kept:
    """
    Listings of a directory in which, as it seems, nothing has happened for long.

    :param root: the directory.
    :param age: how old all is at least.
    """

    def __init__(
        self, root: Path, age: float = SETTLED + 1, capacity: int = REMEMBERED_BYTES
    ) -> None:
        self.looks = Looks()
        self.passed = 0.0
        self.listings = Listings(
            str(root),
            self.looks,
            capacity,
            now=lambda: time.time() + age,
            timer=lambda: self.passed,
        )

    async def children(self, *args: Any, **kwargs: Any) -> list[str]:
        """Ask as a driver does."""
        return list(await self.listings.children(*args, **kwargs))


@pytest.fixture
def kept(root: Path) -> Kept:
    """Listings of a directory with three children, of which two have something."""
    for name in ("a", "b"):
        (root / "tags" / name).mkdir(parents=True)
        (root / "tags" / name / "link").touch()
    (root / "tags" / "c").mkdir()
    time.sleep(TICK)
    return Kept(root)


class OrderTests:
    """
    Names are sorted in pieces.
    """

    @given(st.lists(st.text("ab-./", max_size=3), max_size=40), st.integers(1, 5))
    def test_order(self, names: list[str], piece: int) -> None:
        """However small the pieces, what comes out is in order."""
        assert hidden.in_order(names, piece) == sorted(names)


class KeepingTests:
    """
    What is looked at again, and what isn't.
    """

    async def test_again(self, kept: Kept) -> None:
        """Who asks again for what hasn't changed makes nobody look, whatever page he wants."""
        assert await kept.children("/tags") == ["a", "b", "c"]
        assert await kept.children("/tags", "a", 1) == ["b"]
        assert await kept.children("/tags", "c") == []
        assert [list(each) for each in await kept.listings.children_of("/", ["tags"])] == [
            ["a", "b", "c"]
        ]
        assert kept.looks.count == 1

    async def test_young(self, root: Path) -> None:
        """What has just changed is not kept: a next change might look like the last one."""
        (root / "tags/a").mkdir(parents=True)
        young = Kept(root, age=0)
        for _ in range(2):
            assert await young.children("/tags") == ["a"]
            await young.listings.children_of("/", ["tags"])
        assert young.looks.count == 4

    async def test_coarse(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Two changes that a file system can't tell from each other are both noticed."""

        def in_seconds(directory: str) -> Stamp:
            changed, device, inode, *_ = stamp_of(directory)
            return changed // 10**9 * 10**9, device, inode

        monkeypatch.setattr(listing, "stamp_of", in_seconds)
        coarse = Kept(root, age=0)
        (root / "tags").mkdir()
        begun = time.monotonic()
        while time.monotonic() - begun < 2.5:
            name = str(random.random())
            (root / "tags" / name).mkdir()
            assert name in await coarse.children("/tags")
            (root / "tags" / name).rmdir()
            assert await coarse.children("/tags") == []

    async def test_clock_set_back(self, kept: Kept, root: Path) -> None:
        """While the last change is in the future nothing is kept."""
        early = Kept(root, age=-3600)
        for _ in range(2):
            assert await early.children("/tags") == ["a", "b", "c"]
        assert early.looks.count == 2

    @pytest.mark.parametrize("change", ["add", "remove", "rename", "replace", "file"])
    async def test_others(self, kept: Kept, root: Path, change: str) -> None:
        """What another program does to a directory is noticed."""
        assert await kept.children("/tags") == ["a", "b", "c"]
        tags = root / "tags"
        if change == "add":
            (tags / "d").mkdir()
        elif change == "remove":
            shutil.rmtree(tags / "a")
        elif change == "rename":
            (tags / "a").rename(tags / "z")
        elif change == "replace":
            tags.rename(root / "old")
            tags.mkdir()
            (tags / "x").mkdir()
        else:
            (tags / "file").touch()
        expected = sorted(os.listdir(tags))
        assert await kept.children("/tags") == expected
        time.sleep(TICK)
        assert [list(each) for each in await kept.listings.children_of("/", ["tags"])] == [expected]

    async def test_gone(self, kept: Kept, root: Path) -> None:
        """A directory that another program removes isn't there any more."""
        await kept.children("/tags")
        shutil.rmtree(root / "tags")
        assert list(await kept.listings.children_of("/", ["tags"])) == [()]
        with pytest.raises(PathNotFound):
            await kept.children("/tags")

    async def test_little_room(self, kept: Kept, root: Path) -> None:
        """What there is no room for is looked at each time, and makes others forgotten."""
        for name in ("one", "two"):
            for number in range(20):
                (root / name / f"{number:0200}").mkdir(parents=True)
        time.sleep(TICK)
        small = Kept(root, capacity=8 * 1024)
        for _ in range(2):
            for name in ("one", "two"):
                assert len(await small.children(f"/{name}")) == 20
        assert small.looks.count == 4
        none = Kept(root, capacity=0)
        for _ in range(2):
            await none.children("/tags")
        assert none.looks.count == 2

    async def test_weight(self, kept: Kept, root: Path) -> None:
        """What a listing weighs is what its names take, and a little more."""
        names = [f"build-{number}" for number in range(1000)]
        for name in names:
            (root / "tags" / name).mkdir()
        there = listing.read(str(root / "tags"), time.time)
        least = sum(name.__sizeof__() for name in there.names) + there.names.__sizeof__()
        assert least <= there.weight < least * 1.1 + 2048

    async def test_elsewhere(self, kept: Kept, small_disk: Path, root: Path) -> None:
        """Of another file system below the root nothing is kept: it may be a slow one."""
        (small_disk / "a").mkdir()
        (root / "mounted").symlink_to(small_disk)
        time.sleep(TICK)
        for _ in range(2):
            assert await kept.children("/mounted") == ["a"]
        assert kept.looks.count == 2


class HavingTests:
    """
    What is below a child.
    """

    async def test_seen(self, kept: Kept) -> None:
        """Where all was seen nobody looks again for a while; where something is missing he does."""
        for _ in range(3):
            assert await kept.children("/tags", limit=2, having="link") == ["a", "b"]
        assert kept.looks.count == 1
        for _ in range(3):
            assert await kept.children("/tags", having="link") == ["a", "b"]
        assert kept.looks.count == 4

    async def test_comes(self, kept: Kept, root: Path) -> None:
        """What comes below a child is noticed, though its directory doesn't change."""
        assert await kept.children("/tags", having="link") == ["a", "b"]
        (root / "tags/c/link").touch()
        assert await kept.children("/tags", having="link") == ["a", "b", "c"]

    async def test_goes(self, kept: Kept, root: Path) -> None:
        """If it goes while the child stays, that is noticed soon."""
        assert await kept.children("/tags", limit=2, having="link") == ["a", "b"]
        (root / "tags/a/link").unlink()
        kept.passed += HOLDS + 0.1
        assert await kept.children("/tags", limit=2, having="link") == ["b"]

    async def test_goes_with_child(self, kept: Kept, root: Path) -> None:
        """If a child goes and comes again without it, that is noticed at once."""
        assert await kept.children("/tags", limit=2, having="link") == ["a", "b"]
        shutil.rmtree(root / "tags/a")
        (root / "tags/a").mkdir()
        assert await kept.children("/tags", limit=2, having="link") == ["b"]


class CrowdTests:
    """
    Others change a directory all the time.
    """

    async def test_answered(self, root: Path, scale: Callable[[Any, Any], Any]) -> None:
        """
        Whoever asks after a change was made sees it, where what hasn't changed for 50 ms is kept:
        that is some ticks of the clock that stamps.
        """
        tags = root / "tags"
        tags.mkdir()
        kept = Kept(root, age=SETTLED - 0.05)
        # How often a name was changed, and whether it is there, or None while that changes.
        states: dict[str, tuple[int, bool | None]] = {}
        stopped = threading.Event()

        def change(seed: int) -> None:
            chance = random.Random(seed)
            while not stopped.is_set():
                name = f"{seed}-{chance.randrange(5)}"
                number, there = states.get(name, (0, False))
                states[name] = (number + 1, None)
                if there:
                    (tags / name).rmdir()
                else:
                    (tags / name).mkdir()
                states[name] = (number + 1, not there)
                time.sleep(chance.choice([0, 0.001, 0.01, 0.06, 0.15]))

        others = [threading.Thread(target=change, args=(seed,)) for seed in range(2)]
        for other in others:
            other.start()
        asked, end = 0, time.monotonic() + scale(3, 60)
        try:
            while time.monotonic() < end:
                before = dict(states)
                seen = await kept.children("/tags")
                after = dict(states)
                for name, state in before.items():
                    if after[name] == state and state[1] is not None:
                        assert (name in seen) is state[1]
                asked += 1
                time.sleep(0.001)
        finally:
            stopped.set()
            for other in others:
                other.join()
        assert 0 < kept.looks.count < asked * 0.9, "nothing was kept, so nothing was tried"
