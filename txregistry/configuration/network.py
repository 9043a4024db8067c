"""
Addresses, URLs and headers: the values by which the world meets the registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

from txregistry.configuration.kinds import Invalid, LeafKind, ListOf, MapOf, Text, text_of
from txregistry.configuration.report import Place
from txregistry.configuration.tree import Node

Network: TypeAlias = IPv4Network | IPv6Network

_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?")
_PREFIX = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%-]+/)*")
#: A token of RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: A field value of RFC 9110, section 5.5.
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@frozen
class TCPAddress:
    """
    Where to listen for TCP.

    :param host: a name or an IP address; empty for all interfaces.
    :param port: 0 lets the system choose.
    """

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@frozen
class UnixAddress:
    """
    A socket in the file system.

    :param path: where it is to be.
    """

    path: str

    def __str__(self) -> str:
        return self.path


@frozen
class ExternalURL:
    """
    How the world reaches the registry.

    :param scheme: ``http`` or ``https``.
    :param netloc: a host, with a port where it is not the scheme's own.
    :param path: the root; begins and ends with a slash.
    """

    scheme: str
    netloc: str
    path: str = "/"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


def parse_tcp_address(text: str) -> TCPAddress:
    """
    :param text: ``host:port``, ``:5000``, ``[::1]:5000``.
    :raises Invalid: if it is none.
    """
    host, colon, port = text.rpartition(":")
    if not colon or "]" in port:
        raise Invalid('must be host:port, such as ":5000" or "127.0.0.1:5000"; the port is missing')
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise Invalid("the port must be a number from 0 to 65535")
    return TCPAddress(_host(host), int(port))


def _host(text: str) -> str:
    """
    :return: a name or an IP address, without brackets.
    """
    if text.startswith("[") and text.endswith("]"):
        try:
            IPv6Address(text[1:-1])
        except ValueError:
            raise Invalid("what stands in brackets must be an IPv6 address") from None
        return text[1:-1]
    if ":" in text:
        raise Invalid('an IPv6 address must stand in brackets, as in "[::1]:5000"')
    if text and not _NAME.fullmatch(text):
        raise Invalid("the host must be a name or an IP address")
    return text


@frozen
class URL(LeafKind):
    """
    The external URL.
    """

    def read(self, node: Node, place: Place) -> ExternalURL | None:
        text = text_of(node)
        return parse_external_url(text) if text else None

    def dump(self, value: ExternalURL | None) -> str | None:
        return None if value is None else str(value)


def parse_external_url(text: str) -> ExternalURL:
    """
    :raises Invalid: if the text is no URL of a web server; the text is not quoted, since it may
        hold a password.
    """
    if not text.isprintable() or " " in text:
        # urlsplit would drop them without a word.
        raise Invalid("must hold no spaces and no control characters")
    try:
        parts = urlsplit(text)
        netloc = parts.netloc
        if parts.port == 0:
            raise Invalid("the port must be a number from 1 to 65535")
    except ValueError:
        raise Invalid("must be a URL, such as https://registry.example.com/") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Invalid("must begin with http:// or https:// and a host")
    if "@" in netloc or parts.query or parts.fragment:
        raise Invalid("must be scheme, host and path only: no user, query or fragment")
    _host(netloc.removesuffix(f":{parts.port}") if parts.port else netloc.removesuffix(":"))
    return ExternalURL(parts.scheme, netloc.removesuffix(":"), normalised_path(parts.path))


@frozen
class PathPrefix(LeafKind):
    """
    A path that begins and ends with a slash, whatever slashes were written.
    """

    def read(self, node: Node, place: Place) -> str:
        return normalised_path(text_of(node))


def normalised_path(text: str) -> str:
    """
    :return: the path with a slash at both ends.
    :raises Invalid: if it is no plain path.
    """
    path = f"/{text.strip('/')}/" if text.strip("/") else "/"
    if not _PREFIX.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise Invalid("must be a plain path, such as /registry/")
    return path


@frozen
class CIDR(LeafKind):
    """
    A network, or a single address.
    """

    def read(self, node: Node, place: Place) -> Network:
        try:
            return ip_network(text_of(node), strict=False)
        except ValueError:
            raise Invalid("must be a network, such as 10.0.0.0/8, or an IP address") from None

    def dump(self, value: Network) -> str:
        return str(value)


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """
    :return: the networks that the texts name.
    """
    return tuple(ip_network(text) for text in texts)


@frozen
class _FieldValue(Text):
    """
    The value of a header.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node).strip(" \t")
        if not _FIELD_VALUE.fullmatch(text):
            raise Invalid("a header's value may hold no line breaks and no control characters")
        return text


class HeaderFields(MapOf[tuple[str, ...]]):
    """
    Headers: names to lists of values.
    """

    def __init__(self) -> None:
        super().__init__(ListOf(_FieldValue()))

    def check_name(self, name: str) -> None:
        if not _TOKEN.fullmatch(name):
            raise Invalid("is not a name that a header may have")
