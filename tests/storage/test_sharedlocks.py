"""
Locks between processes, with real ones.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import CancelledError
from twisted.internet.task import Clock, deferLater
from zope.interface.verify import verifyObject

from tests.storage.kit import fires
from txregistry.interfaces import ILocks
from txregistry.storage.sharedlocks import LONGEST_WAIT, SharedLocks

#: Another process: for each line that it reads it does what the line says, and answers.
OTHER = """
import sys
from twisted.internet.task import Clock
from txregistry.storage.sharedlocks import SharedLocks
clock = Clock()
locks = SharedLocks(sys.argv[1], clock)
release = None
for line in sys.stdin:
    word, *keys = line.split()
    if word == "hold":
        got = []
        locks.hold(keys).addCallback(got.append)
        while not got:
            clock.advance(0.001)
        release = got[0]
    elif word == "begin":
        got = []
        locks.hold(keys).addCallback(got.append)
    else:
        release()
    print("done", flush=True)
"""


class Other:
    """The other process."""

    def __init__(self, path: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OTHER, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def do(self, line: str) -> None:
        """Let it do something, and wait until it has."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        """End it."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Of the file."""
    return tmp_path / "locks"


@pytest.fixture
def other(path: Path) -> Iterator[Other]:
    """Another process on the same file."""
    process = Other(path)
    yield process
    process.kill()


@pytest.fixture
def clock() -> Clock:
    """Time that passes when it is told to."""
    return Clock()


@pytest.fixture
def locks(path: Path, clock: Clock) -> Iterator[SharedLocks]:
    """Ours."""
    made = SharedLocks(str(path), clock)
    yield made
    made.close()


class SharedLocksTests:
    """Two processes."""

    def test_provides(self, locks: SharedLocks) -> None:
        """They are what the interface says."""
        verifyObject(ILocks, locks)

    def test_alone(self, locks: SharedLocks) -> None:
        """What nobody holds is had at once, and within a process one waits for the other."""
        (release,) = fires(locks.hold(["b", "a", "b"]))
        waiting = fires(locks.hold(["b", "c"]))
        assert waiting == []
        release()
        assert len(waiting) == 1

    def test_other_process(self, locks: SharedLocks, other: Other, clock: Clock) -> None:
        """What another process holds is waited for; other keys are not."""
        other.do("hold a b")
        waiting = fires(locks.hold(["b"]))
        (release,) = fires(locks.hold(["c"]))
        clock.pump([LONGEST_WAIT] * 5)
        assert waiting == []
        other.do("release")
        clock.advance(LONGEST_WAIT)
        waiting[0]()
        release()
        assert clock.getDelayedCalls() == []
        other.do("hold a b c")

    def test_killed(self, locks: SharedLocks, other: Other, clock: Clock) -> None:
        """The locks of a process that is killed are free."""
        other.do("hold a")
        waiting = fires(locks.hold(["a"]))
        other.kill()
        clock.advance(LONGEST_WAIT)
        assert len(waiting) == 1

    def test_cancelled(self, locks: SharedLocks, other: Other, clock: Clock) -> None:
        """Who no longer waits holds nothing, neither here nor between processes."""
        other.do("hold b")
        hold = locks.hold(["a", "b"])
        outcome = fires(hold)
        hold.cancel()
        outcome[0].trap(CancelledError)
        assert clock.getDelayedCalls() == []
        other.do("release")
        other.do("hold a b")

    def test_in_turn(self, locks: SharedLocks, other: Other, clock: Clock) -> None:
        """A process with a queue of its own lets the other in when that has begun to wait."""
        (release,) = fires(locks.hold(["a"]))
        other.do("begin a")
        second = fires(locks.hold(["a"]))
        release()
        clock.advance(LONGEST_WAIT)
        assert second == []
        other.do("hold b")
        other.kill()
        clock.advance(LONGEST_WAIT)
        assert len(second) == 1


async def test_nothing_is_lost(path: Path, tmp_path: Path) -> None:
    """Three processes that count in one file under a lock lose nothing."""
    from twisted.internet import reactor

    counter = tmp_path / "counter"
    counter.write_text("0")
    script = f"""
import sys
from twisted.internet import reactor
from twisted.internet.task import react
from txregistry.deferreds import deferred
from txregistry.storage.sharedlocks import SharedLocks
from pathlib import Path

@deferred
async def count(reactor):
    locks = SharedLocks({str(path)!r}, reactor)
    counter = Path({str(counter)!r})
    for _ in range(100):
        release = await locks.hold(["counter"])
        counter.write_text(str(int(counter.read_text()) + 1))
        release()

react(count)
"""
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    while any(process.poll() is None for process in processes):
        await deferLater(reactor, 0.05)
    assert counter.read_text() == "300"
