"""
Clients that go on saying the same.

A client shows its password with each of a hundred requests, in the same words.  Whoever has been
found to be right is recognised by them: there is no need to take them apart again.  What is kept
is a keyed hash, as of outcomes.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from txregistry.auth.htpasswd.entries import Entries
from txregistry.interfaces import Grant
from txregistry.recent import Recent

MOST: Final = 10_000
"""How many are recognised."""


class Recognised:
    """
    Knows what was granted to who said something.

    :param seconds: a clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        # To copy this one costs less than to key another one.
        self._keyed = blake2b(key=os.urandom(64), digest_size=32)
        self._known: Recent[bytes, tuple[Entries, float, Grant]] = Recent(MOST)

    def grant(self, authorization: str, entries: Entries) -> Grant | None:
        """
        :param authorization: what a client says.
        :param entries: what is in the file.
        :return: what it was granted for that, if the file is the same as it was.
        """
        known = self._known.get(self._key(authorization))
        if known is None or known[0] is not entries or known[1] <= self._seconds():
            return None
        return known[2]

    def remember(self, authorization: str, entries: Entries, until: float, grant: Grant) -> None:
        """Recognise this for a while, as long as the file stays the same."""
        self._known.put(self._key(authorization), (entries, until, grant))

    def _key(self, authorization: str) -> bytes:
        keyed = self._keyed.copy()
        keyed.update(authorization.encode())
        return keyed.digest()
