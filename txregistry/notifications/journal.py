"""
Where the processes of a registry write events first: each at the end of a file of its own.

That is one system call, so that it costs a push next to nothing.  Who delivers takes the events out
of there and into the outbox (see :mod:`~txregistry.notifications.intake`).
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Final
from zlib import crc32

from twisted.logger import Logger

from txregistry.notifications.database import LOOK_SECONDS, Unusable
from txregistry.notifications.directory import (
    OutboxDirectory,
    give_to_owner,
    is_at,
    sync_directory,
    which,
)
from txregistry.notifications.entries import Entry
from txregistry.notifications.segment import ABOUT, EVENT, TOKEN, begin_segment, bytes_left_in

SEGMENT: Final = 1024 * 1024
"""Bytes of a segment after which another begins, where there is room for many."""

_LEAST: Final = 8
_MOST: Final = 256
"""How many of those may be full at least, and at most, before there is no room for more."""


class Journal:
    """
    Writes to a segment of this process's own, and begins another when it is full.  Everything here
    blocks, and is called in threads.

    :param directory: of the outbox.
    :param maxsize: bytes that events may take, those that all processes have written and nobody has
        taken out yet, beside the segments that others write to.
    :param lost: called with ``vanished`` when they are not there any more.  Where there is a
        directory when this is made, others may have written to it.
    """

    log = Logger()

    def __init__(
        self,
        directory: OutboxDirectory,
        maxsize: int,
        lost: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.directory = directory
        self._maxsize = maxsize
        self._full = max(min(SEGMENT, maxsize // _LEAST), maxsize // _MOST)
        self._lost = lost
        self._lock = Lock()
        self._file = -1
        self._path = ""
        self._token = b""
        self._end = 0
        self._enough = 0
        self._look = 0
        self._was_there = os.path.isdir(directory.path)
        self._missed = False
        self._around: object = None

    @property
    def most(self) -> int:
        """Bytes that are written at once at most: what the outbox takes at once."""
        return self._maxsize // 2

    def append(self, entries: Sequence[Entry], *, durable: bool) -> None:
        """
        Write events, in their order.

        :param durable: whether a power cut may not touch them.
        :raises Unusable: if that can't be; then none of them is kept, unless it is the sync that
            failed.
        :raises ValueError: if one is for a single endpoint.
        """
        # Others wait for a push that waits here, and each call costs several times what it does
        # where nothing else runs: so there are few.
        parts: list[bytes] = []
        for entry in entries:
            if entry.endpoint is not None:
                raise ValueError("what is in the journal is for all endpoints")
            parts += (EVENT.pack(entry.at, len(entry.payload)), entry.payload)
        events = b"".join(parts)
        with self._lock:
            moment = time.monotonic_ns()
            if moment > self._look or self._end >= self._enough:
                self._make_ready(moment, len(events))
                moment = time.monotonic_ns()
            about = ABOUT.pack(len(events), moment)
            record = TOKEN.pack(self._token, crc32(events, crc32(about))) + about + events
            try:
                written = os.pwrite(self._file, record, self._end)
            except OSError as error:
                self._undo()
                raise Unusable(f"can't write to {self._path}: {error.strerror}") from error
            if written < len(record):
                self._undo()
                raise Unusable(f"can't write to {self._path}: there is no more room")
            self._end += written
        if durable:
            self.sync()

    def fileno(self) -> int:
        """
        :return: the descriptor of the file that would have to be synced; -1 if there is none.  It
            is always the same: what was written to another file has been synced.
        """
        return self._file

    def sync(self) -> None:
        """
        Make durable what was written.

        :raises Unusable: if that can't be.
        """
        try:
            if self._file >= 0:
                os.fdatasync(self._file)
        except OSError as error:
            raise Unusable(f"can't sync {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the file, after a sync; who writes then begins another."""
        with self._lock:
            if self._file >= 0:
                file, self._file, self._path, self._enough = self._file, -1, "", 0
                try:
                    with suppress(OSError):
                        os.fdatasync(file)
                finally:
                    os.close(file)

    # inside

    def _undo(self) -> None:
        """What was written of a record is none."""
        try:
            os.ftruncate(self._file, self._end)
        except OSError:
            self._enough = 0  # it is left alone

    def _make_ready(self, now: int, size: int) -> None:
        """
        Have a segment that is there and not full.

        :raises Unusable: if there is none.
        """
        try:
            vanished = self._path != "" and not is_at(self._file, self._path)
            if vanished or self._end >= self._enough or self._file < 0:
                self._begin_another(vanished, size)
        except OSError as error:
            raise Unusable(f"can't write to {self.directory.journal}: {error.strerror}") from error
        self._look = now + int(LOOK_SECONDS * 1e9)

    def _begin_another(self, vanished: bool, size: int) -> None:
        around, path = self._around, self._path or self.directory.journal
        made = self.directory.make()
        self._missed |= made and self._was_there
        self._begin(size)
        # If all of the outbox is another now, it is said once: by who has made its directory.
        if self._missed or (vanished and around == self._around):
            self._missed = False
            self.log.error(
                "{path} was not there any more: events that waited in it are lost; nobody but the "
                "registry should touch the outbox",
                path=path,
            )
            self._lost("vanished")

    def _begin(self, size: int) -> None:
        self._make_directory()
        self._demand_room(size)
        if self._file >= 0:
            os.fdatasync(self._file)
        begun = begin_segment(self.directory.journal)
        if self._file < 0:
            self._file = begun.file
        else:
            # Who is about to sync has the number: never does it mean another file than the journal.
            os.dup2(begun.file, self._file, inheritable=False)
            os.close(begun.file)
        self._path, self._token, self._end = begun.path, begun.token, begun.end
        self._enough, self._was_there = self._full, True
        self._around = which(self.directory.path), which(self.directory.database)

    def _make_directory(self) -> None:
        with suppress(FileExistsError):
            os.mkdir(self.directory.journal, 0o700)
            made = os.open(self.directory.journal, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                give_to_owner(made, self.directory.path)
            finally:
                os.close(made)
        # Whoever made it may not have come round to syncing it, or lived to do so.
        sync_directory(self.directory.path)

    def _leave(self) -> None:
        """Let the segment be removed when all is taken, though there is no other yet."""
        fcntl.flock(self._file, fcntl.LOCK_UN)
        self._path, self._enough = "", 0

    def _demand_room(self, size: int) -> None:
        path = self.directory.journal
        own = self._path != "" and is_at(self._file, self._path)
        # Those of others go only when they are full: to wait for that might be to wait for ever.
        taken = bytes_left_in(path) + (self._end if own else 0)
        if taken + max(size, self._full) > self._maxsize:
            if own:
                self._leave()
            raise Unusable(
                f"{path} holds {taken} bytes of events, and nobody takes them out of it: either "
                "no process of the registry delivers, or it can't write to the outbox"
            )
