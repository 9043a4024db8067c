"""
Clients that go on saying the same.

A client shows its password with each of a hundred requests, in the same words.  Whoever has been
found to be right is recognised by them, at the address where he is: there is no need to take them
apart again, nor to ask whether somebody there has failed too often.

Elsewhere they have to be checked again, though what that comes to may be remembered.  Otherwise
whoever may not try any more could: what is answered at once would be the right password.  For the
same reason those at one address are not recognised any more when too many tries there have come to
nothing: were refused, or given up, or have no answer yet.  What is kept is a keyed hash, as of
outcomes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from attrs import define, frozen

from txregistry.auth.htpasswd.entries import Entries
from txregistry.interfaces import Grant
from txregistry.recent import Recent

MOST: Final = 10_000
"""How many are recognised."""

UNANSWERED: Final = 50
"""So many tries with a name may come to nothing at an address before its owner has to wait, too."""


@define
class _UserThere:
    """
    A user at a place.

    :param unanswered: how many tries have come to nothing since he was right.
    """

    unanswered: int = 0


@frozen
class _Known:
    """
    What is known of who says something.

    :param hash: what the file had of his password.
    :param until: when it is forgotten.
    :param grant: what was granted.
    :param user_there: who, and where.
    """

    hash: bytes | None
    until: float
    grant: Grant
    user_there: _UserThere


class Recognised:
    """
    Knows what was granted to who said something.

    :param seconds: a clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        # To copy this one costs less than to key another one.
        self._keyed = blake2b(key=os.urandom(64), digest_size=32)
        self._known: Recent[bytes, _Known] = Recent(MOST)
        self._places: Recent[tuple[str, str], _UserThere] = Recent(MOST)

    def grant(self, said: str, place: str, entries: Entries) -> Grant | None:
        """
        :param said: what a client says.
        :param place: where it is: its address, and who says so.
        :param entries: what is in the file.
        :return: what it was granted for that, if the user's line in the file is as it was.
        """
        known = self._known.get(self._key(said, place))
        if (
            known is None
            or known.hash != entries.hashes.get(known.grant.actor)
            or known.until <= self._seconds()
            or known.user_there.unanswered >= UNANSWERED
        ):
            return None
        return known.grant

    def remember(self, said: str, place: str, entries: Entries, until: float, grant: Grant) -> None:
        """
        Recognise this for a while, as long as the user has the same password.  What becomes of
        others in the file is no reason to ask him again: where somebody guesses beside him he
        would have to wait.
        """
        user_there = self._places.get((grant.actor, place)) or _UserThere()
        user_there.unanswered = 0
        self._places.put((grant.actor, place), user_there)
        hash_ = entries.hashes.get(grant.actor)
        self._known.put(self._key(said, place), _Known(hash_, until, grant, user_there))

    def trying(self, user: str, place: str) -> None:
        """
        Note a try, before anything is known of it: who gives up where he isn't answered at once
        would learn by that what is answered at once.
        """
        user_there = self._places.get((user, place))
        if user_there is not None:
            user_there.unanswered += 1

    def answered(self, user: str, place: str) -> None:
        """Note that one was found to be wrong."""
        user_there = self._places.get((user, place))
        if user_there is not None and user_there.unanswered:
            user_there.unanswered -= 1

    def _key(self, said: str, place: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(f"{place}\n{said}".encode("utf-8", "surrogatepass"))
        return keyed.digest()
