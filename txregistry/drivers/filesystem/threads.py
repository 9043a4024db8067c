"""
The threads of one driver.
"""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from twisted.internet.defer import CancelledError, Deferred

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


class _Pool:
    """
    Threads that take calls from a queue.  Twisted's own pool does more for each call than some of
    our calls do.

    They don't keep the process alive: one that ends without stopping its driver would wait for
    threads that wait for work.  If one is at work, what it does is cut off as by a power cut:
    drivers are made for that.

    :param maximum: the most threads.
    :param name: for the threads' names.
    """

    def __init__(self, maximum: int, name: str) -> None:
        self._maximum = maximum
        self._name = name
        self._calls: SimpleQueue[Callable[..., object] | None] = SimpleQueue()
        self._threads: list[Thread] = []

    def grow(self, wanted: int) -> None:
        """Have so many threads, if that isn't more than the most."""
        while len(self._threads) < min(wanted, self._maximum):
            name = f"{self._name}-{len(self._threads)}"
            thread = Thread(target=self._work, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def callInThread(self, func: Callable[..., object], /) -> None:
        """Let a thread make a call, which fails never."""
        self._calls.put(func)

    def stop(self) -> None:
        """End the threads, which wait for nothing any more."""
        threads, self._threads = self._threads, []
        for _ in threads:
            self._calls.put(None)
        for thread in threads:
            thread.join()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            call()
            del call  # and with it what it worked on


class DriverThreads(Threads):
    """
    A pool that has no thread before the first call, so that a daemon can still fork, and that
    waits for the last one's end without keeping the reactor from it.

    :param reactor: to which the outcomes come back.
    :param maximum: the most threads.
    :param name: for the threads' names.
    """

    def __init__(self, reactor: IReactorThreads, maximum: int, name: str) -> None:
        self._own_pool = _Pool(maximum, name)
        self._running = 0
        self._idle: Deferred[None] | None = None
        self._stopped = False
        super().__init__(reactor, self._own_pool)

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        if self._stopped:
            # The pool would drop the call and say nothing.
            raise RuntimeError("the driver is closed")
        self._running += 1
        self._own_pool.grow(self._running)
        return super().run(function, *args, **kwargs).addBoth(self._done)

    @deferred
    async def stop(self) -> None:
        """Wait for the calls that run, and end the threads."""
        self._stopped = True
        if self._running:
            self._idle = Deferred()
            await self._idle
        self._own_pool.stop()

    def _done(self, outcome: Any) -> Any:
        self._running -= 1
        if self._idle is not None and not self._running:
            idle, self._idle = self._idle, None
            idle.callback(None)
        return outcome
