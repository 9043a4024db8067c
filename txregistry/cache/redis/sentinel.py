"""
Finding the master by asking sentinels, as their documentation wants clients to do it: before each
connection, one after the other, and the answer is checked with what is found there (``ROLE``).
"""
# txredisapi has no types, nor have all of Twisted's calls.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

import txredisapi
from twisted.internet.defer import CancelledError
from twisted.internet.endpoints import HostnameEndpoint, connectProtocol
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from zope.interface import implementer

from txregistry.cache.redis.login import log_in
from txregistry.cache.redis.settings import RedisSettings
from txregistry.deferreds import deferred


@implementer(IStreamClientEndpoint)
class SentinelEndpoint:
    """
    Connects to whom the sentinels take for the master.

    :param settings: their addresses, and the name that they know it by.
    """

    def __init__(self, reactor: Any, settings: RedisSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._addresses = list(settings.addresses)

    @deferred
    async def connect(
        self,
        protocolFactory: IProtocolFactory,  # noqa: N803 - the interface's name
    ) -> IProtocol:
        """:raises MasterNotFoundError: if no sentinel knows it."""
        host, port = await self._find_master()
        return await self._endpoint(host, port).connect(protocolFactory)

    async def _find_master(self) -> tuple[str, int]:
        reasons = []
        for address in list(self._addresses):
            try:
                master = await self._ask(*address)
            except CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the next may know
                reasons.append(f"{address[0]}:{address[1]}: {error}")
                continue
            # Who knew it is asked first the next time.
            self._addresses.remove(address)
            self._addresses.insert(0, address)
            return master
        raise txredisapi.MasterNotFoundError(
            f"no sentinel knows the master {self._settings.master} ({'; '.join(reasons)})"
        )

    async def _ask(self, host: str, port: int) -> tuple[str, int]:
        """
        :raises Exception: if this sentinel can't tell.
        """
        protocol = txredisapi.RedisProtocol(
            charset=None, convertNumbers=False, replyTimeout=self._settings.reply_timeout
        )
        sentinel = await connectProtocol(self._endpoint(host, port), protocol)
        try:
            await log_in(sentinel, self._settings.sentinel_login)
            found = await sentinel.sentinel_get_master_addr_by_name(self._settings.master)
        finally:
            sentinel.transport.abortConnection()
        if found is None:
            raise LookupError("it knows no such master")
        return found[0].decode("ascii"), int(found[1])

    def _endpoint(self, host: str, port: int) -> HostnameEndpoint:
        return HostnameEndpoint(self._reactor, host, port, timeout=self._settings.connect_timeout)
