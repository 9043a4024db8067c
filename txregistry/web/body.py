"""
The body of a request as a stream.

Nothing is read ahead of the first :meth:`RequestBody.read` but what came along with the head.
From then on what comes is buffered up to a limit; beyond it the client has to wait.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.errors import BodyInvalid, ContentTooLarge
from txregistry.interfaces import IByteStream
from txregistry.web.framing import Piece

MOST_PIECES: Final = 1000
"""More pieces are joined: very small ones cost far more than their bytes."""

JOINED: Final = 1024 * 1024
"""How many bytes are joined for a reader: as many as come at once, so that most needn't be."""


@implementer(IByteStream)
class RequestBody:
    """
    The bytes that a client sends after the head of its request.

    :param length: how many there will be, if that was said.
    :param wanted: called when somebody starts to wait for more, and when room was made for it.
    :param least: how many bytes are worth a reader's while.  Who has fewer waits for more, or for
        the end: a client that sends byte by byte shall not cost a write for each.

    :ivar received: how many bytes have come so far, read or not.
    :ivar buffered: how many of them nobody has read yet.
    :ivar started: whether anybody has begun to read.
    :ivar awaited: whether somebody waits for more now.
    """

    __slots__ = (
        "_discarded",
        "_ended",
        "_error",
        "_least",
        "_pieces",
        "_waiting",
        "_wanted",
        "buffered",
        "length",
        "received",
        "started",
    )

    def __init__(self, length: int | None, wanted: Callable[[], None], least: int = 1) -> None:
        self.length = length
        self.received = 0
        self.buffered = 0
        self.started = False
        self._wanted = wanted
        self._least = least
        self._pieces: list[Piece] = []
        self._ended = length == 0
        self._error: Exception | None = None
        self._waiting: Deferred[bytes] | None = None
        self._discarded = False

    @property
    def awaited(self) -> bool:
        return self._waiting is not None

    def read(self) -> Deferred[bytes]:
        """
        Take what is buffered, up to 1 MiB or what came at once, or wait for the next bytes.  One
        read at a time.

        :return: fires with some bytes, or with ``b""`` at the end and ever after.  It may be
            cancelled; what comes later is left to the next read.
        :raises ClientDisconnected: if the client went away before the end.
        :raises BodyInvalid: if the framing is broken.
        :raises RequestTimeout: if the client sends nothing for too long.
        """
        if self._waiting is not None:
            raise RuntimeError("the body is being read already")
        self.started = True
        over = self._ended or self._error is not None
        if self.buffered and (over or self.buffered >= self._least):
            data = self._take()
            self._wanted()
            return succeed(data)
        if self._error is not None:
            return fail(self._error)
        if self._ended:
            return succeed(b"")
        waiting: Deferred[bytes] = Deferred(self._forget)
        self._waiting = waiting
        self._wanted()
        return waiting

    @deferred
    async def read_all(self, limit: int) -> bytes:
        """
        Read to the end.

        :param limit: the most bytes that are accepted.
        :return: fires with all bytes.
        :raises ContentTooLarge: if there are more, as soon as that is known.  What
            :meth:`read` raises is raised here too.
        """
        if self.length is not None and self.length > limit:
            raise ContentTooLarge(limit)
        pieces = []
        left = limit
        while piece := await self.read():
            left -= len(piece)
            if left < 0:
                raise ContentTooLarge(limit)
            pieces.append(piece)
        return b"".join(pieces)

    # what the channel calls

    def feed(self, pieces: list[Piece]) -> None:
        """
        Take what has come.

        :param pieces: not empty, nor is one of them.
        """
        size = sum(map(len, pieces))
        self.received += size
        if self._discarded:
            return
        self.buffered += size
        self._pieces += pieces
        if len(self._pieces) > MOST_PIECES:
            self._pieces = [b"".join(self._pieces)]
        if self.buffered >= self._least:
            self._answer()

    def end(self) -> None:
        """Know that this was all."""
        self._ended = True
        self._answer()

    def fail(self, error: Exception) -> None:
        """
        Know that the rest won't come.

        :param error: what a reader gets after all that came before.
        """
        if self._ended or self._error is not None:
            return
        self._error = error
        self._answer()

    def discard(self) -> None:
        """Drop what is buffered and what comes: the request has been answered."""
        self._discarded = True
        self._pieces = []
        self.buffered = 0
        self.fail(BodyInvalid("the request was answered before its body was read"))

    def _answer(self) -> None:
        """Give who waits what there is: bytes before an error, an error before the end."""
        if self._waiting is None:
            return
        waiting, self._waiting = self._waiting, None
        if self._error is not None and not self.buffered:
            waiting.errback(self._error)
        else:
            waiting.callback(self._take())

    def _take(self) -> bytes:
        pieces = self._pieces
        if not pieces:
            return b""
        count, size = 1, len(pieces[0])
        while count < len(pieces) and size + len(pieces[count]) <= JOINED:
            size += len(pieces[count])
            count += 1
        self._pieces = pieces[count:]
        self.buffered -= size
        return bytes(pieces[0]) if count == 1 else b"".join(pieces[:count])

    def _forget(self, waiting: Deferred[bytes]) -> None:
        self._waiting = None
