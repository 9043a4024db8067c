"""
How the package waits.
"""

from __future__ import annotations

import gc
import inspect
from collections.abc import Callable
from threading import get_ident
from weakref import ref

import pytest
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.task import deferLater

from txregistry.deferreds import InlineThreads, Lock, Threads, deferred, shielded, started


@deferred
async def doubled(number: Deferred[int]) -> int:
    """Wait for a number."""
    return 2 * await number


def outcome(waiting: Deferred[int]) -> list[object]:
    """:return: what a Deferred has come to, if it has: a list that fills."""
    results: list[object] = []
    waiting.addCallbacks(results.append, lambda failure: results.append(failure.type))
    return results


class DeferredTests:
    """Coroutine functions that return Deferreds."""

    def test_fires_at_once(self) -> None:
        """What needn't wait has fired when it is returned."""
        assert outcome(doubled(succeed(2))) == [4]

    def test_waits(self) -> None:
        """What waits fires when that has come."""
        number: Deferred[int] = Deferred()
        results = outcome(doubled(number))
        assert results == []
        number.callback(3)
        assert results == [6]

    @pytest.mark.parametrize("late", [False, True])
    def test_fails(self, late: bool) -> None:
        """What is raised fails it, whether or not it had to wait."""
        number: Deferred[int] = Deferred()
        if not late:
            number.errback(KeyError())
        results = outcome(doubled(number))
        if late:
            number.errback(KeyError())
        assert results == [KeyError]

    def test_cancels(self) -> None:
        """Cancelling it cancels what it waits for."""
        number: Deferred[int] = Deferred()
        waiting = doubled(number)
        results = outcome(waiting)
        waiting.cancel()
        assert results == [CancelledError]
        assert number.called

    def test_cancelled_in_the_second_wait(self) -> None:
        """A coroutine that goes on after a cancellation decides itself how it ends."""
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()

        @deferred
        async def stubborn() -> int:
            try:
                return await first
            except CancelledError:
                return await second

        waiting = stubborn()
        results = outcome(waiting)
        waiting.cancel()
        assert results == []
        second.callback(5)
        assert results == [5]


class AbandonedTests:
    """Coroutines that nobody will wake."""

    def test_collected_quietly(self, logged_failures: list[object]) -> None:
        """What such a coroutine does when it is collected wakes others, but never itself."""
        first: Deferred[int] = Deferred()
        second: Deferred[int] = Deferred()

        async def waiter() -> int:
            try:
                return await first
            finally:
                second.callback(1)

        running = waiter()
        waiting = started(running)
        running.close()
        assert second.called
        first.errback(KeyError())
        first.addErrback(lambda _: None)
        assert not waiting.called
        assert logged_failures == []


class ShieldedTests:
    """What must come to its end."""

    def test_passes_on(self) -> None:
        """Without a cancellation it has the outcome of what it shields."""
        inner: Deferred[int] = Deferred()
        results = outcome(shielded(inner))
        inner.callback(1)
        assert results == [1]

    def test_passes_failures_on(self) -> None:
        """Failures too."""
        inner: Deferred[int] = Deferred()
        results = outcome(shielded(inner))
        inner.errback(KeyError())
        assert results == [KeyError]

    def test_cancellation_waits(self) -> None:
        """A cancellation leaves it alone, waits for its end, and then is one."""
        inner: Deferred[int] = Deferred()
        outer = shielded(inner)
        results = outcome(outer)
        outer.cancel()
        assert not inner.called
        assert results == []
        inner.callback(1)
        assert results == [CancelledError]

    def test_cancellation_waits_in_a_coroutine(self) -> None:
        """Also where a coroutine awaits it."""
        inner: Deferred[int] = Deferred()
        outer = doubled(shielded(inner))
        results = outcome(outer)
        outer.cancel()
        assert results == []
        inner.callback(1)
        assert results == [CancelledError]


