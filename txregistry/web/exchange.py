"""
A request while it is being answered: what the log will tell of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field
from twisted.internet.address import IPv4Address, IPv6Address

from txregistry.interfaces import Exchange
from txregistry.model.digest import Digest
from txregistry.web.call import Header
from txregistry.web.proxies import Outside
from txregistry.web.urls import UrlRules, blob_url, manifest_url

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest

CLIENT_GONE: Final = 499
"""The status that the log shows where the client went away before the answer."""

NO_ERRORS: Final[Sequence[Mapping[str, Any]]] = ()


NOWHERE: Final = Outside("")

BY_REQUEST: Final = UrlRules()

UNSERVED: Final = frozenset({304})
"""Answers that are no refusals, and still give the client nothing of what it asked for."""

_random = Random()  # noqa: S311 - its numbers keep no secret


def new_id() -> str:
    """
    :return: a UUID of version 4 (RFC 9562 §5.4) that nobody need be unable to guess, in a third of
        the time that :mod:`uuid` takes.
    """
    digits = f"{_random.getrandbits(122):031x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-a{digits[15:18]}-{digits[18:30]}"


@define
class RunningExchange:
    """
    What is known so far.

    :param request: the request.
    :param started: when it came, in seconds of the clock that only goes forward.
    :param address: the client's, behind all trusted proxies.
    :param path: the path as it was asked, decoded; ``""`` where it can't be.
    :param outside: what it was like before it came through proxies.
    :param urls: how URLs are built for its client.
    :param secure: whether its connection is, as far as somebody wanted to know.
    :param headers: those of the answer that are not on every answer.
    :param served: who wants to know that it has been served.
    :param root: what stands before ``v2/`` in whole URLs, once somebody has asked.
    """

    request: RegistryRequest
    started: float
    address: str = ""
    path: str = ""
    outside: Outside = NOWHERE
    id: str = field(factory=new_id)
    actor: str = ""
    route: str = ""
    variables: Mapping[str, str] = field(factory=dict)
    status: int = CLIENT_GONE
    headers: Sequence[Header] = ()
    errors: Sequence[Mapping[str, Any]] = NO_ERRORS
    urls: UrlRules = BY_REQUEST
    secure: bool | None = None
    served: list[Callable[[], None]] | None = None
    root: str = ""

    def text(self, name: bytes) -> str:
        """:return: a header field of the request, ``""`` where it is missing."""
        values = self.request.head.fields.get(name)
        return values[-1].decode("latin-1") if values else ""

    def base(self) -> str:
        """:return: what stands before ``v2/`` in URLs for the client."""
        return self.urls.path() or self._absolute()

    # what others may ask of it, as Request says

    def method(self) -> str:
        return self.request.method.decode("latin-1")

    def origin(self) -> tuple[str, str, str]:
        request, address = self.request, self.address
        client = request.client
        if isinstance(client, (IPv4Address, IPv6Address)) and client.host == address:
            address = f"[{address}]" if ":" in address else address
            address = f"{address}:{client.port}"
        return address, self.text(b"host"), request.method.decode("latin-1")

    def manifest_url(self, name: str, digest: Digest) -> str:
        return manifest_url(self._absolute(), name, digest).decode("ascii")

    def blob_url(self, name: str, digest: Digest) -> str:
        return blob_url(self._absolute(), name, digest).decode("ascii")

    def when_served(self, call: Callable[[], None]) -> None:
        if self.served is None:
            # When it has been served, the request knows nothing of its connection any more.
            self.secure, self.served = self._is_secure(), []
        self.served.append(call)

    def tell_served(self) -> None:
        """Tell whoever wants to know, if the answer has served anything."""
        calls, self.served = self.served, None
        if self.request.finished and self.status < 400 and self.status not in UNSERVED:
            for call in calls or ():
                call()

    def _absolute(self) -> str:
        if not self.root:
            self.root = self.urls.absolute(self.outside, self._is_secure(), self.text(b"host"))
        return self.root

    def _is_secure(self) -> bool:
        if self.secure is None:
            return bool(self.request.isSecure())  # type: ignore[no-untyped-call]  # Twisted's
        return self.secure

    def finished(self, now: float) -> Exchange:
        """
        :param now: by the same clock as ``started``.
        :return: the whole story.
        """
        request = self.request
        return Exchange(
            request_id=self.id,
            address=self.address,
            actor=self.actor,
            method=request.method.decode("latin-1"),
            uri=request.uri.decode("latin-1"),
            protocol=request.clientproto.decode("latin-1"),
            host=self.text(b"host"),
            referer=self.text(b"referer"),
            user_agent=self.text(b"user-agent"),
            content_type=_content_type(self.headers),
            route=self.route,
            variables=self.variables,
            status=self.status,
            written=request.sentLength,
            received=request.body.received,
            seconds=now - self.started,
            errors=self.errors,
        )


def _content_type(headers: Sequence[Header]) -> str:
    for name, value in headers:
        if name == b"Content-Type":
            return value.decode("latin-1")
    return ""
