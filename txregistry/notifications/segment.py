"""
The form of a segment: a file of the journal, to which one process writes.

It has a head, and then records, one for each write.  A record begins with a token that only this
segment has, so that nothing in an event looks like a record.  Numbers are big-endian::

    head:    "txregistry journal 1", a line feed, the token (8 bytes), the boot id (36 bytes)
    record:  the token, CRC-32 of all that follows (4 bytes), length of the events (4), moment (8)
    event:   when it was put there (8, seconds since 1970), its length (4), the event

A moment is of the clock that nobody sets, in nanoseconds, right before the record was written: it
tells which of two records came first, of all that were written in one of the machine's lives.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from struct import Struct
from typing import Final
from zlib import crc32

from attrs import frozen

from txregistry.notifications.boot import boot_id
from txregistry.notifications.directory import (
    give_to_owner,
    is_at,
    is_locked,
    locked,
    sync_directory,
)
from txregistry.notifications.entries import Entry

HIDDEN: Final = "."
"""With what the name of a segment begins that has not been begun to its end."""

PIECE: Final = 64 * 1024
"""Bytes that are read at once, if a record is no larger."""

TOKEN: Final = Struct(">8sI")
"""How a record begins: the token, and the checksum of what follows."""

ABOUT: Final = Struct(">IQ")
"""How it goes on: the length of its events, and the moment."""

EVENT: Final = Struct(">dI")
"""How an event begins: when it was put there, and its length."""

_FORM: Final = b"txregistry journal 1\n"
_HEAD: Final = Struct(f">{len(_FORM)}s8s36s")
_RECORD: Final = Struct(">8sIIQ")
_NAME: Final = re.compile(r"\.?\d{20}-[0-9a-f]{8}")
_TRIES: Final = 5


@frozen
class Begun:
    """
    A segment that is written to.

    :param file: its descriptor, which holds a lock on it.
    :param token: with which its records begin.
    :param end: of its head.
    """

    file: int
    path: str
    token: bytes
    end: int = _HEAD.size


@frozen
class Head:
    """
    What stands at the beginning of a segment.

    :param token: with which its records begin.
    :param boot: the life of the machine in which it was written.
    """

    token: bytes
    boot: str


@frozen
class Record:
    """
    What was written at once.

    :param moment: before it was.
    :param end: its end in the segment.
    """

    moment: int
    entries: tuple[Entry, ...]
    end: int


def begin_segment(directory: str) -> Begun:
    """
    Begin one.  It has its name when it has its head, and whoever writes it has a lock on it.

    :param directory: of the journal.
    :raises OSError: if that can't be.
    """
    for _ in range(_TRIES):
        begun = _begin(directory, f"{time.time_ns():020d}-{os.urandom(4).hex()}")
        if begun is not None:
            try:
                sync_directory(directory)
            except BaseException:
                os.close(begun.file)
                raise
            return begun
    raise FileNotFoundError(2, "somebody removes every new file of it", directory)


def _begin(directory: str, name: str) -> Begun | None:
    """:return: ``None`` if it was swept up before it was locked or had its name."""
    path, hidden, token = f"{directory}/{name}", f"{directory}/{HIDDEN}{name}", os.urandom(8)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.open(hidden, flags, 0o600)
    try:
        if locked(file):
            give_to_owner(file, directory)
            head = _HEAD.pack(_FORM, token, boot_id().encode("ascii"))
            if os.write(file, head) != len(head):
                raise OSError(28, "No space left on device", hidden)
            os.rename(hidden, path)
            if is_at(file, path):
                return Begun(file, path, token)
    except FileNotFoundError:
        pass
    except BaseException:
        with suppress(OSError):
            os.unlink(hidden)
        os.close(file)
        raise
    os.close(file)
    return None


def segments_in(directory: str) -> list[str]:
    """:return: the names of all segments, the oldest first."""
    return [name for name in _found(directory) if not name.startswith(HIDDEN)]


def bytes_in(directory: str) -> int:
    """:return: what all segments take."""
    return _bytes_of(f"{directory}/{name}" for name in segments_in(directory))


def bytes_left_in(directory: str) -> int:
    """:return: what those take to which nobody writes any more, and that go when they are taken."""
    paths = (f"{directory}/{name}" for name in segments_in(directory))
    return _bytes_of(path for path in paths if not _is_written_to(path))


def _is_written_to(path: str) -> bool:
    """:return: whether somebody holds a lock on it; of what can't be opened nobody knows."""
    try:
        return is_locked(path)
    except OSError:
        return False


