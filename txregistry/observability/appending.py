"""
Lines at the end of a file that others write to as well, and that may be moved away.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

REOPEN_SECONDS: Final = 1.0
"""How long lines may still go to a file that was moved away."""

_FLAGS: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
"""Nobody waits for a pipe that nobody reads."""


class AppendedFile:
    """
    Collects the lines of a reactor turn, and writes them at once: where several processes write to
    one file, no line comes to stand within another's.

    That a line can't be written fails nobody.  It is told, once until it is well again.

    :param path: of the file, which is made if it isn't there; others may not read it.
    :param clock: calls at the end of a reactor turn.
    :param seconds: a clock that only goes forward.
    :raises OSError: if it can't be opened.
    """

    log = Logger()

    def __init__(
        self, path: str, clock: IReactorTime, seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._clock = clock
        self._seconds = seconds
        self._lines: list[str] = []
        self._lost = 0
        self._torn = False
        self._descriptor = -1
        self._open()

    def write(self, line: str) -> None:
        """:param line: without its end."""
        self._lines.append(line)
        if len(self._lines) == 1:
            self._clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Write what has been collected."""
        lines, self._lines = self._lines, []
        if not lines:
            return
        try:
            self._follow()
            for text in ["\n".join(lines)] if self._whole else lines:
                self._append(text.encode("utf-8", "backslashreplace") + b"\n")
        except OSError as error:
            self._lose(len(lines), error)
        else:
            self._recover()

    def close(self) -> None:
        """Write what has been collected, and let go of the file."""
        self.flush()
        descriptor, self._descriptor = self._descriptor, -1
        with suppress(OSError):
            os.close(descriptor)

    def _open(self) -> None:
        self._descriptor = os.open(self._path, _FLAGS, 0o640)
        self._opened = self._seconds()
        found = os.fstat(self._descriptor)
        self._identity = (found.st_dev, found.st_ino)
        # A pipe promises to keep together what is short only.
        self._whole = stat.S_ISREG(found.st_mode)

    def _follow(self) -> None:
        """Open the file anew if another one, or none, has its name now."""
        if self._seconds() - self._opened < REOPEN_SECONDS and self._descriptor >= 0:
            return
        self._opened = self._seconds()
        with suppress(FileNotFoundError):
            found = os.stat(self._path)
            if self._descriptor >= 0 and (found.st_dev, found.st_ino) == self._identity:
                return
        before = self._descriptor
        self._open()
        self._torn = False
        if before >= 0:
            os.close(before)

    def _append(self, data: bytes) -> None:
        if self._torn:
            data = b"\n" + data
        written = os.write(self._descriptor, data)
        self._torn = written < len(data)
        if self._torn:
            # Mostly the disk is full, and this says so.
            os.write(self._descriptor, data[written:])
            self._torn = False

    def _lose(self, count: int, error: OSError) -> None:
        if not self._lost:
            self.log.error(
                "{path}: can't be written to: {reason}; lines are lost until it can",
                path=self._path,
                reason=error.strerror,
            )
        self._lost += count

    def _recover(self) -> None:
        if self._lost:
            self.log.warn(  # noqa: G010 - Twisted's logger has no other
                "{path}: can be written to again; {count} lines were lost",
                path=self._path,
                count=self._lost,
            )
            self._lost = 0
