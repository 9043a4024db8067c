"""
No cache in memory outlives a delete, whichever worker did it.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from tests.cache.kit import HoldingDriver, Worker, make_worker, memory_caches
from tests.cache.rule import WORKERS, DeleteRule
from txregistry.cache.epochs import private_cells
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver


def make_crew() -> list[tuple[Worker, HoldingDriver]]:
    """
    Workers that share a storage and epochs.
    """
    cells, storage = private_cells(), CheckedDriver(MemoryDriver())
    drivers = [HoldingDriver(storage) for _ in range(WORKERS)]
    return [(make_worker(memory_caches(cells), driver), driver) for driver in drivers]


class InMemory(DeleteRule):
    """
    With a cache in the memory of each.
    """

    make = staticmethod(make_crew)


class RuleTests:
    """
    The rule.
    """

    def test_rule(self) -> None:
        """
        Whatever happens at the same time, nobody finds what was deleted, and nobody misses what
        is there.
        """
        run_state_machine_as_test(
            InMemory, settings=settings(max_examples=200, stateful_step_count=40)
        )
