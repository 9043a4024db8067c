"""
Small changes that are made by one thread.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Semaphore, active_count

import pytest
from twisted.internet.defer import CancelledError, Deferred

from tests.drivers.filesystem.conftest import MakeDriver
from txregistry.deferreds import deferred
from txregistry.drivers.filesystem import driver as driver_module
from txregistry.drivers.filesystem import whole
from txregistry.drivers.filesystem.change import Changing
from txregistry.drivers.filesystem.together import INSTANT
from txregistry.drivers.filesystem.together import Syncs as TimedSyncs
from txregistry.errors import PathNotFound, StorageFailure
from txregistry.interfaces import Change, IStorageDriver, Put, Settle, Tell
from txregistry.testing.drivers.notes import Note


class Syncs:
    """
    Syncs of everything, which wait until they are let through.

    :ivar count: how many there were.
    :ivar error: what the system says to the next.
    """

    def __init__(self) -> None:
        self.count = 0
        self.error = 0
        self.gate = Semaphore(0)

    def __call__(self, _descriptor: int) -> int:
        self.gate.acquire()
        self.count += 1
        return -1 if self.error else 0


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> Syncs:
    """What is called to sync everything."""
    made = Syncs()
    monkeypatch.setattr(whole, "_SYNCFS", made)
    monkeypatch.setattr(whole, "MUCH", 1 << 60)  # whatever else this machine does
    monkeypatch.setattr(ctypes, "get_errno", lambda: made.error)
    return made


@pytest.fixture
def driver(make_driver: MakeDriver, syncs: Syncs) -> Iterator[IStorageDriver]:
    """A driver that may sync everything."""
    yield make_driver(whole=True)
    syncs.gate.release(1000)


@deferred
async def failure(waiting: Deferred[None]) -> Exception | None:
    """:return: how something failed, if it did."""
    try:
        await waiting
    except Exception as error:  # noqa: BLE001 - whatever it is
        return error
    return None


def put(number: int) -> list[Change]:
    """:return: a step that writes two files."""
    return [Put(f"/{number}/{name}", b"%d" % number) for name in ("a", "b")]


class ScribeTests:
    """
    Who asks while others are being served is served together with all who do.
    """

    async def test_together(self, driver: IStorageDriver, syncs: Syncs, root: Path) -> None:
        """
        What comes meanwhile is synced at once, whoever it is from.
        """
        first = driver.change(put(0))
        others = [driver.change(put(number), put(100 + number)) for number in range(1, 20)]
        syncs.gate.release(1000)
        for waiting in (first, *others):
            await waiting
        assert syncs.count <= 5
        for number in (*range(20), *range(101, 120)):
            assert (root / str(number) / "b").read_bytes() == b"%d" % number

    async def test_one_fails(self, driver: IStorageDriver, syncs: Syncs, root: Path) -> None:
        """
        What fails is one's own: the others hear nothing of it, and he nothing of them.
        """
        first = driver.change(put(0))
        bad = failure(driver.change([Put("/bad/a", b""), Settle("/not/there")], put(7)))
        good = driver.change(put(1))
        (root / "2").write_bytes(b"a file where a directory should be")
        other = failure(driver.change(put(2)))
        syncs.gate.release(1000)
        await first
        await good
        assert isinstance(await bad, PathNotFound)
        assert isinstance(await other, StorageFailure)
        assert {path.name for path in root.iterdir()} == {"0", "1", "2", "bad"}
        assert list((root / "bad").iterdir()) == []

    async def test_sync_fails(self, driver: IStorageDriver, syncs: Syncs, root: Path) -> None:
        """
        If what several wrote can't be synced, nobody's change is seen, and each is told of his own.
        """
        syncs.error = errno.EIO
        failures = [failure(driver.change(put(number))) for number in range(3)]
        syncs.gate.release(1000)
        found = [await each for each in failures]
        assert isinstance(found[0], StorageFailure)
        for number, error in enumerate(found):
            # Who was not among those syncs what is his, as everybody does from now on.
            assert (root / f"{number}" / "a").exists() == (error is None)
            assert error is None or f"/{number}/a" in str(error)
        await driver.change(put(3))
        assert (root / "3" / "a").exists()

    async def test_telling(self, driver: IStorageDriver, syncs: Syncs) -> None:
        """
        Who is to be told that something can be seen is so before it is known to be durable.
        """
        told: list[str] = []
        tell: Callable[[], None] = lambda: told.append("seen")  # noqa: E731 - it is a parameter
        syncs.gate.release(1000)
        await driver.change([*put(0), Tell(tell)]).addCallback(lambda _: told.append("done"))
        assert told == ["seen", "done"]

    async def test_noting(self, driver: IStorageDriver, syncs: Syncs, root: Path) -> None:
        """
        What is written down on the same file system is synced with it, elsewhere by itself.
        """
        done: list[str] = []
        syncs.gate.release(1000)
        with (root.parent / "here").open("wb") as here, open(os.devnull, "wb") as elsewhere:
            for file in (here, elsewhere):
                note = Note(
                    lambda: done.append("written"), lambda: done.append("synced"), file.fileno()
                )
                await driver.change([*put(0), Tell(lambda: done.append("told"), note)])
        assert done == ["written", "written", "synced"]

    async def test_broken(
        self, driver: IStorageDriver, syncs: Syncs, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        If nobody thought of what goes wrong, nobody waits for ever, and it goes on.
        """
        syncs.gate.release(1000)
        with monkeypatch.context() as patched:
            patched.setattr(Changing, "end", lambda _: 1 / 0)
            assert isinstance(await failure(driver.change(put(0))), ZeroDivisionError)
        await driver.change(put(1))

    async def test_cancelled(self, driver: IStorageDriver, syncs: Syncs, root: Path) -> None:
        """
        Who is cancelled waits for the end, for what has begun can't be stopped.
        """
        waiting = driver.change(put(0))
        outcome = failure(waiting)
        waiting.cancel()
        assert not outcome.called
        syncs.gate.release(1000)
        assert isinstance(await outcome, CancelledError)
        assert (root / "0" / "a").exists()


class ChoiceTests:
    """
    When one thread makes them, where not everything is synced at once.
    """

    @pytest.mark.parametrize(("seconds", "scribes"), [(INSTANT / 2, True), (INSTANT * 2, False)])
    async def test_choice(
        self,
        make_driver: MakeDriver,
        monkeypatch: pytest.MonkeyPatch,
        seconds: float,
        scribes: bool,
    ) -> None:
        """
        One does where syncs have nothing to wait for; where they have, several wait side by side.
        """
        moments = itertools.count(step=seconds)
        monkeypatch.setattr(driver_module, "Syncs", lambda: TimedSyncs(lambda: next(moments)))
        driver = make_driver()
        await driver.change(*[put(number) for number in range(8)])
        before = active_count()
        waiting = [driver.change(put(number)) for number in range(50)]
        # The one before may still be on its way home.
        assert (active_count() <= before + 1) is scribes
        for each in waiting:
            await each
