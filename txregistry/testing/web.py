"""
Requests to a site without a network.

``treq.testing`` has the like for twisted.web's own site, whose requests have no ``body``.
"""
# treq and most of Twisted's tools for tests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import frozen
from treq.client import HTTPClient
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.interfaces import IStreamClientEndpoint, ITransport
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.test import iosim
from twisted.web.client import URI, Agent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IAgentEndpointFactory, IBodyProducer, IResponse
from zope.interface import implementer

from txregistry.deferreds import InlineThreads
from txregistry.web.limits import Limits
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite

CLIENT = IPv4Address("TCP", "127.0.0.1", 40000)
"""Where all requests come from."""


@implementer(IAgent)
class MemoryAgent:
    """
    Sends requests to a site in memory, each on a connection of its own.

    The site is real, and so are its channels and requests; only the transports are not.

    :param site: to which all requests go, whatever their host.
    """

    def __init__(self, site: RegistrySite) -> None:
        self._site = site
        self._reactor = MemoryReactorClock()
        self._agent = Agent.usingEndpointFactory(self._reactor, _Endpoints(self._reactor))
        self._pumps: list[iosim.IOPump] = []

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        """As :class:`~twisted.web.iweb.IAgent` says; the response is there if it came at once."""
        response: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)
        if not response.called:
            self._connect()
        return response

    def flush(self) -> None:
        """
        Let what was written arrive.  Needed after something was answered later than at once.
        """
        pumps, self._pumps = self._pumps, []
        for pump in pumps:
            pump.flush()
            if not (pump.clientIO.disconnected and pump.serverIO.disconnected):
                self._pumps.append(pump)

    def lose_connections(self) -> None:
        """Let all clients vanish."""
        pumps, self._pumps = self._pumps, []
        for pump in pumps:
            pump.clientIO.disconnecting = True
            pump.flush()

    def _connect(self) -> None:
        _, port, factory, _, _ = self._reactor.tcpClients.pop()
        here = IPv4Address("TCP", "127.0.0.1", port)
        client = factory.buildProtocol(None)
        server = self._site.buildProtocol(CLIENT)
        pump = iosim.connect(
            server,
            iosim.FakeTransport(server, isServer=True, hostAddress=here, peerAddress=CLIENT),
            client,
            iosim.FakeTransport(client, isServer=False, hostAddress=CLIENT, peerAddress=here),
        )
        self._pumps.append(pump)


class MemoryClient(HTTPClient):
    """
    The API of treq, in memory: ``await client.get("http://registry/v2/")``.

    :param dispatch: the application.
    :param limits: of its connections.

    :ivar site: the application's site.
    :ivar clock: its time.
    :ivar agent: sends the requests.
    """

    def __init__(
        self, dispatch: Callable[[RegistryRequest], None], limits: Limits | None = None
    ) -> None:
        self.clock = Clock()
        self.site = RegistrySite(dispatch, self.clock, InlineThreads(), limits)
        self.agent = MemoryAgent(self.site)
        super().__init__(self.agent, data_to_body_producer=BytesProducer)

    def flush(self) -> None:
        """As :meth:`MemoryAgent.flush`."""
        self.agent.flush()


@implementer(IBodyProducer)
@frozen
class BytesProducer:
    """
    Sends the body of a request at once: the producers of treq wait for the real reactor.

    :param body: what is sent.
    """

    body: bytes

    @property
    def length(self) -> int:
        """How long it is, in bytes."""
        return len(self.body)

    def startProducing(self, consumer: ITransport) -> Deferred[None]:  # noqa: N802 - Twisted's
        """Send it."""
        consumer.write(self.body)
        return succeed(None)

    def pauseProducing(self) -> None:
        """There is nothing to pause."""

    def resumeProducing(self) -> None:
        """There is nothing to go on with."""

    def stopProducing(self) -> None:
        """There is nothing to stop."""


@implementer(IAgentEndpointFactory)
@frozen
class _Endpoints:
    """Connects to any host without looking for it."""

    reactor: Any

    def endpointForURI(self, uri: URI) -> IStreamClientEndpoint:  # noqa: N802 - Twisted's name
        return TCP4ClientEndpoint(self.reactor, "127.0.0.1", uri.port)
