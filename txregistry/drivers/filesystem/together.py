"""
Several syncs at once.

A sync waits for the disk to say that it has written, often some milliseconds, and that takes no
longer when others wait too.  So what an operation has to sync, it syncs side by side; unless the
disk answers sooner than other threads could be asked.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Lock
from time import perf_counter
from typing import Final

Call = Callable[[], object]
Calls = Sequence[Call]

_THREADS: Final = 64

QUICK: Final = 0.0005
"""Seconds that a sync takes on a disk so quick that to ask other threads costs more."""

INSTANT: Final = 0.00005
"""Seconds that a sync takes where there is nothing to wait for, as in memory."""

_REMEMBERED: Final = 16


def one_after_another(calls: Calls) -> None:
    """Make some calls."""
    for call in calls:
        call()


class Syncs:
    """
    Threads that only wait for disks.  There are none before the first is needed.

    :param timer: seconds since any moment.
    """

    def __init__(self, timer: Callable[[], float] = perf_counter) -> None:
        self._timer = timer
        self._lock = Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._seconds: deque[float] = deque([0.0], _REMEMBERED)

    def together(self, calls: Calls) -> None:
        """
        Make some calls, at once if the disk is slow, and wait for the end of all.

        :raises Exception: what one of them raised, if any.
        """
        if len(calls) <= 1 or self.is_quick():
            for call in calls:
                self._timed(call)
            return
        others = [self._pool().submit(call) for call in calls[1:]]
        try:
            self._timed(calls[0])
        finally:
            wait(others)
        for other in others:
            other.result()

    def is_quick(self, seconds: float = QUICK) -> bool:
        """
        :param seconds: that a sync takes on a disk which is.
        :return: whether the disk is.  What counts is the quickest quarter of the latest calls: the
            others may have waited for something else, such as a processor.
        """
        latest = sorted(self._seconds.copy())
        return latest[len(latest) // 4] < seconds

    def _timed(self, call: Call) -> None:
        began = self._timer()
        call()
        self._seconds.append(self._timer() - began)

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
