"""
A registry for each test.

Where storage has a part in the answer, each test runs on several of them: in memory, in memory
with caches in front of it, and, where bytes come from or go to a file, in files.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from tests.wire.harness import Served
from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem.driver import FilesystemDriver
from txregistry.drivers.filesystem.threads import DriverThreads

KINDS = {
    "digests": ("memory", "cached"),
    "blobs": ("memory", "cached", "files"),
    "uploads": ("memory", "cached", "files"),
    "mounts": ("memory", "cached"),
    "manifests": ("memory", "cached"),
    "referrers": ("memory", "cached"),
    "lists": ("memory", "cached"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """
    Let the tests of some modules run on each kind of registry.
    """
    kinds = KINDS.get(metafunc.module.__name__.rpartition("test_")[2])
    if kinds and "served" in metafunc.fixturenames:
        metafunc.parametrize("served", kinds, indirect=True)


@pytest.fixture
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    """
    A registry in which everything is allowed, as nobody in particular.
    """
    return make(getattr(request, "param", "memory"), tmp_path)


def make(kind: str, directory: Path, **options: Any) -> Served:
    """
    Make a registry of a kind.
    """
    if kind == "files":
        threads = cast(DriverThreads, InlineThreads())
        driver = CheckedDriver(FilesystemDriver(str(directory), threads))
        return Served(driver=driver, **options)
    return Served(cached=kind == "cached", **options)
