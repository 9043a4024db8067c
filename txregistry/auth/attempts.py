"""
Who guesses passwords is slowed down.

An attempt counts as failed until it turns out that it didn't, so that a thousand at once are a
thousand failures and not one.  After a few failures each one more has to wait twice as long as the
one before; who would have to wait for long is sent away instead.

Somebody else's guesses keep nobody from his own name: whoever comes from an address that has not
failed is let through, however often others have failed with the same name.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import deferLater
from zope.interface import implementer

from txregistry.auth.failures import Failures, Tally
from txregistry.errors import TooManyRequests
from txregistry.interfaces import IAttempts

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

SITE: Final = 64
"""The length of the prefix by which addresses of IPv6 are counted: one client has all of such a
network (RFC 6177 §2)."""


@implementer(IAttempts)
class Attempts:
    """
    Counts failures by address, and by user.

    :param clock: an ``IReactorTime``: the waiting is done with it.
    :param failures: remember them.
    :param seconds: the clock of the failures.
    """

    def __init__(self, clock: Any, failures: Failures, seconds: Any) -> None:
        self._clock = clock
        self._failures = failures
        self._seconds = seconds

    def admit(self, user: str, address: str) -> Deferred[None]:
        """Count an attempt as failed, and wait for its turn."""
        names = _names(user, address)
        of_address, of_user = (self._failures.of(name) for name in names)
        now: float = self._seconds()
        turn = max(now, _turn(of_address))
        if of_address.count >= STRANGER:
            turn = max(turn, _turn(of_user))
        if turn - now > PATIENCE:
            raise TooManyRequests(retry_after=ceil(turn - now))
        for name in names:
            self._failures.add(name, turn)
        return deferLater(self._clock, turn - now) if turn > now else succeed(None)

    def failed(self, user: str, address: str) -> None:
        """It has been counted."""

    def succeeded(self, user: str, address: str) -> None:
        """Count it no longer.  Failures stay: else who has a password might guess another's."""
        for name in _names(user, address):
            self._failures.take_back(name)


@implementer(IAttempts)
class UnlimitedAttempts:
    """
    Slows nobody down.  For the tests of access controllers.
    """

    def admit(self, user: str, address: str) -> Deferred[None]:
        """Lets everybody try at once."""
        return succeed(None)

    def failed(self, user: str, address: str) -> None:
        """Notes nothing."""

    def succeeded(self, user: str, address: str) -> None:
        """Notes nothing."""


def wait_after(count: int) -> float:
    """:return: how long one has to wait after so many failures, in seconds."""
    return 0.0 if count < FREE else min(FIRST * 2.0 ** min(count - FREE, 60), MOST)


def _turn(tally: Tally) -> float:
    """:return: when somebody may try again."""
    return tally.last + wait_after(tally.count)


def _names(user: str, address: str) -> tuple[str, str]:
    """:return: by what address and user are counted."""
    return f"a{_client(address)}", f"u{user}"


def _client(address: str) -> str:
    try:
        parsed = ip_address(address)
    except ValueError:  # it has none: it is behind a unix socket
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, SITE), strict=False))
    return str(parsed)
