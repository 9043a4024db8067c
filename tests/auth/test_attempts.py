"""
Who guesses passwords.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from txregistry.auth.attempts import (
    FREE,
    MOST,
    PATIENCE,
    STRANGER,
    Attempts,
    UnlimitedAttempts,
    wait_after,
)
from txregistry.auth.failures import MEMORY, SHAPE, Failures
from txregistry.errors import TooManyRequests
from txregistry.interfaces import IAttempts
from txregistry.places import private_places

HERE = "203.0.113.1"
THERE = "198.51.100.1"


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    """Who counts."""
    return Attempts(clock, Failures(private_places(SHAPE), clock.seconds), clock.seconds)


def admitted(attempts: Attempts, user: str, address: str) -> bool | float:
    """
    :return: whether somebody may try at once; else how long he is to stay away.
    """
    try:
        waiting: Deferred[None] = attempts.admit(user, address)
    except TooManyRequests as error:
        return float(error.retry_after)
    at_once = bool(waiting.called)
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()
    return at_once


def guess(attempts: Attempts, clock: Clock, count: int, user: str, address: str) -> None:
    """
    Fail so many times, with as much patience as it takes.
    """
    for _ in range(count):
        while True:
            try:
                attempts.admit(user, address).addErrback(lambda _: None)
                break
            except TooManyRequests as error:
                clock.advance(error.retry_after)
        clock.advance(PATIENCE)


class WaitTests:
    """
    How long one has to wait.
    """

    def test_interfaces(self, attempts: Attempts) -> None:
        """
        Both do what is asked of who counts.
        """
        assert verifyObject(IAttempts, attempts)
        assert verifyObject(IAttempts, UnlimitedAttempts())

    def test_grows(self) -> None:
        """
        The first few cost nothing; then each more costs twice as much, up to a limit.
        """
        waits = [wait_after(count) for count in range(FREE + 4)]
        assert waits == [0.0] * FREE + [0.5, 1.0, 2.0, 4.0]
        assert wait_after(10**6) == MOST

    def test_crowd(self, attempts: Attempts, clock: Clock) -> None:
        """
        Ten thousand at once are a few that are let through, a few that wait, and the rest are told
        when to come back.
        """
        waiting: list[Deferred[None]] = []
        told = []
        for number in range(10_000):
            try:
                waiting.append(attempts.admit(f"user{number}", HERE))
            except TooManyRequests as error:
                told.append(error.retry_after)
        assert [each.called for each in waiting].count(True) == FREE
        assert FREE < len(waiting) < FREE + 5
        assert len(clock.getDelayedCalls()) == len(waiting) - FREE
        assert min(told) > PATIENCE
        clock.pump([0.5] * 10)
        assert all(each.called for each in waiting)

    def test_turn(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who is kept waiting has his turn after the wait, or gives it up.
        """
        for _ in range(FREE):
            attempts.admit("joe", HERE)
        waiting = attempts.admit("joe", HERE)
        clock.advance(wait_after(FREE) - 0.01)
        before = waiting.called
        clock.advance(0.01)
        assert (before, waiting.called) == (False, True)
        other = attempts.admit("joe", HERE)
        other.cancel()
        other.addErrback(lambda failure: failure.trap(CancelledError))
        assert clock.getDelayedCalls() == []

    def test_forgiven(self, attempts: Attempts, clock: Clock) -> None:
        """
        With time it is as if nothing had been.
        """
        guess(attempts, clock, 20, "joe", HERE)
        assert admitted(attempts, "joe", HERE) is not True
        clock.advance(MEMORY * 21)
        assert admitted(attempts, "joe", HERE) is True

    def test_steady(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who goes on for a day has tried once in a while only.
        """
        tried = 0
        while clock.seconds() < 86400:
            try:
                attempts.admit(f"user{tried}", HERE)
                tried += 1
                clock.advance(PATIENCE)
            except TooManyRequests as error:
                clock.advance(error.retry_after)
        assert tried < 86400 / MEMORY * 1.2


class OthersTests:
    """
    Who isn't to blame.
    """

    def test_other_address(self, attempts: Attempts, clock: Clock) -> None:
        """
        Somebody whose name is guessed by others is let through, from wherever else he comes.
        """
        for number in range(50):
            guess(attempts, clock, STRANGER, "joe", f"198.51.100.{number}")
        assert admitted(attempts, "joe", HERE) is True

    def test_name(self, attempts: Attempts, clock: Clock) -> None:
        """
        Those who guess one name from many addresses have one trial or two from each.
        """
        for number in range(50):
            guess(attempts, clock, STRANGER, "joe", f"198.51.100.{number}")
        attempts.admit("ann", HERE)
        attempts.admit("ann", HERE)
        assert admitted(attempts, "joe", HERE) is not True
        assert admitted(attempts, "zoe", HERE) is True

    def test_success(self, attempts: Attempts) -> None:
        """
        What succeeds is no failure, however often.
        """
        for _ in range(100):
            assert attempts.admit("joe", HERE).called
            attempts.succeeded("joe", HERE)

    def test_own_success(self, attempts: Attempts) -> None:
        """
        Who has a password doesn't wash his guesses off with it.
        """
        for number in range(FREE - 1):
            attempts.admit(f"ann{number}", HERE)
            attempts.admit("joe", HERE)
            attempts.succeeded("joe", HERE)
        attempts.admit("ann", HERE)
        assert admitted(attempts, "joe", HERE) is not True

    def test_pretending(self, attempts: Attempts) -> None:
        """
        To go away before the answer is a failure, too.
        """
        told = [admitted(attempts, "joe", HERE) for _ in range(100)]
        assert told.count(True) == FREE


class AddressTests:
    """
    What is one address.
    """

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("203.0.113.1", "203.0.113.2", False),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            ("", "203.0.113.1", False),
            ("", "", True),
        ],
    )
    def test_network(self, attempts: Attempts, one: str, other: str, same: bool) -> None:
        """
        It is the network that one client of IPv6 has; of IPv4 it is the address.
        """
        for _ in range(FREE):
            attempts.admit("joe", one)
        assert admitted(attempts, "ann", other) is not same
