"""
Who uses a Redis: a process, seen from inside.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from twisted.internet.task import deferLater

from txregistry.cache.counting import Counts
from txregistry.cache.epochs import Debt
from txregistry.cache.redis.connections import Connections
from txregistry.cache.redis.descriptors import RedisDescriptorCache
from txregistry.cache.redis.settings import RedisSettings
from txregistry.testing.cache import CountingMetrics

PATIENCE = 20.0


class User:
    """
    A process with its connections and its cache.
    """

    def __init__(self, reactor: Any, settings: RedisSettings, debt: Debt) -> None:
        self._reactor = reactor
        self.settings = settings
        self.debt = debt
        self.metrics = CountingMetrics()
        self.connections = Connections(reactor, settings)
        self.cache = RedisDescriptorCache(self.connections, debt, Counts(self.metrics))

    @property
    def alive(self) -> int:
        """
        How many connections can be used.
        """
        return len(self.connections._factory.pool)

    @property
    def waiting(self) -> int:
        """
        How many answers are waited for.
        """
        return sum(each.waiting for each in self.connections._factory.pool)

    @property
    def errors(self) -> int:
        """
        How many there were.
        """
        return self.metrics.of_cache("errors")

    async def connected(self) -> None:
        """
        Wait until all connections can be used.
        """
        await self.until(lambda: self.alive == self.settings.connections)

    async def until(self, condition: Callable[[], bool]) -> None:
        """
        Wait until something holds.
        """
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, "it never holds"
            await self.sleep(0.01)

    async def sleep(self, seconds: float) -> None:
        """
        Wait.
        """
        await deferLater(self._reactor, seconds)

    async def lasts(self, asking: Any) -> tuple[Any, float]:
        """
        Wait for an outcome.

        :return: what it is, and how many seconds it took.
        """
        begin = time.monotonic()
        outcome = await asking
        return outcome, time.monotonic() - begin
