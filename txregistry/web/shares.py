"""
Who has how many connections, where several processes serve as one.

Each writes down how many it has, where the others see it.  Where all accept from one socket the
kernel tells all of them that somebody has come, and whoever is first gets him: mostly the same
one.  So one that has more than another leaves him to that one.  Where each has a socket of its own
the kernel divides those who come by chance, and one that has got too many
:mod:`hands some over <txregistry.web.inboxes>`.
"""

from __future__ import annotations

import mmap
import os
from typing import Final

ABSENT: Final = -1
"""The number of a process that isn't there, or accepts no more."""

ENOUGH: Final = 2
"""By how many connections another must be behind to be worth the way of one."""

_SIZE: Final = 8


class Shares:
    """
    The numbers of connections of some processes, in memory that they share: of those that each
    has, and of those that are on their way to it.

    Only its process writes how many it has, but that what was handed over is counted by several
    at once, without a lock: who is wrong by one for a moment divides connections well enough, and
    a process that finds nobody left on the way to it says so.

    :param path: of the file that is mapped, which :meth:`make` has made.
    :param index: the place of this process among them.
    """

    def __init__(self, path: str, index: int) -> None:
        with open(path, "r+b") as file:
            numbers = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
        self._counts = numbers[: len(numbers) // 2]
        self._coming = numbers[len(numbers) // 2 :]
        self.index = index

    @staticmethod
    def make(path: str, count: int) -> None:
        """Make the file, with a place for each process, of which none is there."""
        with open(path, "xb", opener=_private) as file:
            file.write(ABSENT.to_bytes(_SIZE, "little", signed=True) * count)
            file.write(bytes(_SIZE * count))

    def tell(self, count: int, index: int | None = None) -> None:
        """
        :param count: how many connections a process has, or :data:`ABSENT`.
        :param index: which; by default it is this one.
        """
        self._counts[self.index if index is None else index] = count

    @property
    def ahead(self) -> bool:
        """Whether another process has fewer connections."""
        own = self._counts[self.index]
        return any(0 <= count < own for count in self._counts)

    @property
    def behind(self) -> int | None:
        """
        Which process is to have a connection that came here: the one with the fewest, if with it
        this one would have :data:`ENOUGH` more.
        """
        own = self._counts[self.index]
        if own == ABSENT:
            return None
        found, most = None, own + self._coming[self.index] + 1 - ENOUGH
        for index, count in enumerate(self._counts):
            if count != ABSENT and count + self._coming[index] <= most:
                found, most = index, count + self._coming[index] - 1
        return found

    def present(self, index: int) -> bool:
        """:return: whether a process is there, and accepts."""
        return bool(self._counts[index] != ABSENT)

    def sent(self, index: int) -> None:
        """Count one more on the way to a process."""
        self._coming[index] += 1

    def arrived(self, index: int) -> None:
        """Count one less."""
        self._coming[index] = max(0, self._coming[index] - 1)

    def all_arrived(self, index: int) -> None:
        """Count none any more, whatever was counted."""
        self._coming[index] = 0


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
