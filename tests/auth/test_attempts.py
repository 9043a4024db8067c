"""
Who guesses passwords.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from zope.interface.verify import verifyObject

from tests.auth.htpasswd.kit import memory
from txregistry.auth.attempts import GLANCE, LONGEST, PATIENCE, Attempts, UnlimitedAttempts
from txregistry.auth.failures import MEMORY
from txregistry.auth.memory import MEMORY_OF_PROXIES
from txregistry.auth.standing import FREE, FREE_BEHIND_PROXY, MOST, STRANGER, wait_after
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
    :return: whether somebody may try at once; else how long he is to stay away, or ``False`` if he
        has to wait.  What he tried is no attempt.
    """
    try:
        waiting: Deferred[None] = attempts.admit(user, address, proxy)
    except TooManyRequests as error:
        return float(error.retry_after)
    at_once = bool(waiting.called)
    if at_once:
        attempts.withdrawn(user, address, proxy)
    else:
        give_up(waiting)
    return at_once


def give_up(waiting: Deferred[None]) -> None:
    """
    Wait no longer.
    """
    waiting.addErrback(lambda failure: failure.trap(CancelledError))
    waiting.cancel()


def fail(attempts: Attempts, user: str, address: str, proxy: str = "") -> None:
    """
    Fail, after one's turn has come.
    """
    going_on = attempts.admit(user, address, proxy)
    going_on.addCallbacks(lambda _: attempts.failed(user, address, proxy), lambda _: None)


def guess(
    attempts: Attempts, clock: Clock, count: int, user: str, address: str, proxy: str = ""
) -> None:
    """
    Fail so many times, with as much patience as it takes.
    """
    for _ in range(count):
        while True:
            try:
                fail(attempts, user, address, proxy)
                break
            except TooManyRequests as error:
                clock.advance(error.retry_after)
        clock.advance(PATIENCE)


@define
class Crowd:
    """
    Many who try at once.

    :ivar begun: those whose attempts are being checked, and have no outcome yet.
    :ivar most: how many these were at most.
    :ivar refused: how long each who was sent away is to stay away.
    :ivar tried: how many were checked.
    """

    attempts: Attempts
    begun: list[tuple[str, str, str]] = field(factory=list)
    most: int = 0
    refused: list[int] = field(factory=list)
    tried: int = 0

    def come(self, user: str, address: str, proxy: str = "") -> None:
        """One of them tries."""
        going_on = maybeDeferred(self.attempts.admit, user, address, proxy)
        going_on.addCallbacks(lambda _: self._begin(user, address, proxy), self._refuse)

    def end(self, right: bool) -> None:
        """Each that is being checked is found to be right, or wrong."""
        begun, self.begun = self.begun, []
        self.tried += len(begun)
        for each in begun:
            (self.attempts.succeeded if right else self.attempts.failed)(*each)

    def _begin(self, *who: str) -> None:
        user, address, proxy = who
        self.begun.append((user, address, proxy))
        self.most = max(self.most, len(self.begun))

    def _refuse(self, failure: Failure) -> None:
        assert isinstance(failure.value, TooManyRequests)
        self.refused.append(failure.value.retry_after)


