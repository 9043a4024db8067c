"""
Syncing a file system as a whole: who waits for whom, and when it isn't done.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Self

import pytest

from tests.drivers.filesystem.conftest import MakeDriver
from txregistry.drivers.filesystem import whole
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.whole import MUCH, PAUSE, REST, SLOW, Unwritten, Whole
from txregistry.errors import StorageFailure
from txregistry.interfaces import Put


class Disk(Unwritten):
    """
    A file system and its clock.

    :ivar asked: how often it was synced.
    :ivar takes: how long that takes, in seconds.
    :ivar error: what comes of it.
    """

    def __init__(self) -> None:
        self.now = 100.0
        self.takes = 0.0
        self.asked = 0
        self.waiting = 0
        self.error: OSError | None = None

    def sync(self, _descriptor: int) -> None:
        """Take some time."""
        self.asked += 1
        self.now += self.takes
        if self.error is not None:
            raise self.error

    def bytes(self) -> int:
        return self.waiting

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def disk() -> Disk:
    """A disk that takes no time and has nothing to write."""
    return Disk()


@pytest.fixture
def make_whole(root: Path) -> Iterator[Callable[..., Whole]]:
    """Makes what is tested, on one directory."""
    made = []

    def make(disk: Disk, sync: Callable[[int], None] | None = None) -> Whole:
        made.append(Whole(str(root), sync or disk.sync, lambda: disk.now, disk))
        return made[-1]

    yield make
    for each in made:
        each.close()


def failing(number: int) -> OSError:
    """:return: the error of this number."""
    return OSError(number, os.strerror(number))


class WholeTests:
    """
    One call for all.
    """

    def test_gathering(self, disk: Disk, make_whole: Callable[..., Whole]) -> None:
        """
        Who asks during a call waits for another, which begins after that, and is one for all.
        """
        entered, go_on = Event(), Event()

        def sync(descriptor: int) -> None:
            disk.sync(descriptor)
            entered.set()
            assert go_on.wait(10)

        tested = make_whole(disk, sync)
        with ThreadPoolExecutor(5) as threads:
            outcomes = [threads.submit(tested.sync)]
            assert entered.wait(10)
            assert not tested.gathers()
            outcomes += [threads.submit(tested.sync) for _ in range(4)]
            while not tested.gathers() or sum(each.running() for each in outcomes) < 5:
                pass
            assert not any(each.done() for each in outcomes)
            go_on.set()
            assert all(each.result(10) for each in outcomes)
        assert 2 <= disk.asked < 5

    def test_slow(self, disk: Disk, make_whole: Callable[..., Whole]) -> None:
        """After a call that took long there is none for many times as long."""
        tested = make_whole(disk)
        disk.takes = 2 * SLOW
        assert tested.sync()
        assert not tested.sync()
        disk.now += (REST - 1) * disk.takes
        assert not tested.is_ready()
        disk.now += 2 * disk.takes
        disk.takes = SLOW / 2
        assert tested.sync()
        assert tested.sync()
        assert disk.asked == 3

    def test_much_to_write(self, disk: Disk, make_whole: Callable[..., Whole]) -> None:
        """While much waits to be written nobody waits for all of it."""
        tested = make_whole(disk)
        disk.waiting = MUCH + 1
        assert not tested.sync()
        disk.waiting = 0
        assert not tested.sync()
        disk.now += 2 * PAUSE
        assert tested.sync()
        assert disk.asked == 1

    @pytest.mark.parametrize("number", [errno.ENOSYS, errno.EPERM])
    def test_impossible(self, disk: Disk, make_whole: Callable[..., Whole], number: int) -> None:
        """Where it can't be done it isn't asked again."""
        tested = make_whole(disk)
        disk.error = failing(number)
        assert not tested.sync()
        assert not tested.sync()
        assert disk.asked == 1

    def test_failure(self, disk: Disk, make_whole: Callable[..., Whole]) -> None:
        """Something could not be written: who asked is told, and nobody asks so again."""
        tested = make_whole(disk)
        disk.error = failing(errno.EIO)
        with pytest.raises(OSError, match="Input/output"):
            tested.sync()
        disk.error = None
        assert not tested.sync()
        assert disk.asked == 1

    def test_elsewhere(self, disk: Disk, make_whole: Callable[..., Whole], root: Path) -> None:
        """What is on another file system is no part of it; what is gone isn't either."""
        tested = make_whole(disk)
        assert tested.has(str(root))
        assert not tested.has("/proc")
        assert not tested.has(str(root / "missing"))


