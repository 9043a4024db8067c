"""
What was given up: a file with a line of JSON for each event that some endpoint never got.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import count, islice
from typing import Any, BinaryIO, Final

from attrs import frozen

from txregistry.model.event import decode, encode
from txregistry.notifications.directory import (
    FileLock,
    OutboxDirectory,
    give_to_owner,
    sync_directory,
)
from txregistry.notifications.entries import Entry, Excess

MOST: Final = 64 * 1024 * 1024
"""Bytes of the file, after which another begins.  One older one is kept."""

MOST_IN_MEMORY: Final = 2 * 1024 * 1024
"""The same, where the directory is in memory."""

_AT_ONCE: Final = 500


@frozen
class DeadLetter:
    """
    A line.

    :param at: when the event was put into the outbox, in seconds since 1970.
    :param endpoint: who never got it.
    :param reason: why: ``maxsize`` or ``maxage``.
    :param event: the event, as JSON; a text where it was none.
    """

    at: float
    endpoint: str
    reason: str
    event: Any

    def line(self) -> str:
        """:return: what is written."""
        document = {
            "at": self.at,
            "endpoint": self.endpoint,
            "reason": self.reason,
            "event": self.event,
        }
        return json.dumps(document, separators=(",", ":")) + "\n"

    def entry(self, now: float) -> Entry:
        """:return: what is put into the outbox, so that it is tried again."""
        payload = json.dumps(self.event, separators=(",", ":")).encode("ascii")
        return Entry(payload, now, self.endpoint)


class DeadLetters:
    """
    The file.  Everything here blocks, and is called in threads.

    :param directory: where it is; ``None`` where there is no place for it, so that they are gone.
    """

    def __init__(self, directory: OutboxDirectory | None) -> None:
        self._directory = directory.path if directory else ""
        self._path = directory.dead_letters if directory else ""
        self._most = MOST_IN_MEMORY if directory and directory.in_memory else MOST
        self._lock = FileLock(directory.dead_lock if directory else "")

    def add(self, excess: Sequence[Excess]) -> None:
        """
        Write events down before they are removed.

        :raises OSError: if that can't be; then none is.
        """
        self.put(
            [
                DeadLetter(each.at, endpoint, each.reason, _document(each.payload))
                for each in excess
                for endpoint in each.missing
            ]
        )

    def put(self, letters: Sequence[DeadLetter]) -> None:
        """
        Write letters down.

        :raises OSError: if that can't be; then none is.
        """
        if not letters or not self._path:
            return
        with self._lock.held():
            new = not os.path.exists(self._path)
            with open(self._path, "ab", opener=_private) as file:
                size = _append(file, "".join(letter.line() for letter in letters).encode("ascii"))
            if size > self._most:
                os.replace(self._path, f"{self._path}.1")
            if new or size > self._most:
                # The bytes are safe, but without its name nobody finds them.
                sync_directory(self._directory)

    def __iter__(self) -> Iterator[DeadLetter]:
        """All there are, the oldest first; what is no such line is left out."""
        for path in (f"{self._path}.1", self._path) if self._path else ():
            with suppress(FileNotFoundError), open(path, "rb") as file:
                for line in file:
                    with suppress(ValueError, KeyError, TypeError):
                        found = json.loads(line)
                        yield DeadLetter(
                            float(found["at"]), found["endpoint"], found["reason"], found["event"]
                        )

    def take(
        self, wanted: Callable[[DeadLetter], bool], use: Callable[[list[DeadLetter]], None]
    ) -> int:
        """
        Use some of them, and then keep the others only.

        :param use: is given some of those that are wanted at a time.  If it fails, these and those
            after them are kept.
        :return: how many were wanted.
        :raises OSError: if the others can't be kept; then all are.
        """
        with self._lock.held():
            found = (letter for letter in self if wanted(letter))
            number = 0
            try:
                while some := list(islice(found, _AT_ONCE)):
                    use(some)
                    number += len(some)
            finally:
                if number:
                    place = count()
                    self._keep(
                        letter for letter in self if not (wanted(letter) and next(place) < number)
                    )
            return number

    def _keep(self, letters: Iterator[DeadLetter]) -> None:
        temporary = f"{self._path}.tmp"
        with open(temporary, "w", encoding="ascii", opener=_private) as file:
            give_to_owner(file.fileno(), os.path.dirname(self._path))
            file.writelines(letter.line() for letter in letters)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self._path)
        # Or else, after a power cut, the older one might be gone and this one not there.
        sync_directory(self._directory)
        with suppress(FileNotFoundError):
            os.unlink(f"{self._path}.1")


def _append(file: BinaryIO, lines: bytes) -> int:
    """
    Add all of it, or nothing.

    :return: bytes of the file afterwards.
    """
    before = os.fstat(file.fileno()).st_size
    try:
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())
    except OSError:
        # What is left in the buffer would follow at the end.
        with suppress(OSError):
            file.close()
        os.truncate(file.name, before)
        raise
    return before + len(lines)


def _document(payload: bytes) -> Any:
    """:return: an event for people, in whichever form it was kept."""
    with suppress(ValueError):
        return json.loads(encode(decode(payload)))
    try:
        return json.loads(payload)  # perhaps one of a newer version
    except ValueError:
        return payload.decode("utf-8", "replace")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
