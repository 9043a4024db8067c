"""
The cache of blob descriptors, if one is configured.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.application.service import Service

from txregistry.cache.counting import Counts
from txregistry.cache.epochs import Cells, Debt, Epochs, private_cells, shared_cells
from txregistry.cache.memory import MemoryDescriptorCache
from txregistry.cache.registry import Caches
from txregistry.configuration import Configuration, Redis
from txregistry.deferreds import deferred
from txregistry.interfaces import IMetrics
from txregistry.service.context import WorkerContext

if TYPE_CHECKING:
    from txregistry.cache.redis.connections import Connections
    from txregistry.cache.redis.settings import RedisSettings


class Caching(Service):
    """
    Keeps the connections to Redis, if there are any.

    :param caches: what is remembered.
    """

    def __init__(self, caches: Caches, connections: Connections | None = None) -> None:
        self.caches = caches
        self._connections = connections

    def startService(self) -> None:
        """Begin to connect."""
        super().startService()
        if self._connections is not None:
            self._connections.start()

    @deferred
    async def stopService(self) -> None:
        """Close the connections."""
        super().stopService()
        if self._connections is not None:
            await self._connections.stop()


def build_caching(
    reactor: Any,
    configuration: Configuration,
    context: WorkerContext | None,
    metrics: IMetrics | None = None,
) -> Caching | None:
    """
    :param context: the place of this process among several.
    :param metrics: where it is counted what the caches do.
    :return: the cache that is configured, if any is.
    :raises ConfigurationError: if the files for TLS are not what they should be.
    """
    cache = configuration.storage.cache
    if not cache.blobdescriptor:
        return None
    cells = private_cells() if context is None else shared_cells(context.epochs_path)
    counts = Counts(metrics)
    if cache.blobdescriptor == "redis":
        return _in_redis(reactor, configuration.redis, cells, counts)
    epochs, size = Epochs(cells), cache.blobdescriptorsize
    return Caching(
        Caches(
            blobs=MemoryDescriptorCache(epochs, size, counts),
            manifests=MemoryDescriptorCache(epochs, size, counts),
        )
    )


def _in_redis(reactor: Any, redis: Redis, cells: Cells, counts: Counts) -> Caching:
    # Not before it is known that it is wanted: it costs memory and time.
    from txregistry.cache.redis.connections import Connections  # noqa: PLC0415
    from txregistry.cache.redis.descriptors import RedisDescriptorCache  # noqa: PLC0415

    connections = Connections(reactor, _settings(redis))
    return Caching(Caches(RedisDescriptorCache(connections, Debt(cells), counts)), connections)


def _settings(redis: Redis) -> RedisSettings:
    from txregistry.cache.redis.settings import Login, RedisSettings  # noqa: PLC0415 - as above
    from txregistry.cache.redis.tls import load_tls  # noqa: PLC0415 - as above

    tls = None
    if redis.tls.enabled:
        tls = load_tls(redis.tls.certificate, redis.tls.key, redis.tls.rootcas)
    return RedisSettings(
        addresses=tuple((address.host, address.port) for address in redis.addrs),
        master=redis.mastername,
        database=redis.db,
        login=Login(username=redis.username, password=redis.password),
        sentinel_login=Login(username=redis.sentinelusername, password=redis.sentinelpassword),
        connect_timeout=redis.dialtimeout,
        reply_timeout=redis.readtimeout,
        connections=redis.poolsize,
        tls=tls,
    )
