"""
Ways to wait that several modules of this room need.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from time import monotonic
from types import TracebackType
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, DeferredList

from txregistry.deferreds import Threads, deferred, shielded
from txregistry.errors import NoSpace, StorageFull

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 16
"""How many driver calls one request may have under way."""

LONGEST_TURN: Final = 0.01
"""Seconds for which a loop may keep the reactor."""


class Closable(Protocol):
    """What must be closed."""

    def close(self) -> Deferred[None]: ...


C = TypeVar("C", bound=Closable)


@deferred
async def all_of(*waiting: Deferred[Any]) -> list[Any]:
    """
    Wait for the end of all, even if one fails.

    :return: the results in their order.
    :raises Exception: the first failure in that order.
    """
    outcomes = await DeferredList(waiting, consumeErrors=True)
    for success, outcome in outcomes:
        if not success:
            outcome.raiseException()
    return [outcome for _, outcome in outcomes]


class Breath:
    """
    Lets the reactor do something else in a long loop: where a driver answers at once, awaiting
    it doesn't.
    """

    def __init__(self, threads: Threads) -> None:
        self._threads = threads
        self._since = monotonic()

    async def take(self) -> None:
        """To be awaited in every round; mostly costs nothing."""
        if monotonic() - self._since > LONGEST_TURN:
            await self._threads.run(_nothing)
            self._since = monotonic()


def _nothing() -> None:
    """Run in a thread, to come back in another turn of the reactor."""


@deferred
async def each(
    function: Callable[[A], Deferred[B]], items: Iterable[A], threads: Threads
) -> list[B]:
    """
    Call a function for every item, :data:`AT_ONCE` at a time.  After a failure no more calls are
    begun.

    :param threads: by which to let the reactor breathe.
    :return: the results in the order of the items.
    :raises Exception: the first failure.
    """
    todo = deque(enumerate(items))
    results: dict[int, B] = {}
    breath = Breath(threads)

    @deferred
    async def work() -> None:
        while todo:
            index, item = todo.popleft()
            try:
                results[index] = await function(item)
                await breath.take()
            except BaseException:
                todo.clear()
                raise

    await all_of(*(work() for _ in range(min(AT_ONCE, len(todo)))))
    return [results[index] for index in range(len(results))]


async def opened(opening: Deferred[C]) -> C:
    """
    Wait for something that has to be closed.  If that is cancelled, close it when it is there:
    nobody else would know of it.
    """
    there: list[C] = []

    def note(it: C) -> C:
        there.append(it)
        return it

    try:
        return await shielded(opening.addCallback(note))
    except CancelledError:
        for each in there:
            await shielded(each.close())
        raise


class _TellingFull:
    """Needs no memory of its own, unlike a generator: thousands may wait inside."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, NoSpace):
            raise StorageFull from error


_TELLING_FULL = _TellingFull()


def telling_full() -> AbstractContextManager[None]:
    """
    Turn a full storage into the error that a client is told.
    """
    return _TELLING_FULL