def run(clock: Clock, crowds: Sequence[Crowd], *, right: bool) -> None:
    """
    Check until nobody waits any more.
    """
    while clock.getDelayedCalls() or any(crowd.begun for crowd in crowds):
        clock.advance(GLANCE)
        for crowd in crowds:
            crowd.end(right)


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

    def test_turn(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who is kept waiting has his turn after the wait, or gives it up.
        """
        for _ in range(FREE):
            fail(attempts, "joe", HERE)
        waiting = attempts.admit("joe", HERE)
        clock.advance(wait_after(FREE) - 0.01)
        before = waiting.called
        clock.advance(0.01)
        assert (before, waiting.called) == (False, True)
        give_up(attempts.admit("joe", HERE))
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
                fail(attempts, f"user{tried}", HERE)
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
        assert free(attempts, "joe", HERE) == FREE
        assert free(attempts, "joe", THERE) == STRANGER

    def test_name(self, attempts: Attempts, clock: Clock) -> None:
        """
        Those who guess one name from many addresses have one trial or two from each.
        """
        for number in range(50):
            guess(attempts, clock, STRANGER, "joe", f"198.51.100.{number}")
        fail(attempts, "ann", HERE)
        fail(attempts, "ann", HERE)
        assert admitted(attempts, "joe", HERE) > PATIENCE
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
            fail(attempts, f"ann{number}", HERE)
            attempts.admit("joe", HERE)
            attempts.succeeded("joe", HERE)
        fail(attempts, "ann", HERE)
        assert admitted(attempts, "joe", HERE) is not True


class AtOnceTests:
    """
    Many who try at the same moment.
    """

    def test_right(self, attempts: Attempts, clock: Clock) -> None:
        """
        Two hundred users behind one address, with right passwords: none is sent away, and never are
        more checked at once than might fail.
        """
        crowd = Crowd(attempts)
        for number in range(200):
            crowd.come(f"user{number}", HERE)
        run(clock, [crowd], right=True)
        assert (crowd.tried, crowd.refused, crowd.most) == (200, [], FREE)
        assert clock.seconds() < 200 / FREE * GLANCE * 2

    def test_right_after_mistakes(self, attempts: Attempts, clock: Clock) -> None:
        """
        Where some have failed the others go on one by one, after the wait that there is for one.
        """
        for number in range(FREE + 1):
            guess(attempts, clock, 1, f"ann{number}", HERE)
        crowd = Crowd(attempts)
        for number in range(50):
            crowd.come(f"user{number}", HERE)
        run(clock, [crowd], right=True)
        assert (crowd.tried, crowd.refused, crowd.most) == (50, [], 1)

    @pytest.mark.parametrize("processes", [1, 2, 8])
    def test_wrong(self, clock: Clock, processes: int) -> None:
        """
        A thousand who guess are as many tries as one has who does it by and by, however many
        processes there are, and the rest are told when to come back.
        """
        shared = memory(clock.seconds)
        crowds = [Crowd(Attempts(clock, shared, clock.seconds)) for _ in range(processes)]
        for number in range(1000):
            crowds[number % processes].come(f"user{number}", HERE)
        assert sum(len(crowd.begun) for crowd in crowds) == FREE
        run(clock, crowds, right=False)
        tried = sum(crowd.tried for crowd in crowds)
        assert FREE < tried <= FREE + 3
        refused = [each for crowd in crowds for each in crowd.refused]
        assert len(refused) == 1000 - tried
        assert min(refused) > PATIENCE
        assert admitted(crowds[0].attempts, "user1", THERE) is True

    def test_several_processes(self, clock: Clock) -> None:
        """
        What is being checked by one process is waited for in another, and by nobody else.
        """
        shared = memory(clock.seconds)
        one, other = (Attempts(clock, shared, clock.seconds) for _ in range(2))
        for number in range(FREE):
            assert one.admit(f"user{number}", HERE).called
        waiting = other.admit("joe", HERE)
        clock.pump([GLANCE] * 10)
        assert not waiting.called
        assert admitted(other, "joe", THERE) is True
        one.succeeded("user0", HERE)
        clock.advance(GLANCE)
        assert waiting.called

    def test_process_that_died(self, clock: Clock) -> None:
        """
        What a process took with it when it died keeps nobody away for longer than a minute.
        """
        shared = memory(clock.seconds)
        one, other = (Attempts(clock, shared, clock.seconds) for _ in range(2))
        for number in range(FREE):
            one.admit(f"user{number}", HERE)
        waiting = other.admit("joe", HERE)
        refused: list[Failure] = []
        waiting.addErrback(refused.append)
        clock.pump([1.0] * int(LONGEST + 1))
        assert refused[0].check(TooManyRequests)
        clock.advance(MEMORY - LONGEST)
        assert admitted(other, "joe", HERE) is True

    def test_stranger(self, attempts: Attempts, clock: Clock) -> None:
        """
        Whose name is guessed elsewhere waits for those who are being checked at his address, and is
        not sent away since these might fail.
        """
        for number in range(50):
            guess(attempts, clock, STRANGER, "joe", f"198.51.100.{number}")
        for number in range(STRANGER):
            assert attempts.admit(f"user{number}", HERE).called
        waiting = attempts.admit("joe", HERE)
        clock.pump([GLANCE] * 10)
        before = waiting.called
        attempts.succeeded("user0", HERE)
        clock.advance(GLANCE)
        assert (before, waiting.called) == (False, True)

    def test_one_name_from_everywhere(self, attempts: Attempts, clock: Clock) -> None:
        """
        A name that is guessed by many at once is tried as often as by one after the other: twice
        from each address, after the first few.
        """
        crowd = Crowd(attempts)
        for number in range(20):
            for _ in range(10):
                crowd.come("joe", f"198.51.100.{number}")
        run(clock, [crowd], right=False)
        assert 20 * STRANGER <= crowd.tried <= 20 * STRANGER + FREE + 3
        assert len(crowd.refused) == 200 - crowd.tried

    def test_not_known_how_it_ended(self, attempts: Attempts) -> None:
        """
        What is taken back counts neither as a failure nor as being checked.
        """
        for _ in range(100):
            assert attempts.admit("joe", HERE).called
            attempts.withdrawn("joe", HERE)

    def test_given_up(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who goes away while he waits leaves his place to others, and to nobody twice.
        """
        for _ in range(FREE):
            attempts.admit("joe", HERE)
        for _ in range(1000):
            give_up(attempts.admit("joe", HERE))
        waiting = [attempts.admit("joe", HERE) for _ in range(3)]
        give_up(waiting[0])
        attempts.succeeded("joe", HERE)
        clock.advance(GLANCE)
        assert [each.called for each in waiting] == [True, True, False]

    def test_not_waiting_for_the_outcome(self, attempts: Attempts) -> None:
        """
        Who never learns how his attempts ended can't have more of them checked at once.
        """
        waiting = [attempts.admit("joe", HERE) for _ in range(100)]
        assert [each.called for each in waiting].count(True) == FREE


def free(attempts: Attempts, user: str, address: str, proxy: str = "") -> int:
    """
    :return: how often somebody may fail before he has to wait.
    """
    count = 0
    while admitted(attempts, user, address, proxy) is True:
        fail(attempts, user, address, proxy)
        count += 1
    return count


def claimed(number: int) -> str:
    """
    An address that nobody has who is here.
    """
    return f"198.51.{number // 256 % 256}.{number % 256}"


def lie(attempts: Attempts, clock: Clock, count: int, user: str = "joe") -> Crowd:
    """
    Guess so many times at once, each time with another address.
    """
    crowd = Crowd(attempts)
    for number in range(count):
        crowd.come(user, claimed(number), PROXY)
    run(clock, [crowd], right=False)
    return crowd


class ProxyTests:
    """
    Whose address is told by a proxy, and may be a lie.
    """

    def test_another_address_each_time(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who claims another address with each guess is slowed down as twenty clients are.
        """
        crowd = lie(attempts, clock, 1_500)
        forgotten = clock.seconds() / MEMORY_OF_PROXIES
        assert FREE_BEHIND_PROXY <= crowd.tried <= FREE_BEHIND_PROXY + 4 + forgotten
        assert len(crowd.refused) == 1_500 - crowd.tried
        assert crowd.most <= FREE_BEHIND_PROXY
        tried, began = 0, clock.seconds()
        while clock.seconds() < began + 86_400:
            try:
                fail(attempts, "joe", claimed(tried), PROXY)
                tried += 1
                clock.advance(PATIENCE)
            except TooManyRequests as error:
                clock.advance(error.retry_after)
        assert tried < 86_400 / MEMORY_OF_PROXIES * 1.2

    def test_regulars(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who was right before, at this address behind this proxy, is let through however many lie
        there about theirs, and with whichever name.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.succeeded("joe", HERE, PROXY)
        for user in ("joe", "ann"):
            lie(attempts, clock, 1000, user)
        assert admitted(attempts, "joe", HERE, PROXY) is True
        assert admitted(attempts, "joe", THERE, PROXY) is not True
        assert admitted(attempts, "ann", HERE, PROXY) is not True

    def test_strangers(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who comes for the first time while they do is asked for a few seconds, and let through soon
        after they have stopped.
        """
        refused = lie(attempts, clock, 1000).refused
        assert max(refused) <= 10
        clock.advance(max(refused))
        assert admitted(attempts, "ann", HERE, PROXY) is True

    def test_elsewhere(self, attempts: Attempts, clock: Clock) -> None:
        """
        Behind another proxy, and behind none, nobody notices; nor does somebody there whose address
        they have claimed.
        """
        lie(attempts, clock, 1000)
        assert admitted(attempts, "joe", claimed(0), "10.0.0.2") is True
        assert admitted(attempts, "joe", claimed(0)) is True
        assert free(attempts, "joe", HERE, PROXY) <= FREE
        assert admitted(attempts, "joe", HERE, "10.0.0.2") is True
        assert admitted(attempts, "joe", HERE) is True

    def test_honest_guesser(self, attempts: Attempts, clock: Clock) -> None:
        """
        Somebody who guesses without lying about his address is slowed down by himself: others
        behind the proxy notice nothing.
        """
        guess(attempts, clock, 100, "joe", HERE, PROXY)
        assert admitted(attempts, "joe", HERE, PROXY) is not True
        assert admitted(attempts, "joe", THERE, PROXY) is True

    def test_crowd_that_is_right(self, attempts: Attempts, clock: Clock) -> None:
        """
        A hundred clients behind a proxy log in at the same moment, each for the first time.
        """
        for number in range(100):
            assert attempts.admit("ci", claimed(number), PROXY).called
        for number in range(100):
            attempts.succeeded("ci", claimed(number), PROXY)
        assert lie(attempts, clock, FREE_BEHIND_PROXY).refused == []

    def test_repeats_are_no_successes(self, attempts: Attempts, clock: Clock) -> None:
        """
        What isn't counted makes nobody a regular.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.withdrawn("joe", HERE, PROXY)
        lie(attempts, clock, 1000)
        assert admitted(attempts, "joe", HERE, PROXY) is not True

    def test_pretending_to_be_regular(self, attempts: Attempts, clock: Clock) -> None:
        """
        Who claims a regular's address behind the same proxy has the few guesses of one address.
        """
        attempts.admit("joe", HERE, PROXY)
        attempts.succeeded("joe", HERE, PROXY)
        lie(attempts, clock, 1000)
        assert free(attempts, "joe", HERE, PROXY) == FREE

    def test_not_crowded_out(self, attempts: Attempts, clock: Clock) -> None:
        """
        However many addresses and names are made up, what a proxy has failed is remembered.
        """
        lie(attempts, clock, FREE_BEHIND_PROXY + 10)
        for number in range(2**17):
            attempts._memory.failures.add(f"a{number}", 0.0)
        assert admitted(attempts, "joe", HERE, PROXY) is not True


class AddressTests:
    """
    What is one address.
    """

    def test_network(self, attempts: Attempts) -> None:
        """
        It is what one client has.
        """
        for _ in range(FREE):
            fail(attempts, "joe", "2001:db8:1:2::1")
        assert admitted(attempts, "ann", "2001:db8:1:2:ffff::9") is not True
        assert admitted(attempts, "ann", "2001:db8:1:3::1") is True
