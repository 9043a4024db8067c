"""
Several syncs: at once where the disk is slow, in a row where it is quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Barrier, get_ident

import pytest

from txregistry.drivers.filesystem.together import QUICK, Syncs


class Disk:
    """
    A disk, and the clock by which it is measured.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.takes = 0.0
        self.threads: list[int] = []

    def sync(self) -> None:
        """Take some time, and note in which thread."""
        self.now += self.takes
        self.threads.append(get_ident())


@pytest.fixture
def disk() -> Disk:
    """A disk that takes no time."""
    return Disk()


@pytest.fixture
def syncs(disk: Disk) -> Iterator[Syncs]:
    """Syncs of that disk."""
    syncs = Syncs(lambda: disk.now)
    yield syncs
    syncs.close()


class SyncsTests:
    """
    How several calls are made.
    """

    def test_quick(self, syncs: Syncs, disk: Disk) -> None:
        """On a quick disk nobody else is asked."""
        for _ in range(20):
            syncs.together([disk.sync] * 3)
        assert set(disk.threads) == {get_ident()}

    def test_slow(self, syncs: Syncs, disk: Disk) -> None:
        """On a slow one the calls are under way together."""
        disk.takes = 4 * QUICK
        for _ in range(6):
            syncs.together([disk.sync] * 3)
        together = Barrier(3)
        syncs.together([lambda: together.wait(10)] * 3)
        assert not together.broken

    def test_quicker_again(self, syncs: Syncs, disk: Disk) -> None:
        """A disk that was slow may be quick again, and a quick one slow at times."""
        disk.takes = 4 * QUICK
        for _ in range(20):
            syncs.together([disk.sync])
        assert not syncs.is_quick()
        disk.takes = 0
        for _ in range(8):
            syncs.together([disk.sync] * 2)
        assert syncs.is_quick()
        disk.takes = 4 * QUICK
        syncs.together([disk.sync])
        assert syncs.is_quick()

    @pytest.mark.parametrize("slow", [False, True])
    def test_failure(self, syncs: Syncs, disk: Disk, slow: bool) -> None:
        """What fails is told."""

        def fail() -> None:
            raise OSError("why")

        disk.takes = 4 * QUICK if slow else 0
        for _ in range(20):
            syncs.together([disk.sync])
        for calls in ([fail, disk.sync], [disk.sync, fail], [fail]):
            with pytest.raises(OSError, match="why"):
                syncs.together(calls)
