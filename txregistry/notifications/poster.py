"""
Posts messages to an endpoint, which may be slow, broken or hostile.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urljoin, urlsplit, urlunsplit

from attrs import field, frozen
from treq.client import HTTPClient
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, HTTPConnectionPool, ProxyAgent
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgent, IBodyProducer, IResponse
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.notifications.bounded import BoundedEndpoints
from txregistry.notifications.formats.message import Message
from txregistry.notifications.proxying import Proxy
from txregistry.notifications.tls import TLS

MOST_REDIRECTS: Final = 3
_REPEATED: Final = frozenset({301, 302, 307, 308})
"""A redirect with one of these is answered by the same request to the other URL.  The others say
that the request has been taken."""

IDLE_SECONDS: Final = 60


@frozen(kw_only=True)
class Destination:
    """
    Where messages are posted to.

    :param url: the whole URL, which may have a user in it.
    :param headers: names and values that every request has besides.
    :param timeout: seconds that a request may take, from the connection to the end of the answer.
    :param tls: for ``https``.
    :param agent_name: what we call ourselves.
    :param proxy: that leads there, if one does.
    """

    url: str = field(repr=False)
    headers: Sequence[tuple[bytes, bytes]] = field(default=(), repr=False)
    timeout: float = 1.0
    tls: TLS
    agent_name: bytes = b"txregistry"
    proxy: Proxy | None = None


@frozen
class Answer:
    """
    What became of a message.

    :param accepted: whether the endpoint has it.
    :param status: what it answered, as ``200 OK``; ``""`` if it didn't.
    :param problem: why it has it not, in words that hold no secret.
    """

    accepted: bool
    status: str = ""
    problem: str = ""


class Poster:
    """
    Posts messages, one at a time, over a connection that stays open.

    :param reactor: connects, and calls when it takes too long.
    :param destination: where.
    """

    def __init__(self, reactor: Any, destination: Destination) -> None:
        self._reactor = reactor
        self._timeout = destination.timeout
        self._url, user = _without_user(destination.url)
        self._headers = [*user, *destination.headers]
        self._agent_name = destination.agent_name
        self._pool = HTTPConnectionPool(reactor, persistent=True)
        self._pool.maxPersistentPerHost = 1
        self._pool.cachedConnectionTimeout = IDLE_SECONDS
        self._pool.retryAutomatically = False
        self._endpoints = BoundedEndpoints(
            reactor, destination.tls, destination.timeout, destination.proxy
        )
        agent: IAgent = Agent.usingEndpointFactory(reactor, self._endpoints, self._pool)
        if destination.proxy is not None:
            agent = _ThroughProxy(reactor, agent, self._endpoints, self._pool, destination.proxy)
        self._client = HTTPClient(_Plain(agent))

    @deferred
    async def post(self, message: Message) -> Answer:
        """
        Post a message, and follow the endpoint to other URLs on its host.

        :return: what became of it, in the time that it may take; it never fails.
        """
        deadline = self._reactor.seconds() + self._timeout
        try:
            return await self._follow(message, deadline)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, the endpoint has it not
            self._endpoints.abort()
            return Answer(False, problem=_words(error))

    @deferred
    async def close(self) -> None:
        """Close the connection."""
        closing = self._pool.closeCachedConnections()
        # By itself TLS would wait until the other side closes as well.
        self._endpoints.abort()
        await closing

    async def _follow(self, message: Message, deadline: float) -> Answer:
        url = self._url
        for _ in range(MOST_REDIRECTS + 1):
            response = await self._ask(url, message, deadline)
            status = _status(response.code)
            location = (response.headers.getRawHeaders("location") or [""])[0]
            await self._drop_body(response, deadline)
            if response.code not in _REPEATED or not location:
                accepted = 200 <= response.code < 400
                return Answer(accepted, status, "" if accepted else f"it answered {status}")
            url = urljoin(url, location)
            if not _may_follow(self._url, url):
                return Answer(False, status, "it redirects to another host, which is not followed")
        return Answer(False, status, "it redirects again and again")

    def _ask(self, url: str, message: Message, deadline: float) -> Deferred[Any]:
        headers = Headers({b"User-Agent": [self._agent_name]})
        for name, value in (*message.headers, *self._headers):
            if name.lower() == b"user-agent":
                headers.setRawHeaders(name, [value])
            else:
                headers.addRawHeader(name, value)
        return self._client.request(
            "POST",
            url,
            headers=headers,
            data=_Body(message.body),
            allow_redirects=False,
            unbuffered=True,
            reactor=self._reactor,
            timeout=max(deadline - self._reactor.seconds(), 0.001),
        )

    @deferred
    async def _drop_body(self, response: Any, deadline: float) -> None:
        """Let the rest of an answer go by, so that the connection can be used again."""
        if response.length == 0:
            return
        body = _Dropped()
        late = self._reactor.callLater(
            max(deadline - self._reactor.seconds(), 0), self._endpoints.abort
        )
        try:
            response.deliverBody(body)
            await body.ended
        finally:
            if late.active():
                late.cancel()


class _Dropped(Protocol):
    """
    Takes a body, and keeps nothing of it.  The connection sees to it that it ends.
    """

    def __init__(self) -> None:
        self.ended: Deferred[None] = Deferred(lambda _: None)

    def connectionLost(self, reason: Failure | None = None) -> None:
        if not self.ended.called:
            self.ended.callback(None)


@implementer(IBodyProducer)
class _Body:
    """
    A body that is there.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> Deferred[None]:  # noqa: N802 - Twisted's name
        consumer.write(self._body)
        done: Deferred[None] = Deferred()
        done.callback(None)
        return done

    def pauseProducing(self) -> None:
        """There is nothing to pause."""

    def resumeProducing(self) -> None:
        """The same."""

    def stopProducing(self) -> None:
        """The same."""


