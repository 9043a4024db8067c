"""
Hashing beside writing.
"""

from __future__ import annotations

from functools import partial
from threading import Lock
from typing import ClassVar, Final

from twisted.internet.defer import Deferred, succeed

from txregistry.deferreds import Threads, deferred
from txregistry.storage.hashing import RunningHash

HASHED_AT_ONCE: Final = 64 * 1024
"""More bytes than this are hashed in a thread."""

AT_ONCE: Final = 8 * 1024 * 1024
"""How many bytes of one file are hashed before another may have the thread."""

MOST: Final = 8 * 1024 * 1024
"""How many bytes of one file may wait to be hashed."""

FEW: Final = 3 * 1024 * 1024
"""How many do when more are let in again: the thread has work until they come."""

AHEAD: Final = 32 * 1024 * 1024
"""How many bytes of all files of the process may wait to be hashed."""


class HashQueue:
    """
    Hashes pieces in their order, in one thread as long as there are any.

    Who stores a piece doesn't wait for its hash before he takes the next one; and the thread has
    that one at hand, instead of waiting for the reactor's turn.

    :param running: the hash, which nobody else uses meanwhile.
    :param threads: where it is computed.
    """

    __slots__ = ("_end", "_enough", "_pieces", "_room", "_running", "_size", "_threads", "_working")

    _lock: ClassVar = Lock()
    _ahead: ClassVar = 0  # bytes that wait in all queues

    def __init__(self, running: RunningHash, threads: Threads) -> None:
        self._running = running
        self._threads = threads
        # No deque: they are few, and for one of a thousand slow clients it would be most of this.
        self._pieces: list[bytes] = []
        self._size = 0  # of all pieces
        self._working = False
        self._end: Deferred[None] | None = None
        self._room: Deferred[None] | None = None
        self._enough = 0  # with how many bytes there is room

    def add(self, piece: bytes) -> None:
        """Hash some bytes, now if they are few, or later."""
        with self._lock:
            begin = not self._working
            at_once = begin and len(piece) <= HASHED_AT_ONCE
            if not at_once:
                self._working = True
                self._pieces.append(piece)
                self._count(len(piece))
        if at_once:
            self._running.update(piece)
        elif begin:
            self._end = self._begin()

    def room(self) -> Deferred[None]:
        """Wait, if too much is to be hashed.  For one who waits."""
        with self._lock:
            if HashQueue._ahead > AHEAD:
                self._enough = 0
            elif self._size > MOST:
                self._enough = FEW
            else:
                return succeed(None)
            if self._size <= self._enough:
                return succeed(None)
            self._room = Deferred()
            return self._room

    async def finish(self, length: int) -> RunningHash | None:
        """
        Wait until all is hashed.

        :param length: how many bytes were stored.
        :return: their hash; ``None`` if it is that of more, or of fewer.
        """
        if self._end is not None:
            await self._end
        return self._running if self._running.length == length else None

    @deferred
    async def _begin(self) -> None:
        while await self._threads.run(self._work):
            pass

    def _work(self) -> bool:
        """:return: whether others shall have the thread, though there is more."""
        left = AT_ONCE
        while piece := self._next():
            self._running.update(piece)
            left -= len(piece)
            del piece  # before the next one is waited for, or none
            if left <= 0:
                return True
        return False

    def _next(self) -> bytes | None:
        with self._lock:
            if not self._pieces:
                self._working = False
                return None
            piece = self._pieces.pop(0)
            self._count(-len(piece))
            room = self._room if self._size <= self._enough else None
            if room is not None:
                self._room = None
        if room is not None:
            self._threads.tell(partial(room.callback, None))
        return piece

    def _count(self, size: int) -> None:
        self._size += size
        HashQueue._ahead += size