def _bytes_of(paths: Iterable[str]) -> int:
    taken = 0
    for path in paths:
        with suppress(FileNotFoundError):
            taken += os.stat(path).st_size
    return taken


def unfinished_in(directory: str) -> list[str]:
    """:return: the hidden names of segments that are being begun, or never were to the end."""
    return [name for name in _found(directory) if name.startswith(HIDDEN)]


def _found(directory: str) -> list[str]:
    try:
        return sorted(filter(_NAME.fullmatch, os.listdir(directory)))
    except FileNotFoundError:
        return []


def head_of(content: bytes) -> Head | None:
    """:return: what a segment with this content begins with; ``None`` if it is none."""
    if len(content) < _HEAD.size:
        return None
    form, token, boot = _HEAD.unpack_from(content)
    if form != _FORM:
        return None
    return Head(token, boot.rstrip(b"\0").decode("ascii", "replace"))


class Reader:
    """
    Reads one segment.  It has no file open in between, for there may be hundreds.

    :param path: of the segment.
    :param token: with which its records begin.
    :param piece: bytes that are read at once, if a record is no larger.
    """

    def __init__(self, path: str, token: bytes, piece: int = PIECE) -> None:
        self._path = path
        self._token = token
        self._piece = piece
        self._begin = 0
        self._content = b""
        self._size = 0

    def records(self, offset: int, goes_on: Callable[[int], int | None]) -> Iterator[Record]:
        """
        :param offset: where the first of them begins; 0 for the beginning.
        :param goes_on: told a place where there is something that is no record; returns where the
            next one is, or ``None`` if that is the end.
        :return: the records, to the first that is not there yet.
        :raises OSError: if they can't be read.
        """
        place: int | None = offset or _HEAD.size
        while place is not None:
            record = self._record(place)
            if record is not None:
                yield record
                place = record.end
            else:
                # A record that is written meanwhile is for the next time.
                place = goes_on(place) if self._size > place else None

    def after(self, place: int) -> int | None:
        """
        :return: where the first record begins after a place; ``None`` if there is none.
        :raises OSError: if that can't be read.
        """
        while len(content := self._bytes(place, self._piece)) >= len(self._token):
            found = content.find(self._token)
            if found < 0:
                place += len(content) - len(self._token) + 1
            elif self._record(place + found) is not None:
                return place + found
            else:
                place += found + 1
        return None

    def is_whole(self, place: int) -> bool:
        """
        :return: whether what is no record at a place has the length of one.
        :raises OSError: if that can't be read.
        """
        header = self._bytes(place, _RECORD.size)
        if len(header) < _RECORD.size:
            return False
        token, _, length, _ = _RECORD.unpack(header)
        return bool(token == self._token and place + _RECORD.size + length <= self._size)

    def _record(self, place: int) -> Record | None:
        header = self._bytes(place, _RECORD.size)
        if len(header) < _RECORD.size:
            return None
        token, checksum, length, moment = _RECORD.unpack(header)
        if token != self._token:
            return None
        events = self._bytes(place + _RECORD.size, length)
        if len(events) < length or crc32(events, crc32(header[TOKEN.size :])) != checksum:
            return None
        return Record(moment, tuple(_entries(events)), place + _RECORD.size + length)

    def _bytes(self, place: int, number: int) -> bytes:
        """:return: so many bytes; fewer where the file ends."""
        begin = place - self._begin
        if begin < 0 or begin + number > len(self._content):
            self._fill(place, max(number, self._piece))
            begin = 0
        return self._content[begin : begin + number]

    def _fill(self, place: int, number: int) -> None:
        file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            self._size = os.fstat(file).st_size
            # A length that is damaged may be anything.
            number = max(min(number, self._size - place), 0)
            self._begin, self._content = place, os.pread(file, number, place)
        finally:
            os.close(file)


def _entries(events: bytes) -> Iterator[Entry]:
    place = 0
    while place < len(events):
        at, length = EVENT.unpack_from(events, place)
        place += EVENT.size
        yield Entry(events[place : place + length], at)
        place += length
