"""
Epochs: by which the processes of one machine know what they may no longer believe.

A repository has an epoch, which ends whenever something of it is deleted.  What was seen in one
epoch is believed in no other.  So an answer of storage that comes late, after the delete, is of
no use to anybody, and nobody has to find it.

An epoch is drawn at random from all numbers of 8 bytes, and none comes twice.  That is why the
memory that the processes share needs no lock: two that end an epoch at the same time both end
it, and half of a number equals no number that anybody has seen.
"""

from __future__ import annotations

import mmap
import os
from array import array
from typing import Final, Protocol
from zlib import crc32

from attrs import frozen

from txregistry.model.name import RepositoryName

LEAST: Final = 64
"""Fewer cells than this are of no use."""

_DEBT: Final = 2
"""The last cells are not epochs: see :class:`Debt`."""


class Cells(Protocol):
    """
    Memory, as numbers of 8 bytes.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> int: ...

    def __setitem__(self, index: int, value: int, /) -> None: ...


def private_cells(count: int = 4096) -> Cells:
    """:return: memory of this process, where it is the only one."""
    return array("Q", bytes(8 * count))


def shared_cells(path: str) -> Cells:
    """
    :param path: a file of zeros at first, 8 bytes for each cell.
    :return: memory that all processes share who have mapped this file.
    """
    with open(path, "r+b") as file:
        cells = memoryview(mmap.mmap(file.fileno(), 0)).cast("Q")
    if len(cells) < LEAST:
        raise ValueError(f"{path}: too small")
    return cells


def fresh() -> int:
    """:return: a number that never was, nor ever comes again."""
    return int.from_bytes(os.urandom(8), "little") or 1


class Epochs:
    """
    The epochs of all repositories.  Several may share one, which costs nothing but misses.

    :param cells: the memory where they are.
    """

    def __init__(self, cells: Cells) -> None:
        self._cells = cells
        self._count = len(cells) - _DEBT

    def of(self, name: RepositoryName) -> int:
        """:return: the epoch of a repository."""
        return self._cells[crc32(name.encode()) % self._count]

    def end(self, name: RepositoryName) -> None:
        """Let another epoch begin, for all processes at once."""
        self._cells[crc32(name.encode()) % self._count] = fresh()


@frozen
class Debt:
    """
    What the processes of one machine owe to the cache that they share with others: to tell it
    that something was deleted, when it could not be told.

    The two cells are what is owed, and what of it has been paid.  Whoever pays, pays for all.

    :param cells: the memory where that is.
    """

    _cells: Cells

    @property
    def owed(self) -> int:
        """What is owed; 0 for nothing."""
        owed = self._cells[-1]
        return 0 if owed == self._cells[-2] else owed

    def owe(self) -> None:
        """Owe something from now on."""
        self._cells[-1] = fresh()

    def pay(self, owed: int) -> None:
        """
        Note that what was owed was paid.

        :param owed: what was owed before the paying began.  If something else is owed by now,
            that remains.
        """
        self._cells[-2] = owed
