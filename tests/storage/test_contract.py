"""
The registry does what a registry must do, on each driver of ours, and so does what stands around it
by default.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from txregistry.deferreds import InlineThreads, Threads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem import FilesystemFactory
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.interfaces import IRegistry
from txregistry.storage.registry import Registry
from txregistry.storage.wrapping import WrappingRegistry
from txregistry.testing.registry import RegistryContract


def now() -> datetime:
    """:return: the time of day."""
    return datetime.now(UTC)


class InMemoryTests(RegistryContract):
    """
    On the ``inmemory`` driver.
    """

    @pytest.fixture
    def registry(self) -> IRegistry:
        """An empty registry."""
        return Registry(CheckedDriver(MemoryDriver()), InlineThreads(), now)


class FilesystemTests(RegistryContract):
    """
    On the ``filesystem`` driver, with real threads.
    """

    @pytest_twisted.async_yield_fixture
    async def registry(self, tmp_path: Path) -> AsyncIterator[IRegistry]:
        """An empty registry."""
        driver = CheckedDriver(
            FilesystemFactory().create(reactor, {"rootdirectory": str(tmp_path / "root")})
        )
        threaded: Any = reactor
        threads = Threads(threaded, threaded.getThreadPool())
        yield Registry(driver, threads, now)
        await driver.close()


class WrappedTests(InMemoryTests):
    """
    Within what repository middleware is hung on.
    """

    @pytest.fixture
    def registry(self) -> IRegistry:
        """An empty registry."""
        bare = Registry(CheckedDriver(MemoryDriver()), InlineThreads(), now)
        return WrappingRegistry(bare, [lambda repository, _: repository])
