"""
What goes out through a connection: at the pace of the client, as long as it takes anything.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from math import inf
from typing import Any, BinaryIO, cast

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress, ISSLTransport
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel

from txregistry.deferreds import Threads
from txregistry.errors import ClientDisconnected
from txregistry.web.filereading import copy_file
from txregistry.web.transport import StreamTransport


class OutgoingChannel(HTTPChannel):
    """
    The half of a channel that writes.

    Of Twisted's channel it keeps the way from a request's producer to the transport, and nothing of
    the parsing.

    :ivar peer: the address of the client.
    :ivar host: the address that the client found.
    """

    log = Logger()

    _stream: StreamTransport | None = None
    _secure = False
    _registered = False
    _progress = 0
    _resumed = 0
    _stalled_since = inf
    _unblocked: Deferred[None] | None = None

    def connectionMade(self) -> None:
        transport = cast(Any, self.transport)
        if isinstance(transport, StreamTransport):
            self._stream = transport
        self.peer: IAddress = transport.getPeer()
        self.host: IAddress = transport.getHost()
        self._secure = ISSLTransport.providedBy(transport)
        transport.registerProducer(self, True)
        self._registered = True

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._stalled_since = inf
        if self._unblocked is not None:
            unblocked, self._unblocked = self._unblocked, None
            unblocked.errback(ClientDisconnected())

    def isSecure(self) -> bool:
        return self._secure

    def abort(self) -> None:
        """Let the client see that something is incomplete."""
        cast(Any, self.transport).abortConnection()

    def loseConnection(self) -> None:
        self._unregister()
        cast(Any, self.transport).loseConnection()

    def _unregister(self) -> None:
        """Stop being asked to wait: a producer that waits keeps a transport from closing."""
        if self._registered:
            self._registered = False
            cast(Any, self.transport).unregisterProducer()

    def ready(self) -> Deferred[None]:
        """
        Wait until the client has taken most of what was written.
        """
        if not self._waitingForTransport:
            return succeed(None)
        if self._unblocked is None:
            self._unblocked = Deferred(self._forget_unblocked)
        return self._unblocked

    def _forget_unblocked(self, _: Deferred[None]) -> None:
        self._unblocked = None

    def send_file(
        self, threads: Threads, file: BinaryIO, offset: int, count: int
    ) -> Deferred[None]:
        """
        Send a part of a file, by the kernel where that is possible.

        :param threads: where it is read if it isn't.
        """
        if self._stream is not None:
            return self._stream.send_file(file, offset, count)
        return copy_file(threads, file, offset, count, self)

    # clients that take nothing

    def _see_progress(self, now: float, limit: float) -> None:
        """
        Abort the connection if the client has taken nothing for too long.

        :param now: in seconds.
        :param limit: how long it may take nothing, in seconds.
        """
        stream = self._stream
        if stream is not None:
            blocked, progress = stream.blocked, stream.progress
        else:
            blocked, progress = self._waitingForTransport, self._resumed
        if not blocked:
            self._stalled_since = inf
        elif progress != self._progress or self._stalled_since == inf:
            self._progress = progress
            self._stalled_since = now
        elif now - self._stalled_since >= limit:
            self.log.debug("a client takes nothing: {peer}", peer=self.peer)
            self.abort()

    def _see_failure(self) -> None:
        """Abort the connection if it is known to be dead though nobody reads it."""
        stream = self._stream
        if stream is not None and stream.connected and stream.has_failed():
            self.abort()

    # what the transport calls when it has enough, and when it wants more

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        super().registerProducer(producer, streaming)
        if self._waitingForTransport and self._requestProducer is not None:
            self._requestProducer.pauseProducing()

    def pauseProducing(self) -> None:
        self._waitingForTransport = True
        if self._requestProducer is not None:
            self._requestProducer.pauseProducing()

    def resumeProducing(self) -> None:
        self._waitingForTransport = False
        self._resumed += 1
        if self._requestProducer is not None:
            self._requestProducer.resumeProducing()
        if self._unblocked is not None:
            unblocked, self._unblocked = self._unblocked, None
            unblocked.callback(None)
        self._unpaused()

    def _unpaused(self) -> None:
        """Called when there is room for more; for the half that reads."""
