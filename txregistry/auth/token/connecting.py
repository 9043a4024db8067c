"""
Where an address of keys leads to.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.internet.endpoints import wrapClientTLS
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web.client import URI, BrowserLikePolicyForHTTPS
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from txregistry.remotes import Remotes

MOST: Final = 2 * 1024 * 1024
"""Bytes that may come over one connection: the largest document, and more than any head has."""


@implementer(IAgentEndpointFactory)
class BoundedEndpoints:
    """
    Connects, and ends connections.

    :param reactor: connects.
    :param timeout: seconds that it may take.
    """

    def __init__(self, reactor: Any, timeout: float) -> None:
        self._remotes = Remotes(reactor, timeout, MOST)
        self._tls = BrowserLikePolicyForHTTPS()

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802 - Twisted's name
        """:return: where a URL leads to."""
        endpoint: Any = self._remotes.endpoint(uri.host, uri.port)
        if uri.scheme == b"https":
            endpoint = wrapClientTLS(self._tls.creatorForNetloc(uri.host, uri.port), endpoint)
        return self._remotes.bounded(endpoint)

    def abort(self) -> None:
        """End all connections."""
        self._remotes.abort()
