"""
What many want at the same time is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.deferreds import started

T = TypeVar("T")


class Once(Generic[T]):
    """
    Runs something once for all who want it while it runs.
    """

    def __init__(self) -> None:
        self._running: dict[Hashable, list[Deferred[T]]] = {}
        self._settled: list[Deferred[None]] = []

    def run(
        self, key: Hashable, begin: Callable[[], Coroutine[Deferred[Any], Any, T]]
    ) -> Deferred[T]:
        """
        :param key: what it is.
        :param begin: begins it, if it isn't running.
        :return: fires with what it comes to.  To cancel it ends this wait, and no other, and not
            what runs.
        """
        waiting = self._running.get(key)
        running = waiting is not None
        if waiting is None:
            waiting = self._running[key] = []
        outcome: Deferred[T] = Deferred(waiting.remove)
        waiting.append(outcome)
        if not running:
            started(begin()).addBoth(self._end, key)
        return outcome

    def settled(self) -> Deferred[None]:
        """:return: fires when nothing runs."""
        settled: Deferred[None] = Deferred()
        self._settled.append(settled)
        self._tell_settled()
        return settled

    def _end(self, outcome: T | Failure, key: Hashable) -> None:
        for waiting in self._running.pop(key):
            waiting.callback(outcome)
        self._tell_settled()

    def _tell_settled(self) -> None:
        if not self._running:
            settled, self._settled = self._settled, []
            for each in settled:
                each.callback(None)
