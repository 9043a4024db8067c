"""
How often somebody has failed of late, in memory that processes share.

A failure is forgotten after a while, one after the other; so what is remembered of somebody is a
number and the moment of the last one.  There is no lock: two processes that write at the same
moment lose one failure of two at worst, and a place that two want is had by the last.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Final

from attrs import frozen

from txregistry.places import Places, Shape

SHAPE: Final = Shape(count=2**15, words=3)
"""
Of how many something can be remembered, by all processes together; and in each place whose it is,
how many failures there were, and when the last one was.
"""

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

    :param places: where they are remembered.  Who finds all that are his taken takes what is
        forgotten soonest.
    :param seconds: a clock that only goes forward, and is the same in all processes.
    :param memory: seconds after which a failure is forgotten.
    """

    def __init__(
        self, places: Places, seconds: Callable[[], float], memory: float = MEMORY
    ) -> None:
        self._places = places
        self._cells = places.cells
        self._seconds = seconds
        self._memory = memory

    def of(self, name: str) -> Tally:
        """:return: what is remembered of somebody."""
        owner, places = self._places.of(name)
        for place in places:
            if self._cells[place] == owner:
                return self._read(place)
        return Tally(-1, 0, 0.0)

    def add(self, name: str, moment: float) -> None:
        """
        Remember one more.

        :param moment: when it is.
        """
        owner, places = self._places.of(name)
        found = self.of(name)
        place = found.place if found.place >= 0 else min(places, key=self._forgotten)
        cells = self._cells
        cells[place : place + SHAPE.words] = array(
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
        forgotten = max(0.0, self._seconds() - last) // self._memory
        return Tally(place, max(0, count - int(forgotten)), last)

    def _forgotten(self, place: int) -> float:
        """:return: when nothing is left of what stands in a place."""
        return self._cells[place + 2] / _MICROSECONDS + self._cells[place + 1] * self._memory
