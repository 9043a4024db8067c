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

from collections import deque
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeVar

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.python.failure import Failure

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

    As ``Deferred.fromCoroutine`` but for two things.  What never has to wait, as most here, is run
    to its end at once, which costs a fraction; and while it waits it takes a third of the memory,
    of which a thousand slow clients make a thousandfold.

    :param coroutine: awaits Deferreds only.
    :return: fires with what it returns, or fails with what it raises.  To cancel it cancels what
        the coroutine waits for; how it ends is then the coroutine's to say.
    """
    try:
        waiting_for = coroutine.send(None)
    except StopIteration as end:
        return succeed(end.value)
    except BaseException:  # noqa: BLE001 - as Deferred.fromCoroutine does
        return fail()
    return _Running(coroutine, waiting_for)


class _Running(Deferred[T]):
    """
    The outcome of a coroutine that waits for something.
    """

    def __init__(
        self, coroutine: Coroutine[Deferred[Any], Any, T], waiting_for: Deferred[Any]
    ) -> None:
        super().__init__()
        self._coroutine = coroutine
        self._wait_for(waiting_for)

    def cancel(self) -> None:
        """Cancel what is waited for; the outcome comes when the coroutine has ended."""
        if self.called:
            super().cancel()
        else:
            self._waiting_for.cancel()

    def _wait_for(self, waiting_for: Deferred[Any]) -> None:
        self._waiting_for = waiting_for
        waiting_for.addBoth(self._go_on)

    def _go_on(self, result: Any) -> Any:
        """Run on."""
        if getattr(self._coroutine, "cr_frame", self) is None:
            # It was collected as garbage, together with what it waited for: nobody can have been
            # waiting for it.
            return None
        try:
            if isinstance(result, Failure):
                waiting_for = result.throwExceptionIntoGenerator(self._coroutine)
            else:
                # It asks the Deferred itself what came.
                waiting_for = self._coroutine.send(None)
        except StopIteration as end:
            self.callback(end.value)
        except BaseException:  # noqa: BLE001 - as Deferred.fromCoroutine does
            self.errback()
        else:
            self._wait_for(waiting_for)
        # What was awaited has been told; a failure is not unhandled.
        return None


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


class Lock:
    """
    Held by one at a time, and then by who has waited longest.

    As ``DeferredLock``, but that one who lets go of it doesn't call the next, who, if he is done at
    once, calls the one after him: a crowd of some hundred is as deep as calls can be.
    """

    def __init__(self) -> None:
        self._held = False
        self._waiting: deque[Deferred[None]] = deque()
        self._handing_on = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody holds it, or waits for it."""
        return self._held or bool(self._waiting)

    def acquire(self) -> Deferred[None]:
        """:return: fires when it is held.  To cancel it ends the wait."""
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        self._hand_on()
        return waiting

    def release(self) -> None:
        """Let go of it."""
        self._held = False
        self._hand_on()

    def _hand_on(self) -> None:
        if self._handing_on:
            return  # whoever is at it goes on with it
        self._handing_on = True
        try:
            while self._waiting and not self._held:
                self._held = True
                self._waiting.popleft().callback(None)
        finally:
            self._handing_on = False


class IReactorThreads(Protocol):
    """
    What is needed of a reactor to come back from a thread.
    """

    def callFromThread(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> None: ...


class ICallsInThread(Protocol):
    """
    What is needed of a pool of threads.
    """

    def callInThread(self, func: Callable[..., object], /) -> None: ...


class Threads:
    """
    Runs calls in a pool of threads.

    :param reactor: to which the outcomes come back.
    :param pool: the threads; whoever made it starts and stops it.
    """

    def __init__(self, reactor: IReactorThreads, pool: ICallsInThread) -> None:
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

        def call() -> None:
            # Not callInThreadWithCallback: the Failure that it makes is in its own traceback, and
            # so lives, with all that the call worked on, until the garbage collector comes by.
            try:
                result = function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - whatever it is, it is the outcome
                self._reactor.callFromThread(outcome.errback, error)
            else:
                self._reactor.callFromThread(outcome.callback, result)

        self._pool.callInThread(call)
        return shielded(outcome)

    def tell(self, function: Callable[[], None]) -> None:
        """
        Call a function in the reactor's thread, from one of these; it is called before anybody is
        told that what told it has ended.
        """
        self._reactor.callFromThread(function)


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

    def tell(self, function: Callable[[], None]) -> None:
        function()
