"""
How this package waits.

A public method that waits returns a Deferred: it has started when it returns, it can be
awaited, and it can be cancelled.  Inside, it is written as a coroutine; :func:`deferred`
makes the one into the other.

Threads do what would block the reactor.  A call that runs in a thread can't be stopped, so
:class:`Threads` makes cancellation wait for the call's end: whoever cleans up afterwards never
closes a file that is still being written.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from functools import wraps
from types import coroutine as coroutine_of_generator
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
T = TypeVar("T")


def deferred(
    function: Callable[P, Coroutine[Any, Any, T]],
) -> Callable[P, Deferred[T]]:
    """
    Make a coroutine function one that returns a Deferred.

    :param function: an ``async def`` that awaits Deferreds only.
    :return: a function that starts it at once.
    """

    @wraps(function)
    def start(*args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        return started(function(*args, **kwargs))

    return start


def started(coroutine: Coroutine[Deferred[Any], Any, T]) -> Deferred[T]:
    """
    Run a coroutine, and make a Deferred of it.

    Most coroutines here never have to wait, since what they ask for is in memory.  Those are run
    to their end at once: ``Deferred.fromCoroutine`` costs several times as much.

    :param coroutine: awaits Deferreds only.
    :return: fires with what it returns, or fails with what it raises.
    """
    try:
        waiting_for = coroutine.send(None)
    except StopIteration as end:
        return succeed(end.value)
    except BaseException:  # noqa: BLE001 - as Deferred.fromCoroutine does
        return fail()
    return Deferred.fromCoroutine(_go_on(coroutine, waiting_for))


@coroutine_of_generator
def _go_on(
    coroutine: Coroutine[Deferred[Any], Any, T], waiting_for: Deferred[Any]
) -> Generator[Deferred[Any], Any, T]:
    """Run the rest of a coroutine that waits for something."""
    while True:
        try:
            try:
                result = yield waiting_for
            except BaseException as error:  # noqa: BLE001 - all of them are the coroutine's
                waiting_for = coroutine.throw(error)
            else:
                waiting_for = coroutine.send(result)
        except StopIteration as end:
            value: T = end.value
            return value


def shielded(waiting: Deferred[T]) -> Deferred[T]:
    """
    Let something that has begun come to its end, even if who waits for it is cancelled.

    :param waiting: what must not be interrupted.
    :return: a Deferred with the same outcome.  Cancelling it doesn't touch ``waiting``: it
        waits for its end and then fails with
        :class:`~twisted.internet.defer.CancelledError`.
    """
    shield: _Shield[T] = _Shield()
    waiting.addBoth(shield.end)
    return shield


class _Shield(Deferred[T]):
    """
    A Deferred whose cancellation is noted and takes effect when the outcome is there.

    ``Deferred.cancel`` fails a Deferred at once if its canceller didn't, so a canceller can't
    do this.
    """

    _noted = False

    def cancel(self) -> None:
        """Note it, or hand it on where the outcome is there already."""
        if self.called:
            super().cancel()
        else:
            self._noted = True

    def end(self, outcome: T | Failure) -> None:
        """Fire with what the shielded thing came to."""
        if self._noted:
            self.errback(CancelledError())
        elif isinstance(outcome, Failure):
            self.errback(outcome)
        else:
            self.callback(outcome)


class IReactorThreads(Protocol):
    """
    What is needed of a reactor to come back from a thread.
    """

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None: ...


class Threads:
    """
    Runs calls in a pool of threads.

    :param reactor: to which the outcomes come back.
    :param pool: the threads; whoever made it starts and stops it.
    """

    def __init__(self, reactor: IReactorThreads, pool: ThreadPool) -> None:
        self._reactor = reactor
        self._pool = pool

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        """
        Call a function in a thread.

        :return: fires with what it returns, or fails with what it raises.  When it is
            cancelled it waits for the call's end, and then fails with
            :class:`~twisted.internet.defer.CancelledError`.
        """
        outcome: Deferred[T] = Deferred()

        def done(success: bool, result: Any) -> None:
            self._reactor.callFromThread(outcome.callback if success else outcome.errback, result)

        self._pool.callInThreadWithCallback(done, function, *args, **kwargs)
        return shielded(outcome)


class InlineThreads(Threads):
    """
    Runs calls at once, in the thread that asks: for storage that never blocks, and for tests.
    """

    def __init__(self) -> None:
        """Needs neither a reactor nor a pool."""

    def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Deferred[T]:
        outcome: Deferred[T] = Deferred()
        try:
            outcome.callback(function(*args, **kwargs))
        except Exception:  # noqa: BLE001 - whatever it is, it is the outcome
            outcome.errback(Failure())
        return outcome
