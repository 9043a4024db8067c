"""
Ports whose connections have our transports: TCP, unix and inherited sockets.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import select
import socket
from typing import Any, Final, cast

from twisted.internet import tcp, unix
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.internet.protocol import ServerFactory

from txregistry.deferreds import Threads
from txregistry.web.addresses import to_address
from txregistry.web.connections import Connections
from txregistry.web.heap import keep_heap
from txregistry.web.inboxes import Inboxes
from txregistry.web.site import RegistrySite
from txregistry.web.sockets import ANY, BACKLOG, NO_IPV6, remove_stale
from txregistry.web.transport import TCPTransport, UNIXTransport

PATIENCE: Final = 0.01
"""How long the other processes are left alone with who has come, in seconds."""

AT_ONCE: Final = 100
"""How many connections are taken out of an inbox in one turn."""


class _Accepting(tcp.Port):
    """
    What our ports add to Twisted's: there is a limit to connections, and where other processes
    accept from the same socket, they are left their share.

    :ivar takes_turns: whether they may.
    """

    threads: Threads
    connections: Connections
    reactor: Any  # it has a clock too
    takes_turns = False
    _standing_back: IDelayedCall | None = None

    def doRead(self) -> None:
        shares = self.connections.shares if self.takes_turns else None
        if shares is None:
            self._accept(self.numberAccepts)
        elif shares.ahead:
            self.stopReading()
            self._standing_back = self.reactor.callLater(PATIENCE, self._come_back)
        else:
            self._accept(1)

    def replace_socket(self, other: socket.socket) -> None:
        """Accept from another socket than that which was given, before anything is accepted."""
        if self._preexistingSocket is not None:
            self._preexistingSocket.close()
        self._preexistingSocket = other

    def _accept(self, most: int) -> None:
        room = self.connections.room
        if room > 0:
            self.numberAccepts = min(most, room)
            super().doRead()
        if self.connections.room <= 0:
            self.connections.pause(self)

    def _come_back(self) -> None:
        """Look for who came meanwhile.  If none of the others could take him, he is ours."""
        self._standing_back = None
        if self.disconnecting:
            return
        self.startReading()
        if self._is_waited_at():
            self._accept(1)

    def _is_waited_at(self) -> bool:
        waiting = select.poll()
        waiting.register(self.socket, select.POLLIN)
        return bool(waiting.poll(0))

    def _take_up(self, made: socket.socket) -> None:
        """Begin with a socket that somebody else has made, and isn't asked what it is bound to."""
        self._shouldShutdown = False
        self.socket, self._preexistingSocket = made, None
        self.fileno = self.socket.fileno  # type: ignore[method-assign]  # Twisted's own way
        cast(ServerFactory, self.factory).doStart()
        self.connected = True
        self.numberAccepts = AT_ONCE
        self.startReading()

    def connectionLost(self, reason: Any) -> None:
        self.connections.forget(self)
        if self._standing_back is not None:
            self._standing_back.cancel()
            self._standing_back = None
        super().connectionLost(reason)


class TCPPort(_Accepting):
    """
    A TCP port.  One that is bound to ``::`` takes IPv4 connections too.
    """

    transport = TCPTransport

    def createInternetSocket(self) -> socket.socket:  # noqa: N802 - Twisted's name
        created: socket.socket = super().createInternetSocket()
        if self.addressFamily == socket.AF_INET6 and self.interface == ANY:
            created.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        return created

    def _buildAddr(self, address: tuple[Any, ...]) -> IPv4Address | IPv6Address:  # noqa: N802 - as above
        return to_address(address)

    def getHost(self) -> IPv4Address | IPv6Address:
        return to_address(self.socket.getsockname())


class InboxPort(TCPPort):
    """
    Takes connections out of an inbox, as if they came through a port.
    """

    def startListening(self) -> None:
        if self._preexistingSocket is not None:
            self._take_up(self._preexistingSocket)

    def doRead(self) -> None:
        self._accept(AT_ONCE)  # all of them: then it is known that none is left

    def empty(self) -> None:
        """Take all that are there, as far as there may be more."""
        while self.connections.room > 0 and self._is_waited_at():
            self.doRead()


