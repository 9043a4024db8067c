"""
What became of passwords that were checked a moment ago.

A check takes a tenth of a second, and a client that pulls an image shows its password a hundred
times.  So outcomes are remembered, for a short time, by what was checked: user, password, and the
hash in the file, so that nothing is remembered of a hash that is there no longer.  What is kept
is a keyed hash of these three, whose key no other process has: it can't be tried out elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from txregistry.auth.basic import BasicCredentials
from txregistry.recent import Recent

LIFETIME: Final = 120.0
"""Seconds."""

RIGHT: Final = 10_000
"""How many right passwords are remembered."""

WRONG: Final = 1_000
"""How many wrong ones; they have a place of their own, where they can't crowd out right ones."""


class Outcomes:
    """
    Remembers outcomes.

    :param seconds: a clock that only goes forward.
    """

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._secret = os.urandom(64)
        self._right: Recent[bytes, float] = Recent(RIGHT)
        self._wrong: Recent[bytes, float] = Recent(WRONG)

    def key(self, credentials: BasicCredentials, hash_: bytes | None) -> bytes:
        """
        :param hash_: what the file has of this user.
        :return: what an outcome is remembered by.
        """
        # No hash has a zero in it, and no name, so that what is joined can't be divided elsewhere.
        user = credentials.user.encode("utf-8", "surrogatepass")
        parts = (hash_ or b"", user, credentials.password)
        return blake2b(b"\0".join(parts), key=self._secret, digest_size=32).digest()

    def right_until(self, key: bytes) -> float:
        """:return: until when it is known that a password is right; 0 where it isn't."""
        return self._until(self._right, key)

    def of(self, key: bytes) -> bool | None:
        """:return: whether the password was right; ``None`` where that isn't known."""
        if self._until(self._right, key):
            return True
        return False if self._until(self._wrong, key) else None

    def remember(self, key: bytes, right: bool) -> None:
        """Remember whether a password was right."""
        (self._right if right else self._wrong).put(key, self._seconds() + LIFETIME)

    def _until(self, outcomes: Recent[bytes, float], key: bytes) -> float:
        until = outcomes.get(key) or 0.0
        if until > self._seconds():
            return until
        outcomes.forget(key)
        return 0.0
