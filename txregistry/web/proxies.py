"""
Reverse proxies: whom to believe about the client, and what they say.

Anybody can send ``X-Forwarded-For``; it counts only when it comes from a trusted proxy.
RFC 7239 defines ``Forwarded``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, Protocol

from attrs import field, frozen

from txregistry.errors import BadRequest

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

LOCAL_PEER: Final = ""
"""The address of a peer that has none: it is behind a unix socket, so of this machine."""

LOCAL_PROXY: Final = "unix"
"""What such a peer is called that tells another one's address."""

MOST_HOPS: Final = 100
"""So many proxies may stand one behind the other; what is told of more isn't looked at: it would
keep everybody waiting."""

_FIELDS: Final = (
    b"forwarded",
    b"x-forwarded-for",
    b"x-real-ip",
    b"x-forwarded-proto",
    b"x-forwarded-host",
)

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?\Z", re.ASCII)
_PAIR = re.compile(r'\s*([!#$%&\'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))\s*', re.ASCII)


class _Headers(Protocol):
    """What is needed of a request."""

    def header(self, name: bytes) -> bytes | None: ...

    def headers(self, name: bytes) -> Sequence[bytes]: ...


@frozen
class Outside:
    """
    How a request looked before it came through the proxies.

    :param address: of the client.
    :param scheme: ``http`` or ``https``, or ``""`` where no proxy says.
    :param host: name with port, or ``""`` where no proxy says.
    :param by_proxy: whether a proxy says anything at all, so that the peer isn't the client.
    """

    address: str
    scheme: str = ""
    host: str = ""
    by_proxy: bool = field(default=False, eq=False)


class TrustedProxies:
    """
    Reads the fields that proxies add.

    :param networks: where trusted proxies are.
    """

    def __init__(self, networks: Sequence[Network]) -> None:
        self._networks = tuple(networks)
        self._trusts = lru_cache(maxsize=4096)(self._look_up)

    def outside(self, request: _Headers, peer: str) -> Outside:
        """
        :param peer: the address at the other end of the connection.
        :return: what the request was like outside.
        :raises BadRequest: if it is told in two ways that contradict each other.
        """
        if not self._trusts(peer) or not any(map(request.header, _FIELDS)):
            return _as_it_came(peer)
        outside = self._told(request, peer)
        self._check_real_ip(request, peer, outside.address)
        return outside

    def _told(self, request: _Headers, peer: str) -> Outside:
        """:raises BadRequest: as above."""
        hops = _hops(request, b"x-forwarded-for")
        forwarded = _joined(request)
        if forwarded:
            return self._forwarded(peer, forwarded, hops)
        return Outside(
            self._client(peer, hops or _hops(request, b"x-real-ip")),
            _scheme(_first(request, b"x-forwarded-proto")),
            _host(_first(request, b"x-forwarded-host")),
            by_proxy=True,
        )

    def _forwarded(self, peer: str, text: str, hops: Sequence[str]) -> Outside:
        """
        :param text: what ``Forwarded`` says.
        :param hops: what ``X-Forwarded-For`` says.
        """
        elements = parse_forwarded(text)
        client = self._client(peer, [element.get("for", "") for element in elements])
        # A proxy writes one of them, and hands on what clients send of the other: nobody knows
        # which.  Who could choose would be whoever he likes.
        if not elements or (hops and self._client(peer, hops) != client):
            raise BadRequest(
                "Forwarded can't be read, or says something else than X-Forwarded-For: a proxy must"
                " drop the one that it doesn't write"
            )
        first = elements[0]
        scheme, host = _scheme(first.get("proto", "")), _host(first.get("host", ""))
        return Outside(client, scheme, host, by_proxy=True)

    def _check_real_ip(self, request: _Headers, peer: str, client: str) -> None:
        """
        :param client: whom the other fields name.
        :raises BadRequest: if ``X-Real-IP`` names another one.
        """
        real = self._client(peer, _hops(request, b"x-real-ip"))
        # Of two proxies the second one may write there who the first one is.
        if real != client and not self._trusts(real):
            raise BadRequest(
                "X-Real-IP says something else than X-Forwarded-For or Forwarded: a proxy must drop"
                " those that it doesn't write"
            )

    def _client(self, peer: str, hops: Sequence[str]) -> str:
        """
        :param hops: as they are written.
        :return: the rightmost address that is no trusted proxy, else the farthest one.
        """
        client = peer
        for text in reversed(hops[-MOST_HOPS:]):
            hop = _node(text.strip())
            if not hop:  # unreadable: what stands further left can't be relied on
                break
            client = hop
            if not self._trusts(hop):
                break
        return client

    def _look_up(self, address: str) -> bool:
        if address == LOCAL_PEER:
            return True
        try:
            parsed = ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)


@lru_cache(maxsize=4096)
def _as_it_came(peer: str) -> Outside:
    return Outside(peer)


def parse_forwarded(text: str) -> list[dict[str, str]]:
    """
    Read a ``Forwarded`` field (RFC 7239 §4).

    :return: its elements, keys in lower case; nothing at all if the syntax is wrong or a key
        stands twice in an element.
    """
    elements: list[dict[str, str]] = [{}]
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            return []
        key = match[1].lower()
        if key in elements[-1]:
            return []
        quoted = match[2]
        elements[-1][key] = match[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        position = match.end()
        separator = text[position : position + 1]
        if separator == ",":
            elements.append({})
        elif separator not in ("", ";"):
            return []
        position += 1
    return elements if all(elements) else []


def _hops(request: _Headers, name: bytes) -> list[str]:
    return [text for line in _texts(request, name) for text in line.split(",")]


def _joined(request: _Headers) -> str:
    return ", ".join(_texts(request, b"forwarded")).strip()


def _texts(request: _Headers, name: bytes) -> list[str]:
    return [value.decode("latin-1") for value in request.headers(name)]


def _first(request: _Headers, name: bytes) -> str:
    value = request.header(name) or b""
    return value.decode("latin-1").partition(",")[0].strip()


def _scheme(text: str) -> str:
    return text.lower() if text.lower() in ("http", "https") else ""


def _host(text: str) -> str:
    return text if _HOST.match(text) else ""


def _node(text: str) -> str:
    """:return: the bare address of a node with or without port, or ``""`` if it is none."""
    host = text
    if text.startswith("["):
        host = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        # A zone says something to its own machine only, and may be any text.
        address: Address = ip_address(host.partition("%")[0])
    except ValueError:
        return ""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)
