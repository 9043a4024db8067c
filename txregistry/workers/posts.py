"""
Places that are always to be filled.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from txregistry.workers.backoff import Backoff
from txregistry.workers.channel import ENDING, FAILED, READY
from txregistry.workers.process import IsTold, WorkerProcess


def _nothing() -> None:
    """Do nothing."""


class Post:
    """
    Where a process is to be at all times: when it ends, another takes its place.

    One that is asked to end while it serves says so, and its successor is started at once; it has
    then only its own connections to see to.

    :param name: what it is called in logs.
    :param clock: to wait before trying again.
    :param start: starts a process.
    :param filled: called when a process serves.
    :param vacated: called when it accepts no more.
    :ivar ready: whether a process serves.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        clock: IReactorTime,
        start: Callable[[IsTold], WorkerProcess],
        filled: Callable[[], None] = _nothing,
        vacated: Callable[[], None] = _nothing,
    ) -> None:
        self.name = name
        self.ready = False
        self.failure = ""
        self._clock = clock
        self._start = start
        self._filled = filled
        self._vacated = vacated
        self._backoff = Backoff()
        self._process: WorkerProcess | None = None
        self._leaving: set[WorkerProcess] = set()
        self._again: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None

    def begin(self) -> WorkerProcess:
        """Fill it for the first time.  Whoever does so lets the reactor watch the process."""
        self._process = self._start(self)
        return self._process

    def fill(self) -> None:
        """Fill it."""
        self._again = None
        try:
            self.begin().watch()
        except OSError as error:
            self.log.error(  # noqa: TRY400 - Twisted's logger has no other, and this says it all
                "{name} can't be started: {error}", name=self.name, error=error
            )
            if self._process is None:  # else it is there, and ends: then it is replaced
                self._fill_later(0)

    def say(self, word: str, *more: Any) -> None:
        """Tell the process that is there something."""
        if self._process is not None:
            self._process.say(word, *more)

    def stop(self) -> Deferred[None]:
        """
        Ask all processes to end.

        :return: fires when they have.
        """
        self._stopped = Deferred()
        if self._again is not None:
            self._again.cancel()
            self._again = None
        self._signal(signal.SIGTERM)
        stopped = self._stopped
        self._see_stopped()
        return stopped

    def kill(self) -> None:
        """End all processes now."""
        self._signal(signal.SIGKILL)

    # what processes call

    def said(self, process: WorkerProcess, word: str, *more: Any) -> None:
        """As :meth:`IsTold.said`."""
        if process is not self._process:
            return
        if word == READY:
            self.ready = True
            self.log.info("{name} (process {pid}) serves", name=self.name, pid=process.pid)
            self._filled()
        elif word == FAILED:
            self.failure = str(more[0])
        elif word == ENDING:
            self._leave(process)

    def ended(self, process: WorkerProcess, how: str) -> None:
        """As :meth:`IsTold.ended`."""
        if process in self._leaving:
            self._leaving.discard(process)
            self._see_stopped()
        elif process is self._process:
            self._process = None
            if self._stopped is None:
                self._replace(process, how)
            self._see_stopped()

    # inside

    def _leave(self, process: WorkerProcess) -> None:
        self._leaving.add(process)
        self._process = None
        self._vacate()
        if self._stopped is None:
            self.log.info("{name} (process {pid}) is ending", name=self.name, pid=process.pid)
            self.fill()

    def _replace(self, process: WorkerProcess, how: str) -> None:
        self._vacate()
        failure, self.failure = self.failure, ""
        if failure:
            self.log.error("{name} can't serve: {failure}", name=self.name, failure=failure)
        self.log.error("{name} {how}", name=self.name, how=how)
        self._fill_later(self._clock.seconds() - process.started)

    def _vacate(self) -> None:
        if self.ready:
            self.ready = False
            self._vacated()

    def _fill_later(self, lived: float) -> None:
        seconds = self._backoff.after(lived)
        self.log.info("{name}: the next begins in {s:.1f} s", name=self.name, s=seconds)
        self._again = self._clock.callLater(seconds, self.fill)

    def _signal(self, number: signal.Signals) -> None:
        for process in (*self._leaving, *([self._process] if self._process else [])):
            process.signal(number)

    def _see_stopped(self) -> None:
        if self._stopped is not None and self._process is None and not self._leaving:
            stopped, self._stopped = self._stopped, Deferred()
            stopped.callback(None)
