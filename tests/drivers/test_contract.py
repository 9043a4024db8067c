"""
Every driver of ours does what a driver must do, alone and behind middleware.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.internet import reactor

from txregistry.deferreds import IReactorThreads
from txregistry.drivers.filesystem import FilesystemDriver, FilesystemFactory
from txregistry.drivers.filesystem.threads import DriverThreads
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers import DriverContract, Sizes, WatchedDriver
from txregistry.testing.drivers.suite import FULL


class FilesystemDriverTests(DriverContract):
    """
    The ``filesystem`` driver.
    """

    @pytest.fixture
    def bare_driver(self, tmp_path: Path) -> IStorageDriver:
        """A driver in an empty directory."""
        return FilesystemFactory().create(reactor, {"rootdirectory": str(tmp_path / "root")})

    @pytest.fixture
    def sizes(self, scale: Callable[[Any, Any], Any]) -> Sizes:
        """In the soak as distribution does it; the file system's clock has ticks of 4 ms."""
        sizes: Sizes = scale(Sizes(tick=0.02), FULL)
        return sizes


class RemoteFilesystemDriverTests(DriverContract):
    """
    The ``filesystem`` driver, where looking at things may take time.
    """

    @pytest.fixture
    def bare_driver(self, tmp_path: Path) -> IStorageDriver:
        """A driver that does all in threads."""
        threads = DriverThreads(cast(IReactorThreads, reactor), 25, "remote")
        return FilesystemDriver(str(tmp_path), threads, quick=False)

    @pytest.fixture
    def sizes(self) -> Sizes:
        """The file system's clock has ticks of 4 ms."""
        return Sizes(tick=0.02)


class MemoryDriverTests(DriverContract):
    """
    The ``inmemory`` driver.
    """

    @pytest.fixture
    def bare_driver(self) -> IStorageDriver:
        """An empty one."""
        return MemoryDriver()

    @pytest.fixture
    def sizes(self) -> Sizes:
        """Its clock is exact."""
        return Sizes(tick=0.01)


class DriverWrapperTests(MemoryDriverTests):
    """
    What a storage middleware begins with.
    """

    @pytest.fixture
    def bare_driver(self) -> IStorageDriver:
        """One around another around an empty driver."""
        return DriverWrapper(DriverWrapper(MemoryDriver()))


class WatchedDriverTests(MemoryDriverTests):
    """
    The fake that fails on demand, while it doesn't.
    """

    @pytest.fixture
    def bare_driver(self) -> IStorageDriver:
        """A watched one."""
        return WatchedDriver(MemoryDriver())
