"""
Small changes, all made by one thread.

To write a few bytes costs less than to ask a thread, and threads that do it side by side are in
each other's way: most of the time they wait for the interpreter, and then each for its own sync.
So there is one, which takes all that came while it was at work, and syncs that at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Lock
from typing import Final

from twisted.internet.defer import Deferred

from txregistry.deferreds import shielded
from txregistry.drivers.filesystem.changing import Changes, Steps
from txregistry.drivers.filesystem.threads import DriverThreads

MOST: Final = 64
"""How many are made at once: the first of them shall not wait long for the last."""


class Scribe:
    """
    Makes changes that take long neither to write nor to sync.

    :param changes: how they are made.
    :param threads: of which it uses one at a time.
    """

    def __init__(self, changes: Changes, threads: DriverThreads) -> None:
        self._changes = changes
        self._threads = threads
        self._lock = Lock()
        self._waiting: list[tuple[Steps, Deferred[None]]] = []
        self._working = False

    def make(self, steps: Steps) -> Deferred[None]:
        """
        Do what :meth:`~txregistry.interfaces.IStorageDriver.change` has to.
        """
        waiting: Deferred[None] = Deferred()
        with self._lock:
            self._waiting.append((steps, waiting))
            begins, self._working = not self._working, True
        if begins:
            self._threads.run(self._work)
        return shielded(waiting)

    def _work(self) -> None:
        while some := self._take():
            errors: Sequence[Exception | None]
            try:
                errors = self._changes.make_all([steps for steps, _ in some])
            except Exception as error:  # noqa: BLE001 - or they would wait for ever
                errors = [error] * len(some)
            self._threads.tell(partial(_tell, [waiting for _, waiting in some], errors))

    def _take(self) -> list[tuple[Steps, Deferred[None]]]:
        with self._lock:
            some, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            self._working = bool(some)
        return some


def _tell(those: Sequence[Deferred[None]], errors: Sequence[Exception | None]) -> None:
    for waiting, error in zip(those, errors, strict=True):
        if error is None:
            waiting.callback(None)
        else:
            waiting.errback(error)
