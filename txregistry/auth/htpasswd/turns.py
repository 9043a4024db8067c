"""
Whose turn it is, where only a few can have one at a time.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

from twisted.internet.defer import Deferred, succeed

from txregistry.errors import TooManyRequests

EACH: Final = 16
"""How many of one place may wait."""

ALL: Final = 1000
"""How many may wait altogether."""

_BUSY: Final = 5


class Turns:
    """
    Gives turns to places by the row, however many of one place are waiting: a crowd from one
    address doesn't keep others from theirs.

    :param at_once: how many may have their turn at a time.
    """

    def __init__(self, at_once: int) -> None:
        self._free = at_once
        self._waiting: OrderedDict[str, deque[Deferred[None]]] = OrderedDict()
        self._count = 0

    def take(self, place: str) -> Deferred[None]:
        """
        Wait for a turn; :meth:`end` ends it.

        :param place: where somebody comes from.
        :raises TooManyRequests: if too many are waiting.
        """
        if self._free:
            self._free -= 1
            return succeed(None)
        row = self._waiting.get(place)
        if self._count >= ALL or (row is not None and len(row) >= EACH):
            raise TooManyRequests(retry_after=_BUSY)
        if row is None:
            row = self._waiting[place] = deque()
        waiting: Deferred[None] = Deferred(lambda waiting: self._leave(place, waiting))
        row.append(waiting)
        self._count += 1
        return waiting

    def end(self) -> None:
        """End a turn, and give it to the place that has had none for longest."""
        if not self._waiting:
            self._free += 1
            return
        place, row = next(iter(self._waiting.items()))
        waiting = row.popleft()
        self._count -= 1
        if row:
            self._waiting.move_to_end(place)
        else:
            del self._waiting[place]
        waiting.callback(None)

    def _leave(self, place: str, waiting: Deferred[None]) -> None:
        """Somebody doesn't want his turn any more."""
        row = self._waiting[place]
        row.remove(waiting)
        self._count -= 1
        if not row:
            del self._waiting[place]
