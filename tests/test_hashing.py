"""
The threads in which blobs are hashed.
"""

from __future__ import annotations

import os
import threading

from twisted.internet import reactor

from txregistry.deferreds import Threads
from txregistry.service.hashing import NICENESS, hash_threads


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())


class HashThreadsTests:
    """
    They stand back, and are few.
    """

    async def test_niceness(self) -> None:
        """
        They let others go before them, who stay as they are.
        """
        before = _niceness()
        assert await hash_threads(reactor, 1).run(_niceness) == min(before + NICENESS, 19)
        assert _niceness() == before

    async def test_count(self) -> None:
        """
        There are no more than there are processors for each process.
        """
        processors = len(os.sched_getaffinity(0))
        for workers in (1, processors, 8 * processors):
            threads = hash_threads(reactor, workers)
            assert await _together(threads, 4 * processors) <= max(1, processors // workers)


async def _together(threads: Threads, calls: int) -> int:
    """:return: in how many threads some calls were made."""
    seen: set[int] = set()
    gate = threading.Semaphore(0)

    def call() -> None:
        seen.add(threading.get_ident())
        gate.acquire()

    waiting = [threads.run(call) for _ in range(calls)]
    gate.release(calls)
    for each in waiting:
        await each
    return len(seen)
