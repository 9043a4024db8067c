"""
Where the URL of an endpoint leads to, directly or through a proxy.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txregistry.notifications.proxying import Proxy, Tunnel
from txregistry.notifications.tls import TLS
from txregistry.remotes import Remotes

MOST: Final = 256 * 1024
"""Bytes that an endpoint may send after we have sent something."""


@implementer(IAgentEndpointFactory)
class BoundedEndpoints:
    """
    Connects, and ends connections.

    :param reactor: connects.
    :param tls: for ``https``.
    :param timeout: seconds that it may take.
    :param proxy: that leads there, if one does.
    """

    def __init__(self, reactor: Any, tls: TLS, timeout: float, proxy: Proxy | None = None) -> None:
        self._remotes = Remotes(reactor, timeout, MOST)
        self._proxy = proxy
        self._tls = tls

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802 - Twisted's name
        """:return: where a URL leads to."""
        endpoint: Any = self._remotes.endpoint(uri.host, uri.port)
        if self._proxy is not None:
            endpoint = self._remotes.endpoint(self._proxy.host, self._proxy.port)
        if self._proxy is not None and uri.scheme == b"https":
            target = f"{uri.netloc.decode('ascii').removesuffix(f':{uri.port}')}:{uri.port}"
            endpoint = Tunnel(endpoint, target, self._proxy.authorization)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls(uri.host.decode("ascii")), endpoint)
        return self._remotes.bounded(endpoint)

    def abort(self) -> None:
        """End all connections now."""
        self._remotes.abort()