class LockTests:
    """What one holds at a time."""

    def test_order(self) -> None:
        """Who has waited longest is next, at once."""
        lock = Lock()
        lock.acquire()
        got: list[int] = []
        for number in range(3):
            lock.acquire().addCallback(lambda _, own: got.append(own), number)
        for number in range(3):
            assert got == list(range(number))
            lock.release()
        assert got == [0, 1, 2]
        assert lock.is_wanted
        lock.release()
        assert not lock.is_wanted

    def test_cancelled(self) -> None:
        """Who waits no more doesn't get it."""
        lock = Lock()
        lock.acquire()
        first, second = lock.acquire(), lock.acquire()
        first.cancel()
        first.addErrback(lambda failure: failure.trap(CancelledError))
        lock.release()
        assert second.called

    def test_crowd(self) -> None:
        """However many are done at once, each finds himself as deep in calls as the first."""
        lock = Lock()
        lock.acquire()
        depths: set[int] = set()

        def done(_: None) -> None:
            depths.add(len(inspect.stack(0)))
            lock.release()

        for _ in range(100):
            lock.acquire().addCallback(done)
        lock.release()
        assert len(depths) == 1
        assert not lock.is_wanted

    def test_again(self) -> None:
        """Who wants it again from within gets it after the others."""
        lock = Lock()
        lock.acquire()
        got: list[str] = []

        def again(_: None) -> None:
            lock.release()
            lock.acquire().addCallback(lambda _: got.append("again"))

        lock.acquire().addCallback(again)
        lock.acquire().addCallback(lambda _: got.append("other"))
        lock.release()
        assert got == ["other"]
        lock.release()
        assert got == ["other", "again"]


class ThreadsTests:
    """Calls in threads."""

    async def test_real_threads(self) -> None:
        """A call runs in another thread, and its result comes back to this one."""
        from twisted.internet import reactor

        threads = Threads(reactor, reactor.getThreadPool())  # type: ignore[arg-type, attr-defined]
        assert await threads.run(get_ident) != get_ident()
        with pytest.raises(ZeroDivisionError):
            await threads.run(lambda: 1 // 0)
        await deferLater(reactor, 0, lambda: None)

    async def test_tells(self) -> None:
        """What a thread tells is told in the reactor's, before the end of the call."""
        from twisted.internet import reactor

        threads = Threads(reactor, reactor.getThreadPool())  # type: ignore[arg-type, attr-defined]
        told: list[object] = []

        def call() -> None:
            threads.tell(lambda: told.append(get_ident()))

        await threads.run(call).addCallback(lambda _: told.append("ended"))
        assert told == [get_ident(), "ended"]
        InlineThreads().tell(lambda: told.append("at once"))
        assert told[-1] == "at once"

    async def test_failure_keeps_nothing(self) -> None:
        """What a call that failed had worked on is gone with its failure, uncollected."""
        from twisted.internet import reactor

        class Work:
            """Something large."""

        left: list[ref[Work]] = []

        def fail() -> None:
            work = Work()
            left.append(ref(work))
            raise KeyError

        threads = Threads(reactor, reactor.getThreadPool())  # type: ignore[arg-type, attr-defined]
        results: list[object] = []
        gc.disable()
        try:
            failing = threads.run(fail)
            failing.addErrback(lambda failure: results.append(failure.type))
            while not results:
                await deferLater(reactor, 0.001, lambda: None)
            del failing
            assert results == [KeyError]
            assert left[0]() is None
        finally:
            gc.enable()

    @pytest.mark.parametrize("function", [lambda: 7])
    def test_inline(self, function: Callable[[], int]) -> None:
        """Inline there is no other thread, and no waiting."""
        assert outcome(InlineThreads().run(function)) == [7]

    def test_inline_failure(self) -> None:
        """Inline, too, what is raised fails the Deferred."""

        def broken() -> int:
            raise KeyError

        assert outcome(InlineThreads().run(broken)) == [KeyError]
