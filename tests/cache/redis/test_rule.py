"""
No cache in Redis outlives a delete, whichever instance did it.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.cache.kit import HoldingDriver, make_worker
from tests.cache.redis.conftest import Connect
from tests.cache.redis.server import RedisServer
from tests.cache.rule import WORKERS, Schedule
from txregistry.cache.registry import Caches
from txregistry.deferreds import deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver


class RuleTests:
    """
    The rule.
    """

    async def test_rule(
        self, server: RedisServer, connect: Connect, scale: Callable[[int, int], int]
    ) -> None:
        """
        Whatever happens at the same time, nobody finds what was deleted, and nobody misses what
        is there.
        """
        users = [await connect(server, connections=1) for _ in range(WORKERS)]

        @deferred
        async def settle() -> None:
            quiet = 0
            while quiet < 2:
                quiet = 0 if any(user.waiting for user in users) else quiet + 1
                await users[0].sleep(0)

        for seed in range(scale(100, 5000)):
            storage = CheckedDriver(MemoryDriver())
            drivers = [HoldingDriver(storage) for _ in users]
            crew = [
                (make_worker(Caches(user.cache), driver), driver)
                for user, driver in zip(users, drivers, strict=True)
            ]
            await Schedule(crew, settle, seed).run()
            server.command("FLUSHALL")
        assert sum(user.errors for user in users) == 0
        assert sum(user.metrics.of_cache("hits") for user in users) > 100
