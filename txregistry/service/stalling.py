"""
The watch over the reactor, where it is wanted.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twisted.application.service import Service
from twisted.logger import Logger

from txregistry.errors import ConfigurationError
from txregistry.observability import stalls


class StallWatching(Service):
    """
    Logs what keeps the reactor busy for too long.

    :param clock: the reactor.
    :param limit: in seconds.
    """

    log = Logger()

    def __init__(self, clock: Any, limit: float) -> None:
        self._clock = clock
        self._watch = stalls.StallWatch(clock, limit, self._stalled)

    def startService(self) -> None:
        """Begin to watch, when the reactor has begun to run."""
        super().startService()
        self._clock.callWhenRunning(self._watch.start)

    def stopService(self) -> None:
        """End."""
        super().stopService()
        self._watch.stop()

    def _stalled(self, seconds: float, stack: str) -> None:
        self._clock.callFromThread(
            self.log.warn,
            "the reactor was busy for {seconds:.3f} s:\n{stack}",
            seconds=seconds,
            stack=stack,
        )


def stall_limit(environ: Mapping[str, str]) -> float | None:
    """:return: the longest time that a turn of the reactor may take, if anybody wants to know."""
    text = environ.get(stalls.VARIABLE)
    try:
        return float(text) if text else None
    except ValueError:
        raise ConfigurationError([f"{stalls.VARIABLE}: {text!r} is no number of seconds"]) from None
