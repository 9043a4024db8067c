"""
Whose turn it is to accept, where several processes accept from one socket.

The kernel tells all of them that somebody has come, and whoever is first gets him: mostly the same
one.  So each process writes down how many connections it has, where the others see it, and
one that has more than another leaves him to that one.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

ABSENT: Final = -1
"""The number of a process that isn't there, or accepts no more."""

_SIZE: Final = 8


class Shares:
    """
    The numbers of connections of some processes, in memory that they share.

    :param path: of the file that is mapped, which :meth:`make` has made.
    :param index: the place of this process among them.
    """

    def __init__(self, path: str, index: int) -> None:
        with open(path, "r+b") as file:
            self._counts = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self._index = index

    @staticmethod
    def make(path: str, count: int) -> None:
        """Make the file, with a place for each process, of which none is there."""
        with open(path, "xb", opener=_private) as file:
            file.write(ABSENT.to_bytes(_SIZE, "little", signed=True) * count)

    def tell(self, count: int, index: int | None = None) -> None:
        """
        :param count: how many connections a process has, or :data:`ABSENT`.
        :param index: which; by default it is this one.
        """
        self._counts[self._index if index is None else index] = count

    @property
    def ahead(self) -> bool:
        """Whether another process has fewer connections."""
        own = self._counts[self._index]
        return any(0 <= count < own for count in self._counts)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
