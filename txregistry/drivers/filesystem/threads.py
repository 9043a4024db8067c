"""
The threads of one driver.
"""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.threadpool import ThreadPool

from txregistry.deferreds import IReactorThreads, Threads, deferred

P = ParamSpec("P")
T = TypeVar("T")


@deferred
async def opened(
    threads: Threads, open_it: Callable[P, FileIO], *args: P.args, **kwargs: P.kwargs
) -> FileIO:
    """
    Open a file in a thread, and close it again if nobody waits for it any more.
    """
    files = []
    try:
        await threads.run(lambda: files.append(open_it(*args, **kwargs)))
    except CancelledError:
        for file in files:
            file.close()
        raise
    return files[0]


class _DaemonThread(Thread):
    """
    A thread that doesn't keep the process alive.

    A process that ends without stopping its driver would wait for threads that wait for work.  If
    one is at work, what it does is cut off as by a power cut: drivers are made for that.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, daemon=True, **kwargs)


class _Pool(ThreadPool):
    threadFactory = _DaemonThread  # noqa: N815 - ThreadPool's name


class DriverThreads(Threads):
    """
    A pool that has no thread before the first call, so that a daemon can still fork, and that
    waits for the last one's end without keeping the reactor from it.

    :param reactor: to which the outcomes come back.
    :param maximum: the most threads.
    :param name: for the threads' names.
    """

    def __init__(self, reactor: IReactorThreads, maximum: int, name: str) -> None:
        self._own_pool = _Pool(0, maximum, name)
        self._running = 0
        self._idle: Deferred[None] | None = None
        self._stopped = False
        super().__init__(reactor, self._own_pool)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        if self._stopped:
            # The pool would drop the call and say nothing.
            raise RuntimeError("the driver is closed")
        if not self._own_pool.started:
            self._own_pool.start()
        self._running += 1
        return super().run(function, *args, **kwargs).addBoth(self._done)

    @deferred
    async def stop(self) -> None:
        """Wait for the calls that run, and end the threads."""
        self._stopped = True
        if self._running:
            self._idle = Deferred()
            await self._idle
        if self._own_pool.started:
            self._own_pool.stop()

    def _done(self, outcome: Any) -> Any:
        self._running -= 1
        if self._idle is not None and not self._running:
            idle, self._idle = self._idle, None
            idle.callback(None)
        return outcome
