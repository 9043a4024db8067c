"""
Rows of those who can't be told yet whether they may.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

from attrs import define, field, frozen
from twisted.internet.defer import Deferred, succeed

from txregistry.errors import TooManyRequests

EACH: Final = 200
"""How many of one place may wait: all of an office, or the jobs of a whole site."""

ALL: Final = 2000
"""How many may wait altogether."""

BUSY: Final = 5
"""Seconds after which it makes sense to come back for whom there is no room."""

GLANCES: Final = 5000
"""So many times in a second it is looked whether somebody may go on, at most."""

Ask: TypeAlias = Callable[[], float]
"""
Says 0 to somebody who may go on now, and else after how many seconds he is to be asked about again.

:raises TooManyRequests: if he is to go away.
"""


@frozen(eq=False)
class _Waiting:
    """Somebody, and who is to be asked about him."""

    going_on: Deferred[None]
    ask: Ask


@define(eq=False)
class _Row:
    """
    Those of one place.

    :param next: the timed call that asks about the first of them; ``None`` while it does.
    """

    waiting: deque[_Waiting] = field(factory=deque)
    next: Any = None


class Rows:
    """
    Asks about the first of each row, and only when he is gone about the one after him.

    :param clock: an ``IReactorTime``.
    """

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._count = 0

    def enter(self, place: str, ask: Ask) -> Deferred[None]:
        """
        Wait until one may go on.  To cancel it leaves the row.

        :param place: where somebody comes from.
        :raises TooManyRequests: if he may not, or if too many are waiting.
        """
        row = self._rows.get(place)
        delay = 0.0
        if row is None:
            delay = ask()
            if not delay:
                return succeed(None)
        if self._count >= ALL or (row is not None and len(row.waiting) >= EACH):
            raise TooManyRequests(retry_after=BUSY)
        if row is None:
            row = self._rows[place] = _Row()
            self._ask_later(place, row, delay)
        waiting = _Waiting(Deferred(lambda _: self._leave(place, row, waiting)), ask)
        row.waiting.append(waiting)
        self._count += 1
        return waiting.going_on

    def _ask_later(self, place: str, row: _Row, delay: float) -> None:
        # However many rows there are, it takes no more time to look at them.
        pause = max(delay, len(self._rows) / GLANCES)
        row.next = self._clock.callLater(pause, self._go_on, place, row)

    def _go_on(self, place: str, row: _Row) -> None:
        """Let those go on that may, and those away that may not."""
        row.next = None
        while row.waiting:
            first = row.waiting[0]
            tell = partial(first.going_on.callback, None)
            try:
                delay = first.ask()
            except Exception as error:  # noqa: BLE001 - whatever it is, it is his, and not the row's
                tell, delay = partial(first.going_on.errback, error), 0.0
            if delay:
                self._ask_later(place, row, delay)
                return
            row.waiting.popleft()
            self._count -= 1
            tell()
        del self._rows[place]

    def _leave(self, place: str, row: _Row, waiting: _Waiting) -> None:
        """Somebody has gone away."""
        row.waiting.remove(waiting)
        self._count -= 1
        if not row.waiting and row.next is not None:
            row.next.cancel()
            del self._rows[place]
