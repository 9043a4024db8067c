"""
Who guesses passwords is slowed down.

An attempt counts as failed until it turns out that it didn't, so that a thousand at once are a
thousand failures and not one.  After a few failures each one more has to wait twice as long as the
one before; who would have to wait for long is sent away instead.

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

from attrs import frozen
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from zope.interface import implementer

from txregistry.auth import names
from txregistry.auth.failures import MEMORY, Failures, Tally
from txregistry.auth.regulars import Regulars
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
"""Seconds that an attempt is kept waiting.  Whoever has to wait longer is to come back."""

STRANGER: Final = 2
"""An address with fewer failures has nothing to do with what others do with a name."""

FREE_BEHIND_PROXY: Final = 200
"""So many failures of all that come by one proxy cost nothing, attempts that are still being
checked among them: a hundred machines may log in at the same moment."""

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
    :param regulars: who was right where.
    """

    failures: Failures
    proxies: Failures
    regulars: Regulars


@implementer(IAttempts)
class Attempts:
    """
    Counts failures by address, by user, and by proxy.

    :param clock: an ``IReactorTime``: the waiting is done with it.
    :param memory: remembers them.
    :param seconds: the clock of the memory.
    """

    def __init__(self, clock: Any, memory: Memory, seconds: Any) -> None:
        self._clock = clock
        self._failures = memory.failures
        self._proxies = memory.proxies
        self._regulars = memory.regulars
        self._seconds = seconds

    def admit(self, user: str, address: str, proxy: str = "") -> Deferred[None]:
        """Count an attempt as failed, and wait for its turn."""
        now: float = self._seconds()
        turn = max(now, self._turn(user, address, proxy))
        if turn - now > PATIENCE:
            raise TooManyRequests(retry_after=ceil(turn - now))
        for failures, name in self._counts(user, address, proxy):
            failures.add(name, turn)
        return deferLater(self._clock, turn - now) if turn > now else succeed(None)

    def failed(self, user: str, address: str, proxy: str = "") -> None:
        """It has been counted."""

    def succeeded(self, user: str, address: str, proxy: str = "") -> None:
        """Count it no longer.  Failures stay: else who has a password might guess another's."""
        self.withdrawn(user, address, proxy)
        self._regulars.remember(names.regular(user, address, proxy))

    def withdrawn(self, user: str, address: str, proxy: str = "") -> None:
        """Count it no longer."""
        for failures, name in self._counts(user, address, proxy):
            failures.take_back(name)

    def _turn(self, user: str, address: str, proxy: str) -> float:
        """:return: when somebody may try again."""
        of_address = self._failures.of(names.place(address, proxy))
        turn = _turn(of_address)
        if self._regulars.knows(names.regular(user, address, proxy)):
            return turn
        if of_address.count >= STRANGER:
            turn = max(turn, _turn(self._failures.of(names.user(user))))
        if proxy:
            turn = max(turn, _turn(self._proxies.of(names.client(proxy)), FREE_BEHIND_PROXY))
        return turn

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


def _turn(tally: Tally, free: int = FREE) -> float:
    """:return: when somebody may try again."""
    return tally.last + wait_after(tally.count, free)
