"""
How often somebody has failed of late, in memory that processes share.

A failure is forgotten after a while, one after the other; so what is remembered of somebody is when
nothing is left of his failures, which says how many there are, and the moment of the last one.  One
that is taken back leaves no trace: it doesn't keep those before it from being forgotten.

There is no lock: two processes that write at the same moment lose one failure of two at worst, and
a place that two want is had by the last.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from math import ceil
from typing import Final

from attrs import frozen

from txregistry.places import Places, Shape

SHAPE: Final = Shape(count=2**15, words=3)
"""
Of how many something can be remembered, by all processes together; and in each place whose it is,
when all of his failures are forgotten, and when the last one was.
"""

MEMORY: Final = 60.0
"""Seconds after which a failure is forgotten, and then the one before."""

_MICROSECONDS: Final = 1_000_000


@frozen
class Tally:
    """
    What is remembered of somebody.

    :param count: how many failures are not forgotten yet.
    :param last: when the last one was.
    """

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
        self._memory = round(memory * _MICROSECONDS)

    def of(self, name: str) -> Tally:
        """:return: what is remembered of somebody."""
        _, place, known = self._places.find(name)
        if not known:
            return Tally(0, 0.0)
        left = max(self._forgotten(place) - self._now(), 0)
        return Tally(ceil(left / self._memory), self._cells[place + 2] / _MICROSECONDS)

    def add(self, name: str, moment: float) -> None:
        """
        Remember one more.

        :param moment: when it is; it is remembered from now on.
        """
        owner, place, known = self._places.find(name)
        before = self._forgotten(place) if known else 0
        until = max(before, self._now()) + self._memory
        self._cells[place : place + SHAPE.words] = array(
            "Q", (owner, until, round(moment * _MICROSECONDS))
        )

    def take_back(self, name: str) -> None:
        """Forget one."""
        _, place, known = self._places.find(name)
        if known:
            # What is forgotten leaves less than one, and there is nothing below zero.
            self._cells[place + 1] = max(self._forgotten(place) - self._memory, 0)

    def _now(self) -> int:
        return round(self._seconds() * _MICROSECONDS)

    def _forgotten(self, place: int) -> int:
        """:return: when nothing is left of what stands in a place."""
        return self._cells[place + 1]
