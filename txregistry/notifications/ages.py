"""
How old events are, by a clock that may be set.

Events have the time of day at which they were kept.  If somebody sets the clock forward, all that
waits looks older than it is; how far it was set is known from the time since the machine was
booted, which nobody can set.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from attrs import asdict, evolve, frozen
from twisted.logger import Logger

from txregistry.notifications.boot import boot_id
from txregistry.notifications.directory import OutboxDirectory

JUMP_SECONDS: Final = 60.0
"""By how much a clock is set before anybody minds."""


@frozen
class _Noted:
    """
    What is remembered, over the end of a process, until the machine is booted again.

    :param boot: which of the machine's lives this is about.
    :param ahead: the time of day when the machine was booted, by the clock as it is, in seconds.
    :param jumped: how far the clock has been set forward since.
    :param upto: the place of the last event from before that.
    """

    boot: str
    ahead: float
    jumped: float = 0.0
    upto: int = 0


class Ages:
    """
    Tells which events are too old.  It blocks a little, and is called in threads.

    :param directory: of the outbox, where it is noted how the clock was set; ``None`` for nowhere.
    :param now: seconds since 1970.
    :param booted: seconds since the machine was booted, those in which it slept as well.
    """

    log = Logger()

    def __init__(
        self,
        directory: OutboxDirectory | None,
        now: Callable[[], float] = time.time,
        booted: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._path = directory.clock if directory else ""
        self._now = now
        self._booted = booted
        self._noted: _Noted | None = None

    def oldest(self, maxage: float, first: int, newest: int) -> float:
        """
        :param maxage: how old events may be, in seconds.
        :param first: the place of the oldest event.
        :param newest: the place of the newest.
        :return: what was kept before this, in seconds since 1970, is older.
        """
        ahead = self._now() - self._booted()
        noted = self._noted or self._read() or _Noted(boot_id(), ahead)
        jump = ahead - noted.ahead
        if abs(jump) >= JUMP_SECONDS:
            self.log.warn(  # noqa: G010 - Twisted's logger has no other
                "the clock was set by {seconds} seconds: what waits is not given up for that",
                seconds=round(jump),
            )
            # Those in between are kept for longer then: that does no harm.
            noted = evolve(noted, ahead=ahead, jumped=max(noted.jumped + jump, 0.0), upto=newest)
        if noted.jumped and first > noted.upto:
            # Those from before are gone.
            noted = evolve(noted, jumped=0.0, upto=0)
        if noted != self._noted:
            self._noted = noted
            self._write(noted)
        return self._now() - noted.jumped - maxage

    def _read(self) -> _Noted | None:
        try:
            noted = _Noted(**json.loads(Path(self._path).read_bytes()))
            return noted if noted.boot and noted.boot == boot_id() else None
        except (OSError, ValueError, TypeError):
            return None

    def _write(self, noted: _Noted) -> None:
        """Without it, as on a full disk, it is known to this process alone."""
        if self._path:
            with suppress(OSError):
                temporary = f"{self._path}.new"
                with open(temporary, "w", encoding="ascii", opener=_private) as file:
                    json.dump(asdict(noted), file)
                os.replace(temporary, self._path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
