"""
Server transports that let the kernel send files, and cost little for small answers.

Twisted's endpoints, ``listenTCP`` and ``adoptStreamPort`` make transports of their own, so that
the ports that make ours are in :mod:`txregistry.web.listening`.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterable
from typing import Any, BinaryIO, Final

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.main import CONNECTION_DONE, CONNECTION_LOST
from twisted.python.failure import Failure

from txregistry.deferreds import Threads, deferred
from txregistry.errors import ClientDisconnected
from txregistry.web.addresses import to_address, unmapped
from txregistry.web.connections import Connections
from txregistry.web.filereading import in_memory, read_ahead, unreadable

KIB: Final = 1024

READ_LEAST: Final = 8 * KIB
READ_MOST: Final = 1024 * KIB
"""How much is read at once: little from most clients, much from who sends much."""

_BUFFER: Final = memoryview(bytearray(64 * KIB))
"""
Where all connections read a little to.  A buffer for each such read, cut to what came, would tear
the heap; whoever is read more from mostly fills one.
"""

SLICE: Final = 1024 * KIB
"""How much the kernel is asked to send at once: as much as a socket mostly takes."""

TURN: Final = 1024 * KIB
"""How much one connection may send before the others have their turn."""

AHEAD: Final = 1024 * KIB
"""How much of a file that is not in memory is read in a thread at once."""

KEEP_ALIVE: Final = [
    (getattr(socket, name), value)
    for name, value in (("TCP_KEEPIDLE", 60), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4))
    if hasattr(socket, name)
]
"""A machine that vanished is noticed in two minutes, where the system lets us say so."""

_GONE: Final = frozenset({errno.EPIPE, errno.ECONNRESET, errno.ENOTCONN, errno.ETIMEDOUT})


class StreamTransport(tcp.Server):
    """
    What our transports add to Twisted's.

    * A write goes to the socket at once when nothing else waits there.  That spares a small
      answer a turn of the reactor and two calls to epoll.
    * :meth:`send_file`.
    * :attr:`blocked` and :attr:`progress` tell a client that is slow from one that takes nothing.
    """

    progress = 0
    _threads: Threads
    _connections: Connections | None = None
    _read_size = READ_LEAST
    _waiting: Deferred[None] | None = None
    _sending = False
    _lose_when_sent = False

    @property
    def blocked(self) -> bool:
        """Whether there is something that the client must take before we can go on."""
        return self._waiting is not None or self._is_buffered()

    def has_failed(self) -> bool:
        """
        :return: whether the connection is known to be dead.  Asked for connections that aren't
            read, which the reactor doesn't watch.
        """
        return self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0

    # reading

    def doRead(self) -> Any:
        size = self._read_size
        try:
            data = self._receive(size)
        except BlockingIOError:
            return None
        except OSError:
            return CONNECTION_LOST
        count = len(data)
        if not count:
            return CONNECTION_DONE
        if count == size:
            self._read_size = min(size * 4, READ_MOST)
        elif count * 4 <= size:
            self._read_size = max(size // 4, READ_LEAST)
        self.protocol.dataReceived(data)
        return None

    def _receive(self, size: int) -> bytes:
        if size > len(_BUFFER):
            return self.socket.recv(size)
        return bytes(_BUFFER[: self.socket.recv_into(_BUFFER, size)])

    # writing

    def _is_buffered(self) -> bool:
        return bool(self.dataBuffer or self._tempDataLen)

    def write(self, data: bytes) -> None:
        if not data or not self.connected or self._writeDisconnected:
            return
        if self._sending:
            raise RuntimeError("a file is being sent")
        if not self._is_buffered():
            try:
                sent = self.socket.send(data)
            except OSError:
                sent = 0  # doWrite will see it too, and can end the connection
            self.progress += sent
            if sent == len(data):
                return
            # As Twisted keeps what it sends in parts: whole, so that many slow readers of one
            # piece of memory share it.
            self.dataBuffer = data
            self.offset = sent
        else:
            self._tempDataBuffer.append(data)
            self._tempDataLen += len(data)
        self._maybePauseProducer()
        self.startWriting()

    def writeSequence(self, iovec: Iterable[bytes]) -> None:
        self.write(b"".join(iovec))

    def writeSomeData(self, data: bytes) -> Any:
        sent = tcp.Connection.writeSomeData(self, data)
        if isinstance(sent, int):
            self.progress += sent
        return sent

    def doWrite(self) -> Any:
        if self._waiting is None or self._is_buffered():
            why = super().doWrite()
            if why is None and self._waiting is not None:
                self.startWriting()  # Twisted stops when its buffer is empty
            return why
        waiting, self._waiting = self._waiting, None
        waiting.callback(None)  # runs whoever waits, until he waits again or the end
        if self.blocked or not self.connected:
            return None
        return super().doWrite()  # there is nothing more: stop writing, or close

    def loseConnection(self, *args: Any) -> None:
        if self._sending:
            self._lose_when_sent = True
        else:
            super().loseConnection(*args)

    def connectionLost(self, reason: Failure) -> None:
        if not hasattr(self, "socket"):
            return  # lost before, as Twisted itself asks
        self.connected = 0
        self.disconnected = 1
        if self._connections is not None:
            self._connections.closed()
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.errback(ClientDisconnected())
        super().connectionLost(reason)

    # files

    @deferred
    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """
        Send a part of a file, after all that was written before.

        :param file: open; it stays so until the Deferred has fired.
        :param offset: where the part begins, in bytes.
        :param count: how long it is, in bytes.
        :return: fires when the kernel has all of it.  Nothing may be written before.
        :raises ClientDisconnected: if the connection is lost.
        :raises StorageFailure: if the file is too short or can't be read.
        """
        if self._sending:
            raise RuntimeError("a file is being sent")
        self._sending = True
        try:
            await self._send_range(file, offset, count)
        finally:
            self._sending = False
            if self._lose_when_sent:
                self.loseConnection()

    async def _send_range(self, file: BinaryIO, offset: int, count: int) -> None:
        descriptor = file.fileno()
        end = offset + count
        warm = offset  # up to where the file was just read
        turn = TURN
        while offset < end:
            if turn <= 0 or self._is_buffered():
                await self._writable()
                turn = TURN
            if not self.connected:
                raise ClientDisconnected
            size = min(end - offset, SLICE)
            if offset + size > warm and not in_memory(descriptor, offset, size):
                size = min(end - offset, AHEAD)
                await self._threads.run(read_ahead, descriptor, offset, size)
                warm = offset + size
                continue
            sent = self._send_slice(file, offset, size)
            if sent < 0:
                turn = 0
            else:
                offset += sent
                turn -= sent
                self.progress += sent

    def _send_slice(self, file: BinaryIO, offset: int, size: int) -> int:
        """:return: how many bytes were sent, or -1 if the socket takes none now."""
        try:
            sent = os.sendfile(self.fileno(), file.fileno(), offset, size)
        except BlockingIOError:
            return -1
        except OSError as error:
            if error.errno in _GONE:
                raise ClientDisconnected from error
            raise unreadable(file, str(error)) from error
        if sent == 0:
            raise unreadable(file, "the file is shorter than it was said to be")
        return sent

    def _writable(self) -> Deferred[None]:
        """Wait until everything is sent that was written, and the socket takes more."""
        self._waiting = Deferred(self._forget)
        self.startWriting()
        return self._waiting

    def _forget(self, _: Deferred[None]) -> None:
        self._waiting = None


class TCPTransport(StreamTransport):
    """
    A TCP connection.  IPv4 addresses look like IPv4 addresses even if an IPv6 socket took them.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Any,
        client: tuple[Any, ...],
        server: Any,
        sessionno: int,
        reactor: Any,
    ) -> None:
        super().__init__(sock, protocol, unmapped(client), server, sessionno, reactor)
        self._threads = server.threads
        self._connections = server.connections
        self._connections.opened()
        self.setTcpNoDelay(True)
        self.setTcpKeepAlive(True)
        for option, value in KEEP_ALIVE:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

    def getHost(self) -> IPv4Address | IPv6Address:
        return to_address(self.socket.getsockname())

    def getPeer(self) -> IPv4Address | IPv6Address:
        return to_address(self.client)


class UNIXTransport(StreamTransport, unix.Server):
    """
    A connection through a unix socket.  Descriptors that come along with bytes are dropped.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol: Any,
        client: Any,
        server: Any,
        sessionno: int,
        reactor: Any,
    ) -> None:
        unix.Server.__init__(self, sock, protocol, client, server, sessionno, reactor)
        self._threads = server.threads
        self._connections = server.connections
        self._connections.opened()
