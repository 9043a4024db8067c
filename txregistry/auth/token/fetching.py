"""
Fetching a small document from an address that the operator has named.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers

from txregistry.auth.token.connecting import BoundedEndpoints
from txregistry.deferreds import deferred

LARGEST: Final = 1024 * 1024
TIMEOUT: Final = 10.0

OK: Final = 200

_HEADERS: Final = Headers({"Accept": ["application/json"]})


def check_address(url: str) -> None:
    """
    :raises ValueError: if keys from there could be anybody's.
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError("is no address such as https://auth.example.com/jwks")
    if parts.scheme == "http" and not _is_local(parts.hostname):
        raise ValueError(
            "must begin with https: whoever is on the way could put keys of his own in"
        )
    if parts.username or parts.password:
        raise ValueError("must not hold a password, which logs would show")


def _is_local(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


class Fetching:
    """
    Fetches a document, over and over.

    :param reactor: for connections and time limits.
    :param url: where it is.
    """

    def __init__(self, reactor: Any, url: str) -> None:
        self._reactor = reactor
        self._url = url.encode("ascii")
        self._endpoints = BoundedEndpoints(reactor, TIMEOUT)
        # It follows no redirects: they could lead anywhere, and whoever answers there decides who
        # gets in.  Nor does it unpack anything, which could be much larger than it looks.
        self._agent = Agent.usingEndpointFactory(reactor, self._endpoints)

    def fetch(self) -> Deferred[bytes]:
        """
        Fetch it.

        :raises ValueError: if the answer is none, too large, or too late.
        """
        fetching = self._fetch()
        fetching.addTimeout(TIMEOUT, self._reactor, _too_late)
        return fetching

    @deferred
    async def _fetch(self) -> bytes:
        try:
            asked: Deferred[Any] = self._agent.request(b"GET", self._url, _HEADERS.copy())
            response = await asked
            _check(response)
            body = _Body()
            response.deliverBody(body)
            return await body.complete
        except ResponseFailed as error:
            reasons = ", ".join(each.getErrorMessage() for each in error.reasons)
            raise ValueError(f"the connection ended, or too much came over it: {reasons}") from None
        finally:
            # Else one that sends on, or nothing more, would keep it for as long as it likes.
            self._endpoints.abort()


def _check(response: Any) -> None:
    """
    :raises ValueError: if it isn't the document.
    """
    if response.code != OK:
        raise ValueError(
            f"the server answers {response.code}"
            + (", and redirects are not followed" if 300 <= response.code < 400 else "")
        )
    if response.headers.getRawHeaders(b"content-encoding", [b"identity"]) != [b"identity"]:
        raise ValueError("the answer is packed, which nobody has asked for")


def _too_late(_: object, seconds: float) -> bytes:
    raise ValueError(f"the server doesn't answer within {seconds:g} seconds")


class _Body(Protocol):
    """
    Collects a body, up to a limit.
    """

    def __init__(self) -> None:
        self.complete: Deferred[bytes] = Deferred()
        self._pieces: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        if self.complete.called:
            return
        self._pieces.append(data)
        self._size += len(data)
        if self._size > LARGEST:
            self._pieces.clear()
            self.complete.errback(ValueError(f"the answer has more than {LARGEST} bytes"))

    def connectionLost(self, reason: Failure | None = None) -> None:
        if self.complete.called:
            return
        if reason is None or reason.check(ResponseDone, PotentialDataLoss):
            self.complete.callback(b"".join(self._pieces))
        else:
            self.complete.errback(reason)
