"""
The disk of the outbox is full.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import MakeDaemon
from tests.notifications.listener import Listener, error, take
from tests.notifications.test_delivery import push, tags, telling


@pytest.fixture
def small_disk(mount_memory: Callable[[str], Path]) -> Path:
    """
    A file system of 4 MiB in memory.
    """
    return mount_memory("size=4M")


def fill(disk: Path) -> None:
    """
    Leave no byte free.
    """
    with (disk / "filling").open("ab", buffering=0) as filling:
        for size in (65536, 4096, 1):
            try:
                while filling.write(bytes(size)):
                    pass
            except OSError:
                pass


class FullDiskTests:
    """
    No request fails of it.
    """

    def test_recovers(self, make_daemon: MakeDaemon, listener: Listener, small_disk: Path) -> None:
        """
        Pushes succeed while the disk is full; the log says so once, and when there is room again
        all that waited is delivered, in order.
        """
        outbox = {"path": str(small_disk / "outbox")}
        daemon = make_daemon(configuration={**telling(listener, outbox=outbox), "workers": 1})
        assert push(daemon.port, "a/b", "before")
        listener.wait_for(lambda it: tags(it) == ["before"])
        fill(small_disk)
        for number in range(1000):
            assert push(daemon.port, "a/b", f"t{number}")
            if "can't be written" in daemon.log() and number > 30:
                break
        pushed = ["before", *(f"t{each}" for each in range(number + 1))]
        assert daemon.log().count("the outbox can't be written") == 1
        (small_disk / "filling").unlink()
        listener.wait_for(lambda it: tags(it) == pushed)
        assert "the outbox can be written again; events lost: 0" in daemon.log()

    def test_full_of_events(
        self, make_daemon: MakeDaemon, listener: Listener, tmp_path: Path
    ) -> None:
        """
        Where events take all that they may the oldest become dead letters, and the newest are
        delivered.
        """
        listener.answer = error
        configuration = telling(listener, outbox={"maxsize": "1MiB"})
        configuration["notifications"]["events"] = {"includereferences": True}
        daemon = make_daemon(configuration=configuration)
        letters = daemon.root / ".txregistry" / "outbox" / "dead-letters.jsonl"
        number = 0
        while not letters.exists():
            assert push(daemon.port, "a/b" + "/long" * 40, f"t{number}")
            number += 1
            assert number < 5000
        listener.answer = take
        assert push(daemon.port, "a/b", "last")
        listener.wait_for(lambda it: bool(it.accepted) and tags(it)[-1] == "last")
        assert "t0" not in tags(listener)
        file = daemon.root / ".txregistry" / "outbox" / "events.db"
        assert file.stat().st_size < 3 * 1024 * 1024
