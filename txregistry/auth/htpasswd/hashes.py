"""
Hashes of passwords: bcrypt, and nothing else.

bcrypt looks at the first 72 bytes of a password only.  What is checked is cut there, as everybody
always did, so that the hashes of longer passwords go on to work; but no such hash is made here.
"""

from __future__ import annotations

import re
from typing import Final

import bcrypt

LEAST_COST: Final = 4
MOST_COST: Final = 31

HIGHEST_SENSIBLE_COST: Final = 17
"""A check with this one takes 10 s, and each step more doubles that."""

LONGEST: Final = 72
"""Bytes of a password that bcrypt looks at."""

_HASH = re.compile(rb"\$2[aby]\$([0-3][0-9])\$[./A-Za-z0-9]{53}")
_NO_DIGEST = b"." * 31


def cost_of(hash_: bytes) -> int:
    """:return: the cost of a hash, as a power of 2; 0 if it is none of bcrypt."""
    found = _HASH.fullmatch(hash_)
    cost = int(found[1]) if found else 0
    return cost if LEAST_COST <= cost <= MOST_COST else 0


def new_hash(password: bytes, cost: int) -> bytes:
    """
    :param password: of :data:`LONGEST` bytes at most.
    :return: a hash of it, with a salt of its own.
    """
    if len(password) > LONGEST:
        raise ValueError(f"bcrypt looks at the first {LONGEST} bytes of a password only")
    return bcrypt.hashpw(password, bcrypt.gensalt(cost))


def is_right(password: bytes, hash_: bytes | None, cost: int) -> bool:
    """
    Check a password, which takes long, and as long for all that are wrong.

    :param hash_: the user's, or ``None`` if there is no such user.
    :param cost: the highest that any user's hash has.
    """
    password = password[:LONGEST]
    # bcrypt repeats a password, with a zero after it: one that has a zero may be another one's.
    if hash_ is None or b"\0" in password:
        _spend(password, cost)
        return False
    if _matches(password, hash_):
        return True
    # One check has the price of two with a cost less by one: after these, as much time is gone as a
    # check with the highest cost takes.
    for missing in range(cost_of(hash_), cost):
        _spend(password, missing)
    return False


def _spend(password: bytes, cost: int) -> None:
    """Take as long as a check."""
    _matches(password, bcrypt.gensalt(cost) + _NO_DIGEST)


def _matches(password: bytes, hash_: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, hash_)
    except ValueError:  # the salt is none, though it has the form of one
        return False
