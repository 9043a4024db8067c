"""
The section ``http``: where the registry listens, how it is reached, and what it bears.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from txregistry.configuration.kinds import (
    Boolean,
    Choice,
    Duration,
    Integer,
    Invalid,
    ListOf,
    Size,
    Text,
)
from txregistry.configuration.network import (
    CIDR,
    URL,
    ExternalURL,
    HeaderFields,
    Network,
    PathPrefix,
    TCPAddress,
    UnixAddress,
    networks,
    parse_tcp_address,
)
from txregistry.configuration.schema import Checked, key, section

#: This machine, and the networks that are nobody's on the internet: a proxy stands there.
PRIVATE_NETWORKS = networks(
    (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


@frozen(kw_only=True)
class Limits:
    """
    ``http.limits``: what one client may cost.  A section of ours.

    :param head: bytes of a request's line and headers together.
    :param headers: lines of headers in a request.
    :param manifest: bytes of a manifest.
    :param tags: ``tag`` parameters in one push of a manifest.
    :param bodyidle: seconds that a client may send nothing within a request.
    :param writeidle: seconds that a client may read nothing of an answer.
    :param idle: seconds that a connection may stay open between requests.
    :param connections: connections that are open at once.
    """

    head: int = key(Size(least=1024), 64 * 1024)
    headers: int = key(Integer(least=1), 100)
    manifest: int = key(Size(least=1), 4 * 1024 * 1024)
    tags: int = key(Integer(least=1), 100)
    bodyidle: float = key(Duration(positive=True), 60.0)
    writeidle: float = key(Duration(positive=True), 60.0)
    idle: float = key(Duration(positive=True), 60.0)
    connections: int = key(Integer(least=1), 10_000)


@frozen(kw_only=True)
class HTTP(Checked):
    """
    ``http``: the server.

    :param addr: where it listens, as it is written; :attr:`address` is what it means.
    :param net: ``tcp``, or ``unix``, where ``addr`` is the path of a socket.
    :param host: how the world reaches it; None makes it of each request.
    :param prefix: the path below which the whole API stands; begins and ends with a slash.
    :param secret: distribution signs the state of uploads with it; here nothing has to be signed.
    :param relativeurls: whether ``Location`` is a path only.
    :param draintimeout: seconds that transfers in flight may take after SIGTERM.
    :param headers: headers of every answer.
    :param trustedproxies: the networks whose ``Forwarded`` and ``X-Forwarded-*`` are believed.
        A key of ours.
    :param limits: what one client may cost.
    """

    addr: str = key(Text(), ":5000")
    net: str = key(Choice(("tcp", "unix")), "tcp")
    host: ExternalURL | None = key(URL(), None)
    prefix: str = key(PathPrefix(), "/")
    secret: str = key(Text(), "", show=False)
    relativeurls: bool = key(Boolean(), default=False)
    draintimeout: float = key(Duration(), 0.0)
    headers: Mapping[str, tuple[str, ...]] = key(HeaderFields(), MappingProxyType({}), show=False)
    trustedproxies: tuple[Network, ...] = key(ListOf(CIDR()), PRIVATE_NETWORKS)
    limits: Limits = section(Limits)

    @property
    def address(self) -> TCPAddress | UnixAddress:
        """
        Where the server listens.
        """
        if self.net == "unix":
            return UnixAddress(self.addr)
        return parse_tcp_address(self.addr)

    def contradictions(self) -> list[tuple[str, str]]:
        if self.net == "unix" and (":" in self.addr and "/" not in self.addr):
            return [("addr", "must be the path of a socket, since http.net is unix")]
        try:
            _ = self.address
        except Invalid as invalid:
            return [("addr", invalid.text)]
        return []