class UnwrittenTests:
    """
    What the machine has to write.
    """

    def test_counted(self, tmp_path: Path) -> None:
        """What is to be written and what is being written count."""
        (tmp_path / "info").write_text("MemFree: 9 kB\nDirty:   12 kB\nWriteback:  3 kB\n")
        unwritten = Unwritten(str(tmp_path / "info"))
        assert unwritten.bytes() == 15 * 1024
        unwritten.close()

    def test_unknown(self, tmp_path: Path) -> None:
        """Where nobody tells, nothing is known of any."""
        unwritten = Unwritten(str(tmp_path / "missing"))
        assert unwritten.bytes() == 0
        unwritten.close()


class Open:
    """
    An open file, and how often it was synced by itself.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.synced = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def fileno(self) -> int:
        """:return: its descriptor."""
        return self._file.fileno()

    def sync(self) -> None:
        """Count it."""
        self.synced += 1


class NamesTests:
    """
    Which names are settled by it.
    """

    def test_several(self, disk: Disk, make_whole: Callable[..., Whole], root: Path) -> None:
        """Several things are synced by one call, and known to be so; one is by itself."""
        synced: list[str] = []
        names = Names(str(root), sync=synced.append, whole=make_whole(disk))
        names.make_directory(f"{root}/a/b")
        with Open(root / "a/b/file") as file:
            names.settle(f"{root}/a/b/file", also=[file])
        assert (disk.asked, synced, file.synced) == (1, [], 0)
        assert names.is_settled(f"{root}/a/b/file")
        assert names.is_settled(f"{root}/a")
        names.settle(directories=[f"{root}/a"])
        assert (disk.asked, synced) == (1, [f"{root}/a"])

    def test_not_now(self, disk: Disk, make_whole: Callable[..., Whole], root: Path) -> None:
        """Everybody syncs what is his where everything can't be synced."""
        synced: list[str] = []
        names = Names(str(root), sync=synced.append, whole=make_whole(disk))
        disk.error = failing(errno.ENOSYS)
        (root / "a").mkdir()
        with Open(root / "file") as file:
            names.settle(f"{root}/a/b", also=[file])
        assert (disk.asked, synced, file.synced) == (1, [str(root), f"{root}/a"], 1)

    def test_other_file_system(
        self, disk: Disk, make_whole: Callable[..., Whole], root: Path, tmp_path: Path
    ) -> None:
        """A directory that leads to another file system isn't taken for synced."""
        (root / "link").symlink_to("/proc/self")
        synced: list[str] = []
        names = Names(str(root), sync=synced.append, whole=make_whole(disk))
        names.settle(f"{root}/link/file")
        assert disk.asked == 0
        assert sorted(synced) == [str(root), f"{root}/link"]


@pytest.mark.skipif(not whole.is_possible(), reason="a system without syncfs")
class DriverTests:
    """
    A driver that does so.
    """

    async def test_failure(self, make_driver: MakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        """A change fails if something could not be written, and the next one needs it no more."""

        def fail(_descriptor: int) -> int:
            ctypes.set_errno(errno.EIO)
            return -1

        monkeypatch.setattr(whole, "_SYNCFS", fail)
        monkeypatch.setattr(whole, "MUCH", 1 << 60)  # whatever else this machine does
        driver = make_driver(whole=True)
        with pytest.raises(StorageFailure, match="Input/output"):
            await driver.change([Put("/a/b", b"x")])
        await driver.change([Put("/a/b", b"x")])
        assert await driver.get_content("/a/b") == b"x"
