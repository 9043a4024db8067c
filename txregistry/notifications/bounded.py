"""
Connections to endpoints that may send what they like, as long as it is little.
"""
# Twisted's protocols of protocols have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txregistry.notifications.proxying import Proxy, Tunnel
from txregistry.notifications.tls import TLS

MOST: Final = 256 * 1024
"""Bytes that an endpoint may send after we have sent something."""


class BoundedConnection(ProtocolWrapper):
    """
    A connection that is aborted when too much comes: the end of a head that never ends would be
    waited for in memory.
    """

    _received = 0

    def dataReceived(self, data: bytes) -> None:
        """Take something, unless it is too much."""
        self._received += len(data)
        if self._received > MOST:
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


@implementer(IAgentEndpointFactory)
class BoundedEndpoints:
    """
    Makes such connections, and knows those that there are.

    :param reactor: connects.
    :param tls: for ``https``.
    :param timeout: seconds that it may take.
    :param proxy: that leads there, if one does.
    """

    def __init__(self, reactor: Any, tls: TLS, timeout: float, proxy: Proxy | None = None) -> None:
        self._reactor = reactor
        self._proxy = proxy
        self._tls = tls
        self._timeout = timeout
        self._connections: list[WrappingFactory] = []

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802 - Twisted's name
        """:return: where a URL leads to."""
        endpoint: Any = self._endpoint(uri.host, uri.port)
        if self._proxy is not None:
            endpoint = self._endpoint(self._proxy.host, self._proxy.port)
        if self._proxy is not None and uri.scheme == b"https":
            target = f"{uri.netloc.decode('ascii').removesuffix(f':{uri.port}')}:{uri.port}"
            endpoint = Tunnel(endpoint, target, self._proxy.authorization)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls(uri.host.decode("ascii")), endpoint)
        return _Bounded(endpoint, self._connections)

    def _endpoint(self, host: str | bytes, port: int) -> IStreamClientEndpoint:
        endpoint: IStreamClientEndpoint = HostnameEndpoint(
            self._reactor, host, port, timeout=self._timeout
        )
        return endpoint

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

    def __init__(self, endpoint: IStreamClientEndpoint, connections: list[WrappingFactory]) -> None:
        self._endpoint = endpoint
        self._connections = connections

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        quiet: Any = factory
        quiet.noisy = False
        wrapping = _Wrapping(factory, self._connections)
        waiting: Deferred[Any] = self._endpoint.connect(wrapping)
        return waiting.addCallback(lambda wrapper: wrapper.wrappedProtocol)


class _Wrapping(WrappingFactory):
    """
    Makes one bounded connection, and is in the list as long as that is there.
    """

    protocol = BoundedConnection
    noisy = False

    def __init__(self, factory: Any, connections: list[WrappingFactory]) -> None:
        super().__init__(factory)
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
