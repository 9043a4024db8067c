"""
The ids of uploads.

Most uploads get all their bytes by the next request, and of most that don't nobody hears again.
So to begin one stores nothing: its id says when it was begun, in which repository and by whom, and
that is all there is to know before bytes come.  It is a UUID of version 8 (RFC 9562 §5.8)::

    48 bits  when, in milliseconds since 1970
    12 bits  by chance
    22 bits  by chance
    40 bits  of a hash of these, of the repository, and of who began it

The hash is no secret's.  Who makes such an id himself has begun an upload in a repository that he
may push to, which he might have asked for; and from the ids of others it keeps him.
"""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final
from uuid import UUID

from attrs import frozen

from txregistry.model.name import RepositoryName
from txregistry.places import Places, Shape

FRESH: Final = timedelta(days=1)
"""How long an upload is remembered to which nothing came."""

SHAPE: Final = Shape(count=2**14, words=2)
"""
Of how many ids may be remembered that they are used, and in each place which, and when it was
begun.  An id that is forgotten earlier is that of an empty upload again, which harms nobody.
"""

_VERSION: Final = 8
_OURS: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")
_TIME_SIZE: Final = 6
_HASH_SIZE: Final = 5
_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromtimestamp(0, UTC)


@frozen
class Ids:
    """
    The ids of the uploads that somebody began in a repository.

    :param used: those of which more is known than they tell.
    :param actor: who begins them, or asks for them; ``b""`` is nobody in particular.
    """

    _used: Places
    _name: RepositoryName
    _actor: bytes

    def new(self, now: datetime) -> str:
        """:return: another one."""
        begin = bytearray(_milliseconds(now).to_bytes(_TIME_SIZE, "big") + os.urandom(5))
        begin[6] = _VERSION << 4 | begin[6] & 0x0F
        begin[8] = 0x80 | begin[8] & 0x3F
        return str(UUID(bytes=bytes(begin) + self._hash(begin)))

    @staticmethod
    def is_ours(id: str) -> bool:
        """:return: whether it is made like these, and not as other programs make them."""
        return _OURS.match(id) is not None

    def has(self, id: str) -> bool:
        """:return: whether an id that is ours was given to this one, in this repository."""
        whole = UUID(id).bytes
        return self._hash(whole[:-_HASH_SIZE]) == whole[-_HASH_SIZE:]

    def is_fresh(self, id: str, now: datetime) -> bool:
        """:return: whether one that was given may be of an upload to which nothing came yet."""
        age = abs(_milliseconds(now) - _begun(id))  # other machines' clocks may be ahead
        return age < FRESH // _MILLISECOND and not self._used.find(id)[2]

    @staticmethod
    def begun_at(id: str) -> datetime:
        """:return: when one that is fresh was given."""
        return _EPOCH + _begun(id) * _MILLISECOND

    def use(self, id: str) -> None:
        """Remember that from now on the storage tells what there is, or that there is nothing."""
        if not self.is_ours(id):
            return
        cells = self._used.cells
        owner, place, known = self._used.find(id)
        if not known:
            cells[place] = owner
            cells[place + 1] = _begun(id)

    def _hash(self, begin: bytes | bytearray) -> bytes:
        hashed = blake2b(b"\n".join((self._name.encode("ascii"), self._actor)), key=bytes(begin))
        return hashed.digest()[:_HASH_SIZE]


def _begun(id: str) -> int:
    return int.from_bytes(UUID(id).bytes[:_TIME_SIZE], "big")


def _milliseconds(now: datetime) -> int:
    return (now - _EPOCH) // _MILLISECOND
