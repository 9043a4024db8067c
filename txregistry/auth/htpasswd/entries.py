"""
What a file of passwords says: the format of Apache's ``htpasswd``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from attrs import field, frozen

from txregistry.auth.basic import text_of
from txregistry.auth.htpasswd.hashes import HIGHEST_SENSIBLE_COST, LEAST_COST, cost_of

LARGEST: Final = 16 * 1024 * 1024
"""A file with more bytes than this is none of passwords."""


class Malformed(Exception):
    """
    A file is none of passwords.

    :param line: where that shows, counted from 1.
    """

    def __init__(self, line: int) -> None:
        super().__init__(f"line {line} is neither empty, nor a comment, nor `user:hash`")
        self.line = line


@frozen
class Entries:
    """
    The users of a file.

    :param hashes: the hash of each user's password, by his name.
    :param cost: the highest cost of any of them.
    :param useless: users whose hash is none of bcrypt: none of them can log in.
    :param absurd: users whose hash takes minutes to check, or days, each with its cost.
    """

    hashes: Mapping[str, bytes] = field(factory=dict, repr=False)
    cost: int = LEAST_COST
    useless: tuple[str, ...] = ()
    absurd: tuple[tuple[str, int], ...] = ()


def parse_entries(data: bytes) -> Entries:
    """
    Read a file: ``user:hash`` on each line, empty lines and those that begin with ``#`` aside.

    If there are several of a user, the last one counts.

    :raises Malformed: at the first line that is something else.
    """
    hashes: dict[str, bytes] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        entry = parse_line(line, number)
        if entry is not None:
            hashes[entry[0]] = entry[1]
    costs = {user: cost_of(hash_) for user, hash_ in hashes.items()}
    return Entries(
        hashes={user: hash_ for user, hash_ in hashes.items() if costs[user]},
        cost=max(costs.values(), default=0) or LEAST_COST,
        useless=tuple(user for user, cost in costs.items() if not cost),
        absurd=tuple(each for each in costs.items() if each[1] > HIGHEST_SENSIBLE_COST),
    )


def parse_line(line: bytes, number: int) -> tuple[str, bytes] | None:
    """
    :param number: of the line, counted from 1.
    :return: user and hash, or ``None`` if the line says nothing.
    :raises Malformed: if it is no line of such a file.
    """
    stripped = line.strip()
    if not stripped or stripped.startswith(b"#"):
        return None
    user, colon, hash_ = stripped.partition(b":")
    if not colon:
        raise Malformed(number)
    return text_of(user), hash_
