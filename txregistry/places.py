"""
Memory of a fixed size that processes share, with a few places for whatever has a name.

There is no lock.  Of two processes that write at the same moment one loses what it wrote, and a
place that two want is had by the last: it is for what is true enough without that.
"""

from __future__ import annotations

import mmap
import os
from array import array
from hashlib import blake2b
from typing import Final

from attrs import frozen

WAYS: Final = 4
"""In how many places a name may stand.  Who finds all taken takes one from somebody."""


@frozen
class Shape:
    """
    How the memory is divided.

    :param count: how many places there are.
    :param words: numbers of 8 bytes in a place; the first says whose it is, and the second how much
        there is to lose if it is taken from him.
    """

    count: int
    words: int

    @property
    def size(self) -> int:
        """In bytes."""
        return 8 * self.words * self.count


@frozen
class Places:
    """
    The places.

    :param shape: how they are laid out.
    :param cells: the memory as numbers of 8 bytes, zeros at first.
    :param secret: the same in all processes, and unknown to clients: they shall not be able to
        choose names that share a place with somebody else's.
    """

    shape: Shape
    cells: memoryview | array[int]
    secret: bytes

    def find(self, name: str) -> tuple[int, int, bool]:
        """
        :return: how a name is written, the first word of a place for it, and whether it stands
            there.  If it does nowhere, the place is the one to take: that whose second word is
            least.
        """
        owner, places = self._of(name)
        for place in places:
            if self.cells[place] == owner:
                return owner, place, True
        return owner, min(places, key=lambda place: self.cells[place + 1]), False

    def _of(self, name: str) -> tuple[int, range]:
        hashed = blake2b(name.encode("utf-8", "replace"), digest_size=16, key=self.secret).digest()
        owner = int.from_bytes(hashed[:8], "little") | 1
        words = self.shape.words
        first = int.from_bytes(hashed[8:], "little") % (self.shape.count // WAYS) * WAYS * words
        return owner, range(first, first + WAYS * words, words)


def private_places(shape: Shape) -> Places:
    """:return: memory of this process, where it is the only one."""
    return Places(shape, array("Q", bytes(shape.size)), os.urandom(16))


def shared_places(shape: Shape, path: str) -> Places:
    """
    :param path: of a file in a directory that is of this run only, and whose name nobody else
        knows; it is made if it isn't there.
    :return: memory of all processes that name this file.
    :raises OSError: if there is none left.
    """
    cells = memoryview(_mapped(path, shape.size)).cast("Q")
    return Places(shape, cells, blake2b(path.encode(), digest_size=16).digest())


def _mapped(path: str, size: int) -> mmap.mmap:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        # Writing to a page for which there is no space then would end the process.
        os.posix_fallocate(descriptor, 0, size)
        return mmap.mmap(descriptor, size)
    finally:
        os.close(descriptor)
