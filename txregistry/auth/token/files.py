"""
Files of keys, which are read again when they have changed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Generic, TypeVar

from twisted.logger import Logger

T = TypeVar("T")

LARGEST: Final = 4 * 1024 * 1024


class WatchedFile(Generic[T]):
    """
    A file, and what was last read from it that could be understood.

    What counts is its content, not its time: a file may be put in another's place by a link, and
    two versions may have been written within one tick of the clock.

    :param path: where it is.
    :param parse: makes of the content what is wanted; raises :exc:`ValueError` where it can't.
    :raises OSError: if it can't be read the first time.
    :raises ValueError: if it can't be understood the first time.
    :ivar value: what was made of it.
    """

    log = Logger()

    def __init__(self, path: str, parse: Callable[[bytes], T]) -> None:
        self._path = path
        self._parse = parse
        self._content: bytes | None = _read(path)
        self._complaint = ""
        self.value = parse(self._content)

    def look(self) -> bool:
        """
        Read it again, in whatever thread.

        :return: whether there is a new value.  The old one stays where the file is gone or broken;
            a line in the log says so, once.
        """
        try:
            content = _read(self._path)
            if content == self._content:
                return False
            value = self._parse(content)
        except (OSError, ValueError) as error:
            self._complain(str(error))
            return False
        self._content, self.value, self._complaint = content, value, ""
        self.log.info("{path}: read again, since it has changed", path=self._path)
        return True

    def _complain(self, reason: str) -> None:
        if reason != self._complaint:
            self._complaint = reason
            self.log.error(
                "{path}: what was read before stays in use: {reason}",
                path=self._path,
                reason=reason,
            )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    return content
