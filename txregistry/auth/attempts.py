"""
Who guesses passwords is slowed down.

What counts is how many were wrong of late.  After a few of them each one more has to wait twice as
long as the one before; who would have to wait for long is sent away instead.

While an attempt is being checked nobody knows how it ends, and a thousand at once may be a thousand
users or one who guesses.  So no more of them are checked at once than might all fail; the others
wait in a row for the end of these, and go on by what they have come to.  Nobody is sent away since
others are being checked.

Somebody else's guesses keep nobody from his own name: whoever comes from an address that has not
failed is let through, however often others have failed with the same name; and so is whoever was
right there before, as long as the address has not failed too often itself.

An address that a proxy tells may be a lie: whoever can reach the registry from where proxies are
trusted has as many as he likes.  So what fails is counted for the proxy, too.  A real one has many
clients behind it, and is allowed as much as many addresses.  Again, whoever was right before, from
the same address behind the same proxy, has nothing to do with what others do there.
"""

from __future__ import annotations

from math import ceil
from typing import Any, Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.auth import names
from txregistry.auth.failures import MEMORY, Failures
from txregistry.auth.regulars import Regulars
from txregistry.auth.rows import BUSY, Rows
from txregistry.errors import TooManyRequests
from txregistry.interfaces import IAttempts
from txregistry.places import Shape

FREE: Final = 5
"""So many failures cost nothing."""

FIRST: Final = 0.5
"""Seconds to wait after one more."""

MOST: Final = 300.0
"""Seconds that nobody waits longer than."""

PATIENCE: Final = 2.0
"""Seconds that an attempt is kept waiting for what has failed.  Whoever has to wait longer is to
come back."""

LONGEST: Final = 30.0
"""Seconds that an attempt is kept waiting for others that are being checked: proxies and clients
don't wait for much longer."""

GLANCE: Final = 0.05
"""Seconds after which it is looked again whether they have ended, with whichever process."""

STRANGER: Final = 2
"""An address with fewer failures has nothing to do with what others do with a name."""

FREE_BEHIND_PROXY: Final = 200
"""So many failures of all that come by one proxy cost nothing."""

MEMORY_OF_PROXIES: Final = MEMORY / 20
"""Seconds after which a failure of a proxy is forgotten: it may go on as twenty addresses may."""

SHAPE_OF_PROXIES: Final = Shape(count=2**10, words=3)
"""Of how many proxies failures can be remembered.  They have memory of their own: an address can be
made up, and would push them out, while to be a proxy takes an address that one really has."""


@frozen
class Memory:
    """
    What is remembered.

    :param failures: of addresses and of users.
    :param proxies: the failures of all that come by a proxy.
    :param pending: attempts of all of these that are being checked.  What a process takes with it
        when it dies is forgotten as failures are.
    :param regulars: who was right where.
    """

    failures: Failures
    proxies: Failures
    pending: Failures
    regulars: Regulars


@frozen
class Standing:
    """
    How it stands with somebody.

    :param failed: how many failures there were of late.
    :param pending: how many attempts are being checked.
    :param turn: when the next may begin, by the failures alone.
    :param crowded: whether it may not as long as those are being checked: if they fail, it would
        have to wait.
    """

    failed: int
    pending: int
    turn: float
    crowded: bool

    def after(self, other: Standing) -> Standing:
        """:return: how it stands with him if it depends on somebody else, too."""
        turn, crowded = max(self.turn, other.turn), self.crowded or other.crowded
        return evolve(self, turn=turn, crowded=crowded)


