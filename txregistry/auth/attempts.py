"""
Who guesses passwords is slowed down.

What counts is how many were wrong of late.  Who would have to wait for long by that is sent away
instead (:mod:`txregistry.auth.standing` says when).

While an attempt is being checked nobody knows how it ends, and a thousand at once may be a thousand
users or one who guesses.  So no more of them are checked at once than might all fail; the others
wait in a row for the end of these, and go on by what they have come to.  Nobody is sent away since
others are being checked.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.auth.memory import Memory
from txregistry.auth.names import Who
from txregistry.auth.rows import BUSY, Rows
from txregistry.auth.standing import standing_of
from txregistry.errors import TooManyRequests
from txregistry.interfaces import IAttempts

PATIENCE: Final = 2.0
"""Seconds that an attempt is kept waiting for what has failed.  Whoever has to wait longer is to
come back."""

LONGEST: Final = 30.0
"""Seconds that an attempt is kept waiting for others that are being checked: proxies and clients
don't wait for much longer."""

GLANCE: Final = 0.05
"""
Seconds after which it is looked again whether others have ended.  Those may be in any process, and
all that processes share is memory, which tells nobody that it has changed.  A check with a usual
hash takes as long as this or longer; a look takes microseconds, and there is one for each address
where somebody waits.
"""


@implementer(IAttempts)
class Attempts:
    """
    Counts failures by address, by user, and by proxy.

    :param clock: an ``IReactorTime``: the waiting is done with it.
    :param memory: where they are counted.
    :param seconds: the clock of the memory.
    """

    def __init__(self, clock: Any, memory: Memory, seconds: Callable[[], float]) -> None:
        self._rows = Rows(clock)
        self._memory = memory
        self._seconds = seconds

    def admit(self, user: str, address: str, proxy: str = "") -> Deferred[None]:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        who, latest = Who(user, address, proxy), self._seconds() + LONGEST
        return self._rows.enter(who.by_place, lambda: self._begin(who, latest))

    def failed(self, user: str, address: str, proxy: str = "") -> None:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        self._memory.fail(Who(user, address, proxy), self._seconds())

    def succeeded(self, user: str, address: str, proxy: str = "") -> None:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        self._memory.succeed(Who(user, address, proxy))

    def withdrawn(self, user: str, address: str, proxy: str = "") -> None:
        """See :class:`~txregistry.interfaces.IAttempts`."""
        self._memory.end(Who(user, address, proxy))

    def _begin(self, who: Who, latest: float) -> float:
        """
        Begin an attempt, if it may.

        :param latest: when it is too late.
        :return: 0 if it has begun; else after how many seconds to try that again.
        :raises TooManyRequests: if that isn't soon.
        """
        now = self._seconds()
        standing = standing_of(self._memory, who, now)
        delay = standing.turn - now
        if delay > PATIENCE:
            raise TooManyRequests(retry_after=ceil(delay))
        if delay <= 0 and not standing.crowded:
            self._memory.begin(who, now)
            return 0.0
        if now >= latest:
            raise TooManyRequests(retry_after=BUSY)
        return delay if delay > 0 else GLANCE


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
