"""
Writing beside receiving.
"""

from __future__ import annotations

from typing import ClassVar, Final

from twisted.internet.defer import Deferred

from txregistry.deferreds import deferred
from txregistry.interfaces import IFileWriter

MOST: Final = 8 * 1024 * 1024
"""How many bytes of one file may wait to be written."""

MOST_OF_ALL: Final = 32 * 1024 * 1024
"""How many of all files of the process may."""


class WriteQueue:
    """
    Writes pieces in their order: while some are being written others gather, and go together.

    So who receives them isn't woken for each, and the busier the processors are, the fewer calls
    it takes.  After a failure nothing more is written.

    :param writer: where to, which nobody else uses meanwhile.
    """

    __slots__ = ("_error", "_pieces", "_size", "_waiting", "_working", "_writer")

    _total: ClassVar = 0  # bytes that wait in all queues

    def __init__(self, writer: IFileWriter) -> None:
        self._writer = writer
        self._pieces: list[bytes] = []
        self._size = 0
        self._working = False
        self._waiting: Deferred[None] | None = None
        self._error: Exception | None = None

    def add(self, piece: bytes) -> None:
        """Write some bytes, as soon as those before them have been."""
        self._pieces.append(piece)
        self._count(len(piece))
        if not self._working:
            self._working = True
            self._work()

    async def room(self) -> None:
        """
        Wait, if too much is to be written.

        :raises DriverError: if something couldn't be written.
        """
        while self._size > MOST or (self._size and WriteQueue._total > MOST_OF_ALL):
            await self._progress()
        self.check()

    async def finish(self) -> None:
        """Wait until all is written, or some of it couldn't be."""
        while self._working:
            await self._progress()

    def check(self) -> None:
        """
        :raises DriverError: if something couldn't be written.
        """
        if self._error is not None:
            raise self._error

    def _progress(self) -> Deferred[None]:
        """:return: fires when what is just being written has been.  For one who waits."""
        self._waiting = Deferred()
        return self._waiting

    @deferred
    async def _work(self) -> None:
        try:
            while self._pieces and self._error is None:
                await self._write()
        finally:
            self._working = False
            self._pieces.clear()
            self._count(-self._size)
            self._tell()

    async def _write(self) -> None:
        pieces, self._pieces = self._pieces, []
        size = sum(map(len, pieces))
        try:
            await self._writer.write(*pieces)
        except Exception as error:  # noqa: BLE001 - who waits gets it, whatever it is
            self._error = error
        self._count(-size)
        if self._pieces:
            self._tell()

    def _count(self, size: int) -> None:
        self._size += size
        WriteQueue._total += size

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.callback(None)