@implementer(IAttempts)
class Attempts:
    """
    Counts failures by address, by user, and by proxy.

    :param clock: an ``IReactorTime``: the waiting is done with it.
    :param memory: remembers them.
    :param seconds: the clock of the memory.
    """

    def __init__(self, clock: Any, memory: Memory, seconds: Any) -> None:
        self._rows = Rows(clock)
        self._failures = memory.failures
        self._proxies = memory.proxies
        self._pending = memory.pending
        self._regulars = memory.regulars
        self._seconds = seconds

    def admit(self, user: str, address: str, proxy: str = "") -> Deferred[None]:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        latest = self._seconds() + LONGEST
        return self._rows.enter(
            names.place(address, proxy), lambda: self._begin(user, address, proxy, latest)
        )

    def failed(self, user: str, address: str, proxy: str = "") -> None:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        now = self._seconds()
        # Before it is pending no more: in between it would be neither, for other processes.
        for failures, name in self._counts(user, address, proxy):
            failures.add(name, now)
        self.withdrawn(user, address, proxy)

    def succeeded(self, user: str, address: str, proxy: str = "") -> None:
        """
        See :class:`~txregistry.interfaces.IAttempts`.  Failures stay: else who has a password might
        guess another's.
        """
        self._regulars.remember(names.regular(user, address, proxy))
        self.withdrawn(user, address, proxy)

    def withdrawn(self, user: str, address: str, proxy: str = "") -> None:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        for _, name in self._counts(user, address, proxy):
            self._pending.take_back(name)

    def _begin(self, user: str, address: str, proxy: str, latest: float) -> float:
        """
        Begin an attempt, if it may.

        :param latest: when it is too late.
        :return: 0 if it has begun; else after how many seconds to try that again.
        :raises TooManyRequests: if that isn't soon.
        """
        now, standing = self._seconds(), self._standing(user, address, proxy)
        delay = standing.turn - now
        if delay > PATIENCE:
            raise TooManyRequests(retry_after=ceil(delay))
        if delay <= 0 and not standing.crowded:
            for _, name in self._counts(user, address, proxy):
                self._pending.add(name, now)
            return 0.0
        if now >= latest:
            raise TooManyRequests(retry_after=BUSY)
        return delay if delay > 0 else GLANCE

    def _standing(self, user: str, address: str, proxy: str) -> Standing:
        """:return: how it stands with an attempt."""
        here = self._of(self._failures, names.place(address, proxy))
        if self._regulars.knows(names.regular(user, address, proxy)):
            return here
        anywhere = self._of(self._failures, names.user(user))
        standing = here
        if here.failed >= STRANGER:
            standing = standing.after(anywhere)
        elif here.failed + here.pending >= STRANGER:
            # If those fail that are being checked; until then he isn't to go away.
            crowded = here.crowded or anywhere.crowded or anywhere.turn > self._seconds()
            standing = evolve(here, crowded=crowded)
        if proxy:
            name = names.client(proxy)
            standing = standing.after(self._of(self._proxies, name, FREE_BEHIND_PROXY))
        return standing

    def _of(self, failures: Failures, name: str, free: int = FREE) -> Standing:
        """
        :param free: how many failures cost nothing.
        :return: how it stands with somebody by a name.
        """
        tally, pending = failures.of(name), self._pending.of(name).count
        wait = wait_after(tally.count, free)
        turn = tally.last + wait if wait else 0.0
        return Standing(tally.count, pending, turn, 0 < pending >= free - tally.count)

    def _counts(self, user: str, address: str, proxy: str) -> list[tuple[Failures, str]]:
        """:return: for whom an attempt counts."""
        counts = [(self._failures, names.place(address, proxy)), (self._failures, names.user(user))]
        return [*counts, (self._proxies, names.client(proxy))] if proxy else counts


@implementer(IAttempts)
class UnlimitedAttempts:
    """
    Slows nobody down.  For the tests of access controllers.
    """

    def admit(self, user: str, address: str, proxy: str = "") -> Deferred[None]:
        """Lets everybody try at once."""
        return succeed(None)

    def failed(self, user: str, address: str, proxy: str = "") -> None:
        """Notes nothing."""

    def succeeded(self, user: str, address: str, proxy: str = "") -> None:
        """Notes nothing."""

    def withdrawn(self, user: str, address: str, proxy: str = "") -> None:
        """Notes nothing."""


def wait_after(count: int, free: int = FREE) -> float:
    """
    :param free: how many failures cost nothing.
    :return: how long one has to wait after so many, in seconds.
    """
    return 0.0 if count < free else min(FIRST * 2.0 ** min(count - free, 60), MOST)
