"""
Who guesses passwords.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import memory
from txregistry.auth.attempts import (
    FREE,
    FREE_BEHIND_PROXY,
    MEMORY_OF_PROXIES,
    MOST,
    PATIENCE,
    STRANGER,
    Attempts,
    UnlimitedAttempts,
    wait_after,
)
from txregistry.auth.failures import MEMORY
from txregistry.errors import TooManyRequests
from txregistry.interfaces import IAttempts

HERE = "203.0.113.1"
THERE = "192.0.2.1"
PROXY = "10.0.0.1"


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def attempts(clock: Clock) -> Attempts:
    """Who counts."""
    return Attempts(clock, memory(clock.seconds), clock.seconds)


def admitted(attempts: Attempts, user: str, address: str, proxy: str = "") -> bool | float:
    """
    :return: whether somebody may try at once; else how long he is to stay away.
    """
    try:
        waiting: Deferred[None] = attempts.admit(user, address, proxy)
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

    def test_own_mistakes(self, attempts: Attempts, clock: Clock) -> None:
        """
        Somebody whose name is guessed by others, and who was right before where he is, may make a
        few mistakes there, as if the others weren't.
        """
        attempts.admit("joe", HERE)
        attempts.succeeded("joe", HERE)
        for number in range(50):
            guess(attempts, clock, STRANGER, "joe", f"198.51.100.{number}")
        told = [admitted(attempts, "joe", HERE) for _ in range(20)]
        assert told.count(True) == FREE
        other = [admitted(attempts, "joe", THERE) for _ in range(20)]
        assert other.count(True) == STRANGER

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


def claimed(number: int) -> str:
    """
    An address that nobody has who is here.
    """
    return f"198.51.{number // 256 % 256}.{number % 256}"


def lie(attempts: Attempts, count: int, user: str = "joe", proxy: str = PROXY) -> list[float]:
    """
    Guess so many times at once, each time with another address.

    :return: how long each that was refused is to stay away.
    """
    told = []
    for number in range(count):
        try:
            attempts.admit(user, claimed(number), proxy).addErrback(lambda _: None)
        except TooManyRequests as error:
            told.append(float(error.retry_after))
    return told


class ProxyTests:
    """
    Whose address is told by a proxy, and may be a lie.
    """

    def test_another_address_each_time(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who claims another address with each guess is slowed down as twenty clients are.
        """
        refused = lie(attempts, 10_000)
        assert FREE_BEHIND_PROXY <= 10_000 - len(refused) <= FREE_BEHIND_PROXY + 4
        tried = 0
        while clock.seconds() < 86_400:
            try:
                attempts.admit("joe", claimed(tried), PROXY).addErrback(lambda _: None)
                tried += 1
                clock.advance(PATIENCE)
            except TooManyRequests as error:
                clock.advance(error.retry_after)
        assert tried < 86_400 / MEMORY_OF_PROXIES * 1.2

    def test_regulars(self, attempts: Attempts) -> None:
        """
        Who was right before, at this address behind this proxy, is let through however many lie
        there about theirs, and with whichever name.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.succeeded("joe", HERE, PROXY)
        for user in ("joe", "ann"):
            lie(attempts, 1000, user)
        assert admitted(attempts, "joe", HERE, PROXY) is True
        assert admitted(attempts, "joe", THERE, PROXY) is not True
        assert admitted(attempts, "ann", HERE, PROXY) is not True

    def test_strangers(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who comes for the first time while they do is asked for a few seconds, and let through soon
        after they have stopped.
        """
        refused = lie(attempts, 1000)
        assert max(refused) <= 10
        clock.advance(max(refused))
        assert admitted(attempts, "ann", HERE, PROXY) is True

    def test_elsewhere(self, attempts: Attempts) -> None:
        """
        Behind another proxy, and behind none, nobody notices; nor does somebody there whose address
        they have claimed.
        """
        lie(attempts, 1000)
        assert admitted(attempts, "joe", claimed(0), "10.0.0.2") is True
        assert admitted(attempts, "joe", claimed(0)) is True
        for _ in range(20):
            admitted(attempts, "joe", HERE, PROXY)
        assert admitted(attempts, "joe", HERE, PROXY) is not True
        assert admitted(attempts, "joe", HERE, "10.0.0.2") is True
        assert admitted(attempts, "joe", HERE) is True

    def test_honest_guesser(self, attempts: Attempts, clock: Clock) -> None:
        """
        Somebody who guesses without lying about his address is slowed down by himself: others
        behind the proxy notice nothing.
        """
        for _ in range(1000):
            admitted(attempts, "joe", HERE, PROXY)
            clock.advance(5.0)
        assert admitted(attempts, "joe", HERE, PROXY) is not True
        assert admitted(attempts, "joe", THERE, PROXY) is True

    def test_crowd_that_is_right(self, attempts: Attempts) -> None:
        """
        A hundred clients behind a proxy log in at the same moment, each for the first time.
        """
        for number in range(100):
            assert attempts.admit("ci", claimed(number), PROXY).called
        for number in range(100):
            attempts.succeeded("ci", claimed(number), PROXY)
        assert lie(attempts, FREE_BEHIND_PROXY) == []

    def test_repeats_are_no_successes(self, attempts: Attempts) -> None:
        """
        What isn't counted makes nobody a regular.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.withdrawn("joe", HERE, PROXY)
        lie(attempts, 1000)
        assert admitted(attempts, "joe", HERE, PROXY) is not True

    def test_pretending_to_be_regular(self, attempts: Attempts) -> None:
        """
        Who claims a regular's address behind the same proxy has the few guesses of one address.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.succeeded("joe", HERE, PROXY)
        lie(attempts, 1000)
        told = [admitted(attempts, "joe", HERE, PROXY) for _ in range(100)]
        assert told.count(True) == FREE

    def test_not_crowded_out(self, attempts: Attempts) -> None:
        """
        However many addresses and names are made up, what a proxy has failed is remembered.
        """
        lie(attempts, FREE_BEHIND_PROXY + 10)
        for number in range(2**17):
            attempts._failures.add(f"a{number}", 0.0)
        assert admitted(attempts, "joe", HERE, PROXY) is not True


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
