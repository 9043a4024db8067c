"""
Hashing beside writing.
"""

from __future__ import annotations

from threading import Lock
from typing import ClassVar, Final

from twisted.internet.defer import Deferred

from txregistry.deferreds import Threads
from txregistry.storage.hashing import RunningHash

HASHED_AT_ONCE: Final = 64 * 1024
"""More bytes than this are hashed in a thread."""

PIECES_AHEAD: Final = 2
"""How many pieces of one file may be stored that aren't hashed, besides the one that just is."""

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

    __slots__ = ("_end", "_pieces", "_running", "_threads", "_working")

    _lock: ClassVar = Lock()
    _ahead: ClassVar = 0  # bytes that wait in all queues

    def __init__(self, running: RunningHash, threads: Threads) -> None:
        self._running = running
        self._threads = threads
        # No deque: they are few, and for one of a thousand slow clients it would be most of this.
        self._pieces: list[bytes] = []
        self._working = False
        self._end: Deferred[None] | None = None

    def add(self, piece: bytes) -> None:
        """Hash some bytes, now if they are few, or later."""
        with self._lock:
            begin = not self._working
            at_once = begin and len(piece) <= HASHED_AT_ONCE
            if not at_once:
                self._working = True
                self._pieces.append(piece)
                HashQueue._ahead += len(piece)
        if at_once:
            self._running.update(piece)
        elif begin:
            self._end = self._threads.run(self._work)

    async def room(self) -> None:
        """Wait, if too much is to be hashed."""
        if len(self._pieces) >= PIECES_AHEAD or HashQueue._ahead > AHEAD:
            await self._hashed()

    async def finish(self, length: int) -> RunningHash | None:
        """
        Wait until all is hashed.

        :param length: how many bytes were stored.
        :return: their hash; ``None`` if it is that of more, or of fewer.
        """
        await self._hashed()
        return self._running if self._running.length == length else None

    async def _hashed(self) -> None:
        if self._end is not None:
            await self._end

    def _work(self) -> None:
        while piece := self._next():
            self._running.update(piece)
            del piece  # before the next one is waited for, or none

    def _next(self) -> bytes | None:
        with self._lock:
            if not self._pieces:
                self._working = False
                return None
            piece = self._pieces.pop(0)
            HashQueue._ahead -= len(piece)
            return piece
