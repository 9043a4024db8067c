"""
What many want at the same time is done once.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.deferreds import started

T = TypeVar("T")


@define(eq=False)
class _Wanted(Generic[T]):
    """Something that runs, and those who wait for what it comes to."""

    waiting: list[Deferred[T]] = field(factory=list)
    running: Deferred[T] | None = None


class Once(Generic[T]):
    """
    Runs something once for all who want it while it runs.
    """

    def __init__(self) -> None:
        self._wanted: dict[Hashable, _Wanted[T]] = {}
        self._running = 0
        self._settled: list[Deferred[None]] = []

    def run(
        self, key: Hashable, begin: Callable[[], Coroutine[Deferred[Any], Any, T]]
    ) -> Deferred[T]:
        """
        :param key: what it is.
        :param begin: begins it, if it isn't running.
        :return: fires with what it comes to.  To cancel it ends this wait, and no other.  What
            nobody waits for any more is cancelled, and who comes after that begins anew.
        """
        wanted = self._wanted.get(key)
        begins = wanted is None
        if wanted is None:
            wanted = self._wanted[key] = _Wanted()
        outcome: Deferred[T] = Deferred(lambda outcome: self._give_up(key, wanted, outcome))
        wanted.waiting.append(outcome)
        if begins:
            self._running += 1
            running = wanted.running = started(begin())
            running.addBoth(self._end, key, wanted)
        return outcome

    def settled(self) -> Deferred[None]:
        """:return: fires when nothing runs."""
        settled: Deferred[None] = Deferred()
        self._settled.append(settled)
        self._tell_settled()
        return settled

    def _give_up(self, key: Hashable, wanted: _Wanted[T], outcome: Deferred[T]) -> None:
        wanted.waiting.remove(outcome)
        if not wanted.waiting and wanted.running is not None:
            self._forget(key, wanted)
            wanted.running.cancel()

    def _end(self, outcome: T | Failure, key: Hashable, wanted: _Wanted[T]) -> None:
        self._forget(key, wanted)
        self._running -= 1
        while wanted.waiting:
            wanted.waiting.pop(0).callback(outcome)
        self._tell_settled()

    def _forget(self, key: Hashable, wanted: _Wanted[T]) -> None:
        if self._wanted.get(key) is wanted:
            del self._wanted[key]

    def _tell_settled(self) -> None:
        if not self._running:
            settled, self._settled = self._settled, []
            for each in settled:
                each.callback(None)
