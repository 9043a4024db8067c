"""
Proxies between us and endpoints, as the environment names them.

The rules are those of Go's ``http.ProxyFromEnvironment``, by which distribution goes:
``HTTP_PROXY``, ``HTTPS_PROXY`` and ``NO_PROXY``, in small letters too, and never to this machine
itself.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # no types

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from zope.interface import implementer

MOST: Final = 16 * 1024
"""Bytes that a proxy may say before it connects us."""


@frozen
class Proxy:
    """
    A proxy.

    :param authorization: what it wants to know of us, a field's value; ``b""`` for nothing.
    """

    host: str
    port: int
    authorization: bytes = field(default=b"", repr=False)


class BadProxy(Exception):
    """
    The environment names something that is no proxy, or of a kind that isn't known.
    """


def proxy_for(url: str, environ: Mapping[str, str]) -> Proxy | None:
    """
    :return: the proxy that leads to a URL, if there is one.
    :raises BadProxy: if it is none; the text doesn't quote it, since it may hold a password.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    name = f"{parts.scheme}_proxy"
    text = environ.get(name.upper()) or environ.get(name) or ""
    spared = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    if not text or _is_here(host) or proxy_bypass_environment(host, {"no": spared}):
        return None
    return _parsed(name.upper(), text)


def _parsed(name: str, text: str) -> Proxy:
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        port = parts.port or 80
    except ValueError:
        raise BadProxy(f"{name} is no URL") from None
    if parts.scheme != "http" or not parts.hostname:
        raise BadProxy(f"{name} must be http://host:port; other kinds of proxies are not supported")
    user, at, _ = parts.netloc.rpartition("@")
    pair = b":".join(map(unquote_to_bytes, (user + ":").split(":")[:2]))
    basic = b"Basic " + base64.b64encode(pair) if at else b""
    return Proxy(parts.hostname, port, basic)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


@implementer(IStreamClientEndpoint)
class Tunnel:
    """
    Leads through a proxy to a host (RFC 9110 §9.3.6).

    :param endpoint: leads to the proxy.
    :param target: host and port.
    :param authorization: as :class:`Proxy` has it.
    """

    def __init__(
        self, endpoint: IStreamClientEndpoint, target: str, authorization: bytes = b""
    ) -> None:
        self._endpoint = endpoint
        host = target.encode("ascii")
        self._request = b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (host, host)
        if authorization:
            self._request += b"Proxy-Authorization: %b\r\n" % authorization

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:  # noqa: N803 - Twisted's name
        """Connect."""
        asking = _Asking(self._request + b"\r\n", protocolFactory)
        factory = Factory.forProtocol(lambda: asking)
        factory.noisy = False
        connecting: Deferred[Any] = self._endpoint.connect(factory)
        return connecting.addCallback(lambda _: asking.connected_through)


class _Asking(Protocol):
    """
    Asks a proxy to connect us, and leaves the connection to another protocol then.

    :ivar connected_through: fires with that.
    """

    def __init__(self, request: bytes, factory: Any) -> None:
        self._request = request
        self._factory = factory
        self._said = b""
        self.connected_through: Deferred[IProtocol] = Deferred(lambda _: self._abort())

    def connectionMade(self) -> None:
        """Ask."""
        if self.transport is not None:
            self.transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        """Listen until the proxy has connected us."""
        self._said += data
        head, end, rest = self._said.partition(b"\r\n\r\n")
        if end:
            self._answered(head, rest)
        elif len(self._said) > MOST:
            self._fail("it says too much")

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The proxy has gone."""
        self._fail("it closed the connection")

    def _answered(self, head: bytes, rest: bytes) -> None:
        words = head.split(b"\r\n")[0].split()
        if len(words) < 2 or not words[0].startswith(b"HTTP/1.") or words[1] != b"200":
            code = words[1][:3].decode("ascii", "replace") if len(words) > 1 else "nothing"
            self._fail(f"it answered {code}")
            return
        transport: Any = self.transport
        protocol = self._factory.buildProtocol(transport.getPeer())
        transport.protocol = protocol
        protocol.makeConnection(transport)
        self.connected_through.callback(protocol)
        if rest:
            protocol.dataReceived(rest)

    def _fail(self, text: str) -> None:
        if not self.connected_through.called:
            self.connected_through.errback(
                ConnectError(string=f"the proxy doesn't connect: {text}")
            )
            self._abort()

    def _abort(self) -> None:
        transport: Any = self.transport
        if transport is not None:
            transport.abortConnection()
