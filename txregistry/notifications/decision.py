"""
Whether the processes of a registry keep events on disk or in memory: all do the same.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

from txregistry.notifications.directory import FileLock

_DISK: Final = "disk"
_MEMORY: Final = "memory"


class Decision:
    """
    The first process decides, and the others follow.

    :param directory: of this run, which its processes share; ``""`` where there is one process.
    """

    def __init__(self, directory: str) -> None:
        self._path = f"{directory}/outbox-place" if directory else ""
        self._lock = FileLock(f"{self._path}.lock" if directory else "")

    def is_disk(self, works: Callable[[], bool]) -> bool:
        """
        :param works: tries whether events can be kept on disk; called if nobody has decided.
        :return: whether they are kept there.
        :raises OSError: if the directory can't be written.
        """
        with self._lock.held():
            found = self._read()
            if not found:
                found = _DISK if works() else _MEMORY
                self._write(found)
        return found == _DISK

    def moved(self) -> None:
        """
        They are kept on disk from now on.

        :raises OSError: if that can't be noted.
        """
        with self._lock.held():
            self._write(_DISK)

    def _read(self) -> str:
        try:
            with open(self._path, encoding="ascii") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def _write(self, text: str) -> None:
        if self._path:
            with open(f"{self._path}.new", "w", encoding="ascii") as file:
                file.write(text)
            os.replace(f"{self._path}.new", self._path)
