"""
Who has shown a right password where, of late, in memory that processes share.

What others guess slows down strangers: those whose name it is, and those behind the same proxy.
Not those who were right before, at the same address behind the same proxy, if any: this remembers
them.  It has memory of its own, so that who is right often crowds out no failure.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Final

from txregistry.places import Places, Shape

SHAPE: Final = Shape(count=2**15, words=2)
"""
Of how many that can be remembered, by all processes together; and in each place whose it is, and
when he was right last.
"""

MEMORY: Final = 7 * 86_400.0
"""Seconds after which it is forgotten: who comes once in a week is remembered."""

_MICROSECONDS: Final = 1_000_000


class Regulars:
    """
    Those who were right.

    :param places: where they are remembered.  Who finds all that are his taken takes that of who
        has not been right for longest.
    :param seconds: a clock that only goes forward, and is the same in all processes.
    """

    def __init__(self, places: Places, seconds: Callable[[], float]) -> None:
        self._places = places
        self._cells = places.cells
        self._seconds = seconds

    def knows(self, name: str) -> bool:
        """:return: whether somebody was right of late."""
        _, place, known = self._places.find(name)
        return known and self._cells[place + 1] >= self._now() - round(MEMORY * _MICROSECONDS)

    def remember(self, name: str) -> None:
        """Note that somebody was right."""
        owner, place, _ = self._places.find(name)
        self._cells[place : place + SHAPE.words] = array("Q", (owner, self._now()))

    def _now(self) -> int:
        return round(self._seconds() * _MICROSECONDS)
