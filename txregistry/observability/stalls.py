"""
Shouts when the reactor's thread does one thing for too long.

It is switched on by :data:`VARIABLE` in the environment, for tests and for those who look for
what blocks their registry.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from threading import Event, Thread, get_ident
from time import monotonic
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

VARIABLE: Final = "TXREGISTRY_STALL_SECONDS"
"""Names the longest time that a turn of the reactor may take, in seconds, such as ``0.05``."""


class StallWatch:
    """
    Watches a reactor from a thread of its own.

    :param clock: the reactor.
    :param limit: the longest time that it may be busy, in seconds.
    :param shout: called, in the watching thread, with how many seconds it has been busy by now and
        what it is doing.
    """

    def __init__(
        self, clock: IReactorTime, limit: float, shout: Callable[[float, str], None]
    ) -> None:
        self._limit = limit
        self._shout = shout
        self._beat = monotonic()
        self._heart = LoopingCall(self._live)
        self._heart.clock = clock
        self._end = Event()
        self._watched = 0
        self._thread = Thread(target=self._watch, name="stall watch", daemon=True)

    def start(self) -> None:
        """Begin; called in the reactor's thread."""
        self._watched = get_ident()
        self._heart.start(self._limit / 5)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._heart.stop()
        self._end.set()
        self._thread.join()

    def _live(self) -> None:
        self._beat = monotonic()

    def _watch(self) -> None:
        told = 0.0
        while not self._end.wait(self._limit / 5):
            beat = self._beat
            busy = monotonic() - beat
            if busy > self._limit and beat != told:
                told = beat
                frame = sys._current_frames().get(self._watched)  # noqa: SLF001 - its only name
                self._shout(busy, "".join(traceback.format_stack(frame)) if frame else "")