@implementer(IAgent)
class _ThroughProxy:
    """
    Asks a proxy for ``http``; for ``https`` there is a tunnel through it.
    """

    def __init__(
        self,
        reactor: Any,
        agent: IAgent,
        endpoints: BoundedEndpoints,
        pool: HTTPConnectionPool,
        proxy: Proxy,
    ) -> None:
        endpoint = endpoints.endpointForURI(URI.fromBytes(b"http://proxy/"))
        self._secure = agent
        self._plain: Any = ProxyAgent(endpoint, reactor, pool)
        self._authorization = proxy.authorization

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        if uri.startswith(b"https:"):
            return self._secure.request(method, uri, headers, bodyProducer)
        headers = Headers() if headers is None else headers.copy()
        headers.setRawHeaders(b"Host", [URI.fromBytes(uri).netloc])
        if self._authorization:
            headers.setRawHeaders(b"Proxy-Authorization", [self._authorization])
        asked: Deferred[IResponse] = self._plain.request(method, uri, headers, bodyProducer)
        return asked


@implementer(IAgent)
class _Plain:
    """
    Hides from the client what it would keep or unpack: cookies, and bodies that are larger than
    they look.
    """

    def __init__(self, agent: Any) -> None:
        self._agent = agent

    def request(
        self,
        method: bytes,
        uri: bytes,
        headers: Headers | None = None,
        bodyProducer: IBodyProducer | None = None,
    ) -> Deferred[IResponse]:
        waiting: Deferred[IResponse] = self._agent.request(method, uri, headers, bodyProducer)

        def strip(response: Any) -> Any:
            response.headers.removeHeader("content-encoding")
            response.headers.removeHeader("set-cookie")
            return response

        return waiting.addCallback(strip)


def _without_user(url: str) -> tuple[str, list[tuple[bytes, bytes]]]:
    """
    :return: the URL without its user, and the header that says who that is.
    """
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, []
    pair = base64.b64encode(b":".join(map(unquote_to_bytes, (user + ":").split(":")[:2])))
    return urlunsplit(parts._replace(netloc=host)), [(b"Authorization", b"Basic " + pair)]


def _may_follow(first: str, url: str) -> bool:
    """What is sent may be secret: it goes to the same host only, and never from TLS to none."""
    try:
        begin, now = urlsplit(first), urlsplit(url)
        same = (begin.hostname, begin.port, begin.scheme) == (now.hostname, now.port, now.scheme)
        to_tls = begin.hostname == now.hostname and (begin.scheme, now.scheme) == ("http", "https")
    except ValueError:
        return False
    # Who we are there is not for the endpoint to say.
    return (same or to_tls) and "@" not in now.netloc


def _status(code: int) -> str:
    """The endpoint's own words could be anything, and so could its numbers, which are counted."""
    try:
        return f"{code} {HTTPStatus(code).phrase}"
    except ValueError:
        return str(code) if 100 <= code < 600 else "no status"


def _words(error: BaseException) -> str:
    """
    :return: why there was no answer, without what lies between.
    """
    reasons = getattr(error, "reasons", None)
    while reasons:
        error = reasons[-1].value
        reasons = getattr(error, "reasons", None)
    name = type(error).__name__
    if isinstance(error, CancelledError) or name in {"ResponseNeverReceived", "RequestNotSent"}:
        return "it didn't answer in time"
    return f"{name}: {error}"[:300]
