"""
Connections to a server that may send what it likes, as long as it is little.
"""
# Twisted's protocols of protocols have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

MOST: Final = 2 * 1024 * 1024
"""Bytes that may come over one connection: the largest document, and more than any head has."""


class BoundedConnection(ProtocolWrapper):
    """
    A connection that is aborted when too much comes: a head that never ends is kept in memory.
    """

    _received = 0

    def dataReceived(self, data: bytes) -> None:
        """Take something, unless it is too much."""
        self._received += len(data)
        if self._received > MOST:
            self.abort()
        else:
            super().dataReceived(data)

    def abort(self) -> None:
        """End the connection now."""
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()


class _Connecting(WrappingFactory):
    """
    Makes such connections.
    """

    protocol = BoundedConnection
    noisy = False


@implementer(IAgentEndpointFactory)
class BoundedEndpoints:
    """
    Connects, and ends connections.

    :param reactor: connects.
    :param timeout: seconds that it may take.
    """

    def __init__(self, reactor: Any, timeout: float) -> None:
        self._reactor = reactor
        self._timeout = timeout
        self._tls = BrowserLikePolicyForHTTPS()
        self.connecting: list[WrappingFactory] = []

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802 - Twisted's name
        """:return: where a URL leads to."""
        endpoint: Any = HostnameEndpoint(self._reactor, uri.host, uri.port, timeout=self._timeout)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls.creatorForNetloc(uri.host, uri.port), endpoint)
        return _BoundedEndpoint(endpoint, self.connecting)

    def abort(self) -> None:
        """End all connections."""
        for factory in self.connecting:
            for connection in list(factory.protocols):
                connection.abort()
        self.connecting.clear()


@implementer(IStreamClientEndpoint)
class _BoundedEndpoint:
    """
    Where a URL leads to.
    """

    def __init__(self, endpoint: IStreamClientEndpoint, connecting: list[WrappingFactory]) -> None:
        self._endpoint = endpoint
        self._connecting = connecting

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect."""
        quiet: Any = factory
        quiet.noisy = False
        wrapping = _Connecting(factory)
        self._connecting.append(wrapping)
        waiting: Deferred[Any] = self._endpoint.connect(wrapping)
        return waiting.addCallback(lambda connection: connection.wrappedProtocol)
