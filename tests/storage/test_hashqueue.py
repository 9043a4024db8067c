"""
Hashing beside writing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from twisted.internet.defer import Deferred

from txregistry.deferreds import InlineThreads, Threads, started
from txregistry.storage import hashing, hashqueue
from txregistry.storage.hashqueue import AHEAD, MOST, HashQueue

LARGE = bytes(range(256)) * 4096


class LateThreads(Threads):
    """
    Threads whose calls are made when the test says so.
    """

    def __init__(self) -> None:
        self.calls: list[Callable[[], None]] = []

    def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def]
        outcome: Deferred[None] = Deferred()
        self.calls.append(lambda: outcome.callback(function(*args, **kwargs)))
        return outcome

    def work(self) -> None:
        """Make the calls."""
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def tell(self, function: Callable[[], None]) -> None:
        function()


@pytest.fixture
def threads() -> LateThreads:
    """Threads."""
    return LateThreads()


def made(threads: Threads) -> HashQueue:
    """A queue."""
    return HashQueue(hashing.new("sha256"), threads)


class HashQueueTests:
    """
    Pieces that are hashed later.
    """

    async def test_order(self) -> None:
        """
        The hash is that of all pieces in their order, large and small.
        """
        queue = made(InlineThreads())
        for piece in (LARGE, b"small", LARGE[1:]):
            queue.add(piece)
            await queue.room()
        running = await queue.finish(2 * len(LARGE) + 4)
        assert running is not None
        assert running.hexdigest() == hashlib.sha256(LARGE + b"small" + LARGE[1:]).hexdigest()

    def test_small_after_large(self, threads: LateThreads) -> None:
        """
        A small piece waits for the large one before it.
        """
        queue = made(threads)
        queue.add(LARGE)
        queue.add(b"small")
        found: list[hashing.RunningHash | None] = []
        started(queue.finish(len(LARGE) + 5)).addCallback(found.append)
        assert not found
        threads.work()
        [running] = found
        assert running is not None
        assert running.hexdigest() == hashlib.sha256(LARGE + b"small").hexdigest()

    async def test_small(self, threads: LateThreads) -> None:
        """
        A small piece alone needs no thread.
        """
        queue = made(threads)
        queue.add(b"small")
        assert not threads.calls
        assert await queue.finish(5)

    def test_room(self, threads: LateThreads) -> None:
        """
        Who is faster than the hash waits for it.
        """
        queue = made(threads)
        for _ in range(MOST // len(LARGE)):
            queue.add(LARGE)
            assert queue.room().called
        queue.add(LARGE)
        come: list[None] = []
        queue.room().addCallback(come.append)
        assert not come
        threads.work()
        assert come
        threads.work()
        assert started(queue.finish(MOST + len(LARGE))).called

    def test_turns(self, threads: LateThreads, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A long blob doesn't keep a thread from others.
        """
        monkeypatch.setattr(hashqueue, "AT_ONCE", 2 * len(LARGE))
        queue = made(threads)
        for _ in range(3):
            queue.add(LARGE)
        found: list[hashing.RunningHash | None] = []
        started(queue.finish(3 * len(LARGE))).addCallback(found.append)
        threads.work()
        assert not found
        assert len(threads.calls) == 1
        threads.work()
        [running] = found
        assert running is not None
        assert running.hexdigest() == hashlib.sha256(3 * LARGE).hexdigest()

    def test_room_of_all(self, threads: LateThreads) -> None:
        """
        Many files together have not much more in memory than one.
        """
        queues = [made(threads) for _ in range(AHEAD // len(LARGE) + 1)]
        for queue in queues:
            queue.add(LARGE)
        come: list[None] = []
        queues[-1].room().addCallback(come.append)
        assert not come
        threads.work()
        assert come

    @pytest.mark.parametrize("length", [len(LARGE) - 1, 0, len(LARGE) + 1])
    async def test_other_length(self, length: int) -> None:
        """
        If other bytes were stored than were hashed, there is no hash.
        """
        queue = made(InlineThreads())
        queue.add(LARGE)
        assert await queue.finish(length) is None
