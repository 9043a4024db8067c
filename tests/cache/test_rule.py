"""
No cache in memory outlives a delete, whichever worker did it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import succeed

from tests.cache.kit import HoldingDriver, make_worker, memory_caches
from tests.cache.rule import WORKERS, Crew, Schedule
from txregistry.cache.epochs import private_cells
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver


def make_crew() -> Crew:
    """
    Workers that share a storage and epochs.
    """
    cells, storage = private_cells(), CheckedDriver(MemoryDriver())
    drivers = [HoldingDriver(storage) for _ in range(WORKERS)]
    return [(make_worker(memory_caches(cells), driver), driver) for driver in drivers]


class RuleTests:
    """
    The rule.
    """

    async def test_rule(self, scale: Callable[[int, int], int]) -> None:
        """
        Whatever happens at the same time, nobody finds what was deleted, and nobody misses what
        is there.
        """
        for seed in range(scale(400, 20_000)):
            await Schedule(make_crew(), lambda: succeed(None), seed).run()
