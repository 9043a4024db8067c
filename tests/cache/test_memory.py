"""
The cache in memory.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from txregistry.cache.counting import Counts
from txregistry.cache.epochs import Epochs, private_cells, shared_cells
from txregistry.cache.memory import UNLIMITED, MemoryDescriptorCache
from txregistry.interfaces import Stored
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.testing.cache import (
    DIGEST,
    HERE,
    OTHER,
    OTHER_STORED,
    STORED,
    CountingMetrics,
    DescriptorCacheContract,
    Sharing,
    has,
    put,
)


class OneProcessTests(DescriptorCacheContract):
    """
    Where there is only one process.
    """

    @pytest.fixture
    def sharing(self) -> Sharing:
        """
        The same twice.
        """
        cache = MemoryDescriptorCache(Epochs(private_cells()), 100)
        return cache, cache


class SeveralProcessesTests(DescriptorCacheContract):
    """
    Each has its own memory, and they share epochs.
    """

    @pytest.fixture
    def sharing(self, tmp_path: Path) -> Sharing:
        """
        Two that have mapped the same file.
        """
        file = tmp_path / "epochs"
        file.write_bytes(bytes(8 * 4096))
        first, second = (
            MemoryDescriptorCache(Epochs(shared_cells(str(file))), 100) for _ in range(2)
        )
        return first, second


class BoundTests:
    """
    How much is remembered, and what is told of it.
    """

    async def test_capacity(self) -> None:
        """
        What was not used for longest is forgotten.
        """
        cache = MemoryDescriptorCache(Epochs(private_cells()), 2)
        await put(cache, HERE, STORED)
        await put(cache, HERE, OTHER_STORED)
        assert await has(cache, HERE, DIGEST)
        third = Digest.of(b"a third")
        await put(cache, HERE, Stored(Descriptor(OCTET_STREAM, third, 7), third))
        assert await has(cache, HERE, DIGEST)
        assert not await has(cache, HERE, OTHER)
        assert await has(cache, HERE, third)

    @pytest.mark.parametrize("size", [0, -1])
    async def test_unlimited(self, size: int) -> None:
        """
        No limit is a large one.
        """
        cache = MemoryDescriptorCache(Epochs(private_cells()), size)
        await put(cache, HERE, STORED)
        assert await has(cache, HERE, DIGEST)
        assert UNLIMITED > 1_000_000

    async def test_counted(self) -> None:
        """
        Requests and hits are counted.
        """
        metrics = CountingMetrics()
        cache = MemoryDescriptorCache(Epochs(private_cells()), 2, Counts(metrics))
        await put(cache, HERE, STORED)
        await cache.look_up(HERE, DIGEST)
        assert (metrics.of_cache("requests"), metrics.of_cache("hits")) == (2, 1)
        assert metrics.of_cache("errors") == 0

    def test_answers_at_once(self) -> None:
        """
        Nobody waits for another turn of the reactor.
        """
        cache = MemoryDescriptorCache(Epochs(private_cells()), 2)
        assert cache.look_up(HERE, DIGEST).called
        assert cache.ticket(HERE).called
