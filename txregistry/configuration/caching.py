"""
The sections ``storage.cache`` and ``redis``: what is known of blobs without asking the storage.
"""

from __future__ import annotations

from attrs import frozen

from txregistry.configuration.kinds import (
    Duration,
    Integer,
    Invalid,
    LeafKind,
    ListOf,
    Text,
    text_of,
)
from txregistry.configuration.network import TCPAddress, parse_tcp_address
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, key, section
from txregistry.configuration.tree import Node, Table, find, is_empty

KINDS = ("inmemory", "redis")

MOST_CONNECTIONS = 64


@frozen
class CacheName(LeafKind):
    """
    The name of a cache.  As in distribution, one that nobody knows is none.
    """

    def read(self, node: Node, place: Place) -> str:
        name = text_of(node).lower()
        if name and name not in KINDS:
            place.warning(f"must be one of {', '.join(KINDS)}; there is no cache")
            return ""
        return name


@frozen(kw_only=True)
class Cache:
    """
    ``storage.cache``.

    :param blobdescriptor: ``inmemory``, ``redis``, or empty for none.
    :param blobdescriptorsize: how many blobs and repositories are remembered in memory; 0 or
        less for as many as is sane.
    """

    blobdescriptor: str = key(CacheName(), "")
    blobdescriptorsize: int = key(Integer(zero=0, negative=0), 10_000)


@frozen
class ServerAddress(LeafKind):
    """
    Where a server is: ``host:port``; without a host it is this machine.
    """

    def read(self, node: Node, place: Place) -> TCPAddress:
        address = parse_tcp_address(text_of(node))
        if address.port == 0:
            raise Invalid("the port must be a number from 1 to 65535")
        return address if address.host else TCPAddress("localhost", address.port)

    def dump(self, value: TCPAddress) -> str:
        return str(value)


@frozen
class Timeout(Duration):
    """
    A time limit.  There is always one: 0, and what in distribution means "none", is the default.

    :param default: in seconds.
    """

    default: float = 0.0

    def read(self, node: Node, place: Place) -> float:
        if text_of(node).lstrip().startswith("-"):
            place.warning("there is always a limit: the default holds")
            return self.default
        return super().read(node, place) or self.default


@frozen
class Connections(Integer):
    """
    A number of connections; 0 or less is the default, and many become :data:`MOST_CONNECTIONS`.
    """

    def checked(self, number: int) -> int:
        return min(super().checked(number), MOST_CONNECTIONS)


@frozen(kw_only=True)
class RedisTLS:
    """
    ``redis.tls``: if any of it is said, Redis is spoken to by TLS, and its certificate is
    verified.

    :param certificate: a file with ours.
    :param rootcas: files with those who may have signed that of Redis; none for those that the
        operating system trusts.
    :param key: a file with the key of our certificate.
    """

    certificate: str = key(Text(), "")
    rootcas: tuple[str, ...] = key(ListOf(Text(filled=True)), ())
    key: str = key(Text(), "")  # the last, since it hides what declares keys

    @property
    def enabled(self) -> bool:
        """
        Whether there is TLS.
        """
        return bool(self.certificate or self.key or self.rootcas)


@frozen(kw_only=True)
class Redis(Checked):
    """
    ``redis``: the server that caches share.

    :param addrs: where it is; with ``mastername``, where its sentinels are.
    :param mastername: the name that the sentinels know the master by.
    :param db: the number of the database.
    :param username: who we are; empty for the default user.
    :param password: what proves it; empty for nothing.
    :param sentinelusername: the same, for the sentinels.
    :param sentinelpassword: the same, for the sentinels.
    :param tls: whether and how TLS is spoken.
    :param dialtimeout: seconds until a connection must be there.
    :param readtimeout: seconds until an answer must be there.
    :param poolsize: connections of each process.
    """

    addrs: tuple[TCPAddress, ...] = key(ListOf(ServerAddress()), ())
    mastername: str = key(Text(), "")
    db: int = key(Integer(), 0)
    username: str = key(Text(), "")
    password: str = key(Text(), "", show=False)
    sentinelusername: str = key(Text(), "")
    sentinelpassword: str = key(Text(), "", show=False)
    tls: RedisTLS = section(RedisTLS)
    dialtimeout: float = key(Timeout(default=5.0), 5.0)
    readtimeout: float = key(Timeout(default=0.5), 0.5)
    poolsize: int = key(Connections(zero=4, negative=4), 4)

    def contradictions(self) -> list[tuple[str, str]]:
        if not self.mastername and len(self.addrs) > 1:
            return [("addrs", _CLUSTER)]
        if self.mastername and self.tls.enabled:
            return [("tls", "is not supported with sentinels, which mastername asks for")]
        return []


_CLUSTER = (
    "several are a Redis Cluster, which is not supported: name one server, or, with mastername,"
    " the sentinels"
)


def judge_caching(cache: Cache, redis: Redis, tree: Table, place: Place) -> None:
    """
    Report what is wrong, or odd, about the two sections together.
    """

    def at(name: str) -> Place:
        return place.child(name, find(tree, name))

    if cache.blobdescriptor == "redis" and not redis.addrs:
        at("storage.cache.blobdescriptor").error("redis has no address: name it in redis.addrs")
    if cache.blobdescriptor != "redis" and redis.addrs:
        at("redis").warning("nothing uses it, since storage.cache.blobdescriptor is not redis")
    size = "storage.cache.blobdescriptorsize"
    if cache.blobdescriptor == "redis" and not is_empty(find(tree, size)):
        at(size).warning("has no effect with redis, whose own settings say how much it keeps")
    if bool(redis.tls.certificate) != bool(redis.tls.key):
        at("redis.tls").warning("without certificate and key, both, there is no client certificate")
