"""
How often somebody has failed of late, in memory that processes share.

A failure is forgotten after a while, one after the other; so what is remembered of somebody is a
number and the moment of the last one.  There is no lock: two processes that write at the same
moment lose one failure of two at worst, and a place that two want is had by the last.
"""

from __future__ import annotations

import mmap
import os
from array import array
from collections.abc import Callable
from hashlib import blake2b
from typing import Final

from attrs import frozen

PLACES: Final = 2**15
"""Of how many something can be remembered, by all processes together."""

WAYS: Final = 4
"""In how many places somebody may stand.  Who finds all taken takes what is forgotten soonest."""

WORDS: Final = 3
"""Numbers of 8 bytes in a place: whose it is, how many failures, and when the last one was."""

SIZE: Final = 8 * WORDS * PLACES
"""The size of the memory in bytes."""

MEMORY: Final = 60.0
"""Seconds after which a failure is forgotten, and then the one before."""

_MICROSECONDS: Final = 1_000_000


@frozen
class Tally:
    """
    What is remembered of somebody.

    :param place: where.
    :param count: how many failures are not forgotten yet.
    :param last: when the last one was.
    """

    place: int
    count: int
    last: float


class Failures:
    """
    The failures of anybody, by any name.

    :param cells: the memory: :data:`SIZE` bytes as numbers of 8 bytes, zeros at first.
    :param secret: the same in all processes, and unknown to clients: they shall not be able to
        choose names that share a place with somebody else's.
    :param seconds: a clock that only goes forward, and is the same in all processes.
    """

    def __init__(
        self, cells: memoryview | array[int], secret: bytes, seconds: Callable[[], float]
    ) -> None:
        self._cells = cells
        self._secret = secret
        self._seconds = seconds

    def of(self, name: str) -> Tally:
        """:return: what is remembered of somebody."""
        owner, places = self._whereabouts(name)
        for place in places:
            if self._cells[place] == owner:
                return self._read(place)
        return Tally(-1, 0, 0.0)

    def add(self, name: str, moment: float) -> None:
        """
        Remember one more.

        :param moment: when it is.
        """
        owner, places = self._whereabouts(name)
        found = self.of(name)
        place = found.place if found.place >= 0 else min(places, key=self._forgotten)
        cells = self._cells
        cells[place : place + WORDS] = array(
            "Q", (owner, found.count + 1, round(moment * _MICROSECONDS))
        )

    def take_back(self, name: str) -> None:
        """Forget one."""
        found = self.of(name)
        if found.count:
            # Others may have come or been forgotten; the number is that of before in both cases.
            self._cells[found.place + 1] -= 1

    def _read(self, place: int) -> Tally:
        count, last = self._cells[place + 1], self._cells[place + 2] / _MICROSECONDS
        forgotten = max(0.0, self._seconds() - last) // MEMORY
        return Tally(place, max(0, count - int(forgotten)), last)

    def _forgotten(self, place: int) -> float:
        """:return: when nothing is left of what stands in a place."""
        return self._cells[place + 2] / _MICROSECONDS + self._cells[place + 1] * MEMORY

    def _whereabouts(self, name: str) -> tuple[int, range]:
        """:return: how a name is written, and the places where it may stand."""
        hashed = blake2b(name.encode("utf-8", "replace"), digest_size=16, key=self._secret).digest()
        owner = int.from_bytes(hashed[:8], "little") | 1
        first = int.from_bytes(hashed[8:], "little") % (PLACES // WAYS) * WAYS * WORDS
        return owner, range(first, first + WAYS * WORDS, WORDS)


def private_failures(seconds: Callable[[], float]) -> Failures:
    """:return: memory of this process, where it is the only one."""
    return Failures(array("Q", bytes(SIZE)), os.urandom(16), seconds)


def shared_failures(path: str, seconds: Callable[[], float]) -> Failures:
    """
    :param path: of a file in a directory that is of this run only, and whose name nobody else
        knows; it is made if it isn't there.
    :return: memory of all processes that name this file.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        os.ftruncate(descriptor, SIZE)
        cells = memoryview(mmap.mmap(descriptor, SIZE)).cast("Q")
    finally:
        os.close(descriptor)
    return Failures(cells, blake2b(path.encode(), digest_size=16).digest(), seconds)
