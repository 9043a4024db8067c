"""
Looking for something new now and then, and never twice at once.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure


class Looking:
    """
    Looks when somebody asks, and has not looked lately.

    :param look: looks.
    :param seconds: a clock that only goes forward, in seconds.
    """

    log = Logger()

    def __init__(self, look: Callable[[], Deferred[None]], seconds: Callable[[], float]) -> None:
        self._look = look
        self._seconds = seconds
        self._running = False
        self._ended = -float("inf")
        self._waiting: list[Deferred[None]] = []

    def is_due(self, after: float) -> bool:
        """:return: whether the last look is so many seconds ago, and none is under way."""
        return not self._running and self._seconds() - self._ended >= after

    def begin(self) -> None:
        """Look, and let nobody wait for it."""
        self._running = True
        self._look().addErrback(self._failed).addCallback(self._end)

    def glance(self, after: float, stale: float) -> Deferred[None] | None:
        """
        Look again where that was long ago.

        :param after: how many seconds ago the last look must be to be worth another one.
        :param stale: after how many seconds what it has shown is not to be relied on.
        :return: ``None`` if it still is; else what fires when somebody has looked.
        """
        if self.is_due(after):
            self.begin()
        if self._seconds() - self._ended < stale:
            return None
        return self.done(after)

    def done(self, after: float) -> Deferred[None]:
        """
        :param after: how many seconds ago the last look must be to be worth another one.
        :return: fires when a look has ended, at once where none is worth it.
        """
        if self.is_due(after):
            self.begin()
        if not self._running:
            return succeed(None)
        waiting: Deferred[None] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def _failed(self, failure: Failure) -> None:
        self.log.failure("looking for keys failed", failure)

    def _end(self, _: None) -> None:
        self._running = False
        self._ended = self._seconds()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)
