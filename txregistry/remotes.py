"""
Connections to servers of others, which may be dead, slow or hostile.
"""
# Twisted's protocols of protocols have no types.
# mypy: allow-untyped-calls
# ruff: noqa: N803 - Twisted's names

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Any, Final

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import (
    IAddress,
    IHostnameResolver,
    IHostResolution,
    IProtocol,
    IProtocolFactory,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
    IStreamClientEndpoint,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from zope.interface import implementer

_KINDS: Final = {socket.AF_INET: IPv4Address, socket.AF_INET6: IPv6Address}

Answers = list[IAddress]


@implementer(IHostResolution)
class _Resolution:
    """
    The search for an address.

    :param name: whose.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Twisted's own can't be cancelled either: the system goes on to ask."""


@implementer(IHostnameResolver)
class Lookups:
    """
    Asks the system for addresses, in threads of its own: one for each name, however often that is
    asked for meanwhile.  The reactor's threads, which serve requests, wait for no name server.

    :param reactor: takes the answers.
    :param ask: as :func:`socket.getaddrinfo`.
    """

    def __init__(self, reactor: Any, ask: Callable[..., Any] = socket.getaddrinfo) -> None:
        self._reactor = reactor
        self._ask = ask
        self._waiting: dict[tuple[str, int], list[IResolutionReceiver]] = {}

    def resolveHostName(  # noqa: N802 - Twisted's name
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Ask for the addresses of a name, or wait with those who have."""
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        key = (hostName, portNumber)
        receivers = self._waiting.setdefault(key, [])
        receivers.append(resolutionReceiver)
        if len(receivers) == 1:
            # A daemon: the process doesn't wait at its end for who never answers.
            Thread(target=self._find, args=key, name=f"look up {hostName}", daemon=True).start()
        return resolution

    def _find(self, name: str, port: int) -> None:
        try:
            found = self._ask(name, port, 0, socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            found = []
        answers: Answers = [
            _KINDS[family]("TCP", *address)
            for family, _, _, _, address in found
            if family in _KINDS
        ]
        self._reactor.callFromThread(self._tell, (name, port), answers)

    def _tell(self, key: tuple[str, int], answers: Answers) -> None:
        for receiver in self._waiting.pop(key):
            for answer in answers:
                receiver.addressResolved(answer)
            receiver.resolutionComplete()


@implementer(IReactorPluggableNameResolver)
class _Looking:
    """
    A reactor that looks names up in another way.
    """

    def __init__(self, reactor: Any, lookups: Lookups) -> None:
        self._reactor = reactor
        self.nameResolver = lookups

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:  # noqa: N802 - Twisted's name
        """It has its own."""
        raise NotImplementedError


class BoundedConnection(ProtocolWrapper):
    """
    A connection that is aborted when too much comes: the end of a head that never ends would be
    waited for in memory.
    """

    factory: _Wrapping
    _received = 0

    def dataReceived(self, data: bytes) -> None:
        """Take something, unless it is too much."""
        self._received += len(data)
        if self._received > self.factory.most:
            self.abortConnection()
        else:
            super().dataReceived(data)

    def write(self, data: bytes) -> None:
        """Send something; what comes from now on may be an answer to it."""
        self._received = 0
        super().write(data)

    def abortConnection(self) -> None:
        """End the connection now."""
        self.disconnecting = 1
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


class Remotes:
    """
    Connects, and knows the connections that there are.

    :param reactor: connects.
    :param timeout: seconds that it may take.
    :param most: bytes that may come over a connection after something was sent.
    """

    def __init__(self, reactor: Any, timeout: float, most: int) -> None:
        self._reactor = _Looking(reactor, Lookups(reactor))
        self._timeout = timeout
        self._most = most
        self._connections: list[WrappingFactory] = []

    def endpoint(self, host: str | bytes, port: int) -> IStreamClientEndpoint:
        """:return: where a server is."""
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, host, port, timeout=self._timeout
        )
        return endpoint

    def bounded(self, endpoint: IStreamClientEndpoint) -> IStreamClientEndpoint:
        """
        :param endpoint: with all that is spoken below HTTP, such as TLS.
        :return: the same, with connections that are bounded and that :meth:`abort` ends.
        """
        return _Bounded(endpoint, self._connections, self._most)

    def abort(self) -> None:
        """End all connections now."""
        for factory in list(self._connections):
            for connection in list(factory.protocols):
                connection.abortConnection()


@implementer(IStreamClientEndpoint)
class _Bounded:
    """
    An endpoint whose connections are bounded.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, connections: list[WrappingFactory], most: int
    ) -> None:
        self._endpoint = endpoint
        self._connections = connections
        self._most = most

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        quiet: Any = factory
        quiet.noisy = False
        wrapping = _Wrapping(factory, self._connections, self._most)
        waiting: Deferred[Any] = self._endpoint.connect(wrapping)
        return waiting.addCallback(lambda wrapper: wrapper.wrappedProtocol)


class _Wrapping(WrappingFactory):
    """
    Makes one bounded connection, and is in the list as long as that is there.
    """

    protocol = BoundedConnection
    noisy = False

    def __init__(self, factory: Any, connections: list[WrappingFactory], most: int) -> None:
        super().__init__(factory)
        self.most = most
        self._connections = connections

    def registerProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """It is connected."""
        super().registerProtocol(p)
        self._connections.append(self)

    def unregisterProtocol(self, p: Any) -> None:  # noqa: N802 - Twisted's name
        """It is no more."""
        super().unregisterProtocol(p)
        if self in self._connections:
            self._connections.remove(self)
