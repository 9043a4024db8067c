"""
Waiting for many things, and for what must be closed.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed

from tests.storage.kit import fires
from txregistry.deferreds import InlineThreads, deferred
from txregistry.errors import NoSpace, StorageFull
from txregistry.storage import waiting
from txregistry.storage.waiting import AT_ONCE, all_of, each, opened, telling_full


class Counted(InlineThreads):
    """Counts its calls."""

    calls = 0

    def run(self, function, *args, **kwargs):  # type: ignore[no-untyped-def]  # as InlineThreads
        self.calls += 1
        return super().run(function, *args, **kwargs)


class Thing:
    """Something to close."""

    closed = 0

    @deferred
    async def close(self) -> None:
        self.closed += 1


class AllOfTests:
    """
    Waiting for all.
    """

    async def test_results(self) -> None:
        """
        The results come in their order.
        """
        first: Deferred[int] = Deferred()
        outcome = fires(all_of(first, succeed(2)))
        assert outcome == []
        first.callback(1)
        assert outcome == [[1, 2]]

    async def test_failure(self) -> None:
        """
        The first failure is told, when all have ended.
        """
        one: Deferred[int] = Deferred()
        two: Deferred[int] = Deferred()
        outcome = fires(all_of(one, two))
        two.errback(KeyError("two"))
        assert outcome == []
        one.errback(KeyError("one"))
        assert outcome[0].value.args == ("one",)

    async def test_none(self) -> None:
        """
        There may be none.
        """
        assert await all_of() == []


class EachTests:
    """
    Calling for every item.
    """

    async def test_bounded(self) -> None:
        """
        Only so many calls are under way at once; the results come in the items' order.
        """
        pending: list[tuple[int, Deferred[int]]] = []

        def call(item: int) -> Deferred[int]:
            pending.append((item, Deferred()))
            return pending[-1][1]

        outcome = fires(each(call, range(50), InlineThreads()))
        ended = 0
        while pending:
            assert len(pending) <= AT_ONCE
            item, it = pending.pop()
            it.callback(item * 2)
            ended += 1
        assert ended == 50
        assert outcome == [[item * 2 for item in range(50)]]

    async def test_failure(self) -> None:
        """
        After a failure no more calls are begun.
        """
        called: list[int] = []

        @deferred
        async def call(item: int) -> int:
            called.append(item)
            return 1 // (item - 3)

        with pytest.raises(ZeroDivisionError):
            await each(call, range(1000), InlineThreads())
        assert called == [0, 1, 2, 3]

    async def test_breath(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        In a long loop of calls that answer at once, the reactor gets its turn.
        """
        now = [0.0]
        monkeypatch.setattr(waiting, "monotonic", lambda: now[0])
        threads = Counted()

        @deferred
        async def call(item: int) -> int:
            now[0] += 0.001
            return item

        assert await each(call, range(100), threads) == list(range(100))
        assert 5 <= threads.calls <= 20


class OpenedTests:
    """
    Opening what must be closed.
    """

    async def test_opened(self) -> None:
        """
        Who waits gets it.
        """
        thing = Thing()
        assert await opened(succeed(thing)) is thing
        assert thing.closed == 0

    async def test_cancelled(self) -> None:
        """
        If nobody waits any more it is closed when it is there.
        """
        thing = Thing()
        opening: Deferred[Thing] = Deferred()
        waiting = Deferred.fromCoroutine(opened(opening))
        outcome = fires(waiting)
        waiting.cancel()
        assert outcome == []
        opening.callback(thing)
        outcome[0].trap(CancelledError)
        assert thing.closed == 1

    async def test_cancelled_and_failed(self) -> None:
        """
        If it isn't there in the end, nothing is to be closed.
        """
        opening: Deferred[Thing] = Deferred()
        waiting = Deferred.fromCoroutine(opened(opening))
        outcome = fires(waiting)
        waiting.cancel()
        opening.errback(KeyError())
        outcome[0].trap(CancelledError)


class TellingFullTests:
    """
    A full storage.
    """

    def test_full(self) -> None:
        """
        What a driver says becomes what a client is told; other errors stay.
        """
        with pytest.raises(StorageFull), telling_full():
            raise NoSpace("/x")
        with pytest.raises(KeyError), telling_full():
            raise KeyError
