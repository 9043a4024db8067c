"""
How much somebody has used of late, in memory that processes share.

A meter is a moment: when all that was used would have been used up at the rate that is allowed.  As
long as that moment isn't too far ahead, more may be used (the generic cell rate algorithm, ITU-T
I.371, Annex A).  So a meter is one number, which only ever needs to be looked at when it is used,
and one whose moment has passed says nothing any more: its place is free.

There is no lock.  Two processes that write at the same moment lose the smaller of two uses at
worst, and a place that two want is had by the last.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from txregistry.places import Places, Shape

SHAPE: Final = Shape(count=2**16, words=2)
"""
How many meters there are, for all processes together; in each place whose it is, and the moment.
"""

_MICROSECONDS: Final = 1_000_000


class Meters:
    """
    Meters, by any name.

    :param places: where they are.  Who finds all of his taken takes that of who has used least.
    :param seconds: a clock that only goes forward, and is the same in all processes.
    """

    def __init__(self, places: Places, seconds: Callable[[], float]) -> None:
        self._places = places
        self._cells = places.cells
        self._seconds = seconds

    def ahead(self, name: str) -> float:
        """:return: how far ahead the moment of a meter is, in seconds; 0 where it has passed."""
        now, _, moment = self._look(name)
        return max(moment - now, 0) / _MICROSECONDS

    def use(self, name: str, seconds: float, most: float) -> float:
        """
        Use something, if that may be.

        :param seconds: for how long it would be used at the rate that is allowed.
        :param most: how far ahead the moment may be afterwards, in seconds.
        :return: 0 if it was used; else after how many seconds it could be.
        """
        now, place, moment = self._look(name)
        later = max(moment, now) + round(seconds * _MICROSECONDS)
        over = later - now - round(most * _MICROSECONDS)
        if over > 0:
            return over / _MICROSECONDS
        self._cells[place + 1] = later
        return 0.0

    def add(self, name: str, seconds: float) -> None:
        """Note what was used, whether or not it might be."""
        now, place, moment = self._look(name)
        self._cells[place + 1] = max(moment, now) + round(seconds * _MICROSECONDS)

    def _look(self, name: str) -> tuple[int, int, int]:
        """:return: now, the place of a meter, and its moment; 0 where it is new."""
        now = round(self._seconds() * _MICROSECONDS)
        owner, place, known = self._places.find(name)
        if not known:
            self._cells[place + 1] = 0
            self._cells[place] = owner
        return now, place, self._cells[place + 1]
