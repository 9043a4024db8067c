"""
Several syncs at once.

A sync waits for the disk to say that it has written, about 2 ms on a good one, and that takes no
longer when others wait too.  So what an operation has to sync, it syncs side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from typing import Final

Call = Callable[[], object]
Calls = Sequence[Call]

_THREADS: Final = 64


def one_after_another(calls: Calls) -> None:
    """Make some calls."""
    for call in calls:
        call()


class Syncs:
    """
    Threads that only wait for disks.  There are none before the first is needed.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None

    def together(self, calls: Calls) -> None:
        """
        Make some calls at once, and wait for the end of all.

        :raises Exception: what one of them raised, if any.
        """
        if len(calls) <= 1:
            one_after_another(calls)
            return
        others = [self._pool().submit(call) for call in calls[1:]]
        try:
            calls[0]()
        finally:
            wait(others)
        for other in others:
            other.result()

    def close(self) -> None:
        """Let the threads end, which wait for nothing any more."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()

    def _pool(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(_THREADS, "sync")
            return self._threads
