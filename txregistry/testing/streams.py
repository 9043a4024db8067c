"""
Streams of bytes without a network.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txregistry.interfaces import IByteStream


@implementer(IByteStream)
class GivenStream:
    """
    A stream that was there before.

    :param pieces: what each read gives, none empty.
    :param error: what it fails with after them, instead of ending.
    :ivar reads: how often it was read.
    """

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self._pieces = list(pieces)
        self._error = error
        self.reads = 0

    def read(self) -> Deferred[bytes]:
        self.reads += 1
        if self._pieces:
            return succeed(self._pieces.pop(0))
        return succeed(b"") if self._error is None else fail(self._error)


@implementer(IByteStream)
class ComingStream:
    """
    A stream of which a test says what comes when.
    """

    def __init__(self) -> None:
        self._coming: list[bytes | Exception] = []
        self._waiting: Deferred[bytes] | None = None
        self._asking: list[Deferred[None]] = []

    @property
    def is_read(self) -> bool:
        """Whether somebody waits for more."""
        return self._waiting is not None

    def asked(self) -> Deferred[None]:
        """:return: fires when somebody waits for more."""
        asking: Deferred[None] = Deferred()
        self._asking.append(asking)
        self._tell()
        return asking

    def feed(self, piece: bytes) -> None:
        """Let some bytes come."""
        self._come(piece)

    def end(self) -> None:
        """Let it end."""
        self._come(b"")

    def fail(self, error: Exception) -> None:
        """Let it break off."""
        self._come(error)

    def read(self) -> Deferred[bytes]:
        waiting: Deferred[bytes] = Deferred(self._forget)
        self._waiting = waiting
        self._deliver()
        self._tell()
        return waiting

    def _come(self, what: bytes | Exception) -> None:
        self._coming.append(what)
        self._deliver()

    def _deliver(self) -> None:
        if self._waiting is None or not self._coming:
            return
        waiting, self._waiting = self._waiting, None
        what = self._coming.pop(0)
        if isinstance(what, Exception):
            waiting.errback(what)
        else:
            waiting.callback(what)

    def _tell(self) -> None:
        while self.is_read and self._asking:
            self._asking.pop(0).callback(None)

    def _forget(self, waiting: Deferred[bytes]) -> None:
        self._waiting = None
