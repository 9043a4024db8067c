"""
Drivers in directories, also on file systems that are full or can't be written to.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_twisted
from twisted.internet import reactor

from txregistry.deferreds import IReactorThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem import FilesystemDriver
from txregistry.drivers.filesystem.threads import DriverThreads
from txregistry.interfaces import IStorageDriver

MakeDriver = Callable[..., IStorageDriver]


@pytest.fixture
def threads() -> DriverThreads:
    """A driver's threads, which it stops."""
    return DriverThreads(cast(IReactorThreads, reactor), 25, "test")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The root directory of a driver."""
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest_twisted.async_yield_fixture
async def make_driver(root: Path, threads: DriverThreads) -> AsyncIterator[MakeDriver]:
    """Makes drivers on one directory, with the arguments of ``FilesystemDriver``."""
    drivers = []

    def make(directory: Path = root, **options: Any) -> IStorageDriver:
        bare = FilesystemDriver(str(directory), threads, **options)
        drivers.append(CheckedDriver(bare))
        return drivers[-1]

    yield make
    for driver in drivers:
        await driver.close()


@pytest.fixture
def driver(make_driver: MakeDriver) -> IStorageDriver:
    """A driver on an empty directory."""
    return make_driver()


@pytest.fixture
def small_disk(mount_memory: Callable[[str], Path]) -> Path:
    """A file system of 1 MiB in memory."""
    return mount_memory("size=1m")