class UNIXPort(unix.Port, _Accepting):
    """
    A unix socket.  Its file is ours to make and to remove, unless it was inherited.
    """

    transport = UNIXTransport
    _inherited = False

    def startListening(self) -> None:
        if self._preexistingSocket is None:
            try:
                remove_stale(self._bindPath)
            except OSError as error:
                raise CannotListenError(None, self._bindPath, error) from error
            super().startListening()
            return
        self._inherited = True
        self._take_up(self._preexistingSocket)

    def connectionLost(self, reason: Any) -> None:
        if self._inherited or not os.path.exists(self._bindPath):
            _Accepting.connectionLost(self, reason)  # Twisted's for unix removes the file
        else:
            super().connectionLost(reason)


def listen_tcp(
    reactor: Any, host: str, port: int, site: RegistrySite, backlog: int = BACKLOG
) -> IListeningPort:
    """
    Listen on a TCP port.

    :param reactor: that watches it.
    :param host: an address of this machine or its name; ``""`` is all of them, by IPv6 and IPv4
        in one socket, or by IPv4 alone where there is no IPv6.
    :param port: its number, or 0 to let the system choose.
    :param site: what is served.
    :param backlog: how many connections may wait to be accepted.
    :raises CannotListenError: if it is taken, or may not be had.
    """
    try:
        return _start(TCPPort(port, site, backlog, host or ANY, reactor), site)
    except CannotListenError as error:
        if host or getattr(error.socketError, "errno", None) not in NO_IPV6:
            raise
    return _start(TCPPort(port, site, backlog, "", reactor), site)


def listen_unix(
    reactor: Any, path: str, site: RegistrySite, mode: int = 0o666, backlog: int = BACKLOG
) -> IListeningPort:
    """
    Listen on a unix socket.  A file that a killed process left there is replaced.

    :param reactor: that watches it.
    :param path: of its file.
    :param site: what is served.
    :param mode: the permissions of the file.
    :param backlog: how many connections may wait to be accepted.
    :raises CannotListenError: if somebody listens there, or there is a file of another kind.
    """
    return _start(UNIXPort(os.fsencode(path), site, backlog, mode, reactor), site)


def listen_inherited(
    reactor: Any, descriptor: int, site: RegistrySite, inboxes: Inboxes | None = None
) -> IListeningPort:
    """
    Listen on a socket that somebody else has made: systemd, or the process that started us.

    :param reactor: that watches it.
    :param descriptor: of a TCP or unix socket that listens already.  It is copied, and left open.
    :param site: what is served.
    :param inboxes: of the other processes, if these have TCP sockets of their own.  If there are
        others without, they accept from this one too.
    """
    with socket.socket(fileno=os.dup(descriptor)) as inherited:
        inherited.setblocking(False)
        family = inherited.family
    port: _Accepting
    if family == socket.AF_UNIX:
        port = UNIXPort._fromListeningDescriptor(reactor, descriptor, site)  # noqa: SLF001 - as below
    else:
        port = TCPPort._fromListeningDescriptor(  # noqa: SLF001 - adoptStreamPort's own way
            reactor, descriptor, family, site
        )
        if inboxes is not None:
            port.replace_socket(inboxes.door(descriptor))
    port.takes_turns = inboxes is None
    return _start(port, site)


def listen_inbox(reactor: Any, inboxes: Inboxes, index: int, site: RegistrySite) -> InboxPort:
    """
    Serve those that other processes have accepted and handed over.

    :param inboxes: of all processes.
    :param index: whose it is.
    :param site: what is served.
    """
    port = InboxPort(0, site, BACKLOG, "", reactor)
    port.replace_socket(inboxes.inbox(index))
    _start(port, site)
    return port


def _start(port: _Accepting, site: RegistrySite) -> IListeningPort:
    keep_heap()
    port.threads = site.threads
    port.connections = site.connections
    port.startListening()
    return port
