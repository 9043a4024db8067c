"""
How it stands with somebody who tries a password: when he may, and for whom he has to wait.

After a few failures each one more has to wait twice as long as the one before.  No more attempts
are checked at once than might fail without that.

Somebody else's guesses keep nobody from his own name: whoever comes from an address that has not
failed is let through, however often others have failed with the same name; and so is whoever was
right there before, as long as the address has not failed too often itself.

An address that a proxy tells may be a lie: whoever can reach the registry from where proxies are
trusted has as many as he likes.  So what fails is counted for the proxy, too.  A real one has many
clients behind it, and is allowed as much as many addresses.  Again, whoever was right before, from
the same address behind the same proxy, has nothing to do with what others do there.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from txregistry.auth.memory import Memory, Record
from txregistry.auth.names import Who

FREE: Final = 5
"""So many failures cost nothing."""

FREE_BEHIND_PROXY: Final = 200
"""So many failures of all that come by one proxy cost nothing."""

FIRST: Final = 0.5
"""Seconds to wait after the first failure that costs something; each one more doubles them."""

MOST: Final = 300.0
"""Seconds that nobody waits longer than."""

STRANGER: Final = 2
"""An address with fewer failures has nothing to do with what others do with a name."""


@frozen
class Standing:
    """
    How it stands with somebody.

    :param turn: when the next attempt may begin, by the failures alone.
    :param crowded: whether it may not as long as others are being checked: if they fail, it would
        have to wait.
    """

    turn: float
    crowded: bool

    def after(self, other: Standing) -> Standing:
        """:return: how it stands with him if it depends on somebody else, too."""
        return Standing(max(self.turn, other.turn), self.crowded or other.crowded)


def standing_of(memory: Memory, who: Who, now: float) -> Standing:
    """:return: how it stands with an attempt."""
    here = memory.of_place(who)
    standing = _standing(here)
    if memory.regulars.knows(who.by_user_there):
        return standing
    if here.failed + here.pending >= STRANGER:
        anywhere = _standing(memory.of_user(who))
        if here.failed < STRANGER:
            # If those fail that are being checked; until then he isn't to go away.
            anywhere = Standing(0.0, anywhere.crowded or anywhere.turn > now)
        standing = standing.after(anywhere)
    if who.proxy:
        standing = standing.after(_standing(memory.of_proxy(who), FREE_BEHIND_PROXY))
    return standing


def _standing(record: Record, free: int = FREE) -> Standing:
    """
    :param free: how many failures cost nothing.
    :return: how it stands with a place, a user or a proxy.
    """
    wait = wait_after(record.failed, free)
    turn = record.last + wait if wait else 0.0
    return Standing(turn, 0 < record.pending >= free - record.failed)


def wait_after(count: int, free: int = FREE) -> float:
    """
    :param free: how many failures cost nothing.
    :return: how long one has to wait after so many, in seconds.
    """
    return 0.0 if count < free else min(FIRST * 2.0 ** min(count - free, 60), MOST)
