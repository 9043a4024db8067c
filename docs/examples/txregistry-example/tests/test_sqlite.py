"""
The storage driver does what a storage driver must do.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet import reactor
from txregistry_example.sqlite import SqliteFactory

from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers import DriverContract, Sizes


class SqliteDriverTests(DriverContract):
    """
    All of txregistry's suite.
    """

    @pytest.fixture
    def bare_driver(self, tmp_path: Path) -> IStorageDriver:
        """A driver of an empty database."""
        return SqliteFactory().create(reactor, {"path": str(tmp_path / "registry.sqlite")})

    @pytest.fixture
    def sizes(self) -> Sizes:
        """SQLite is exact to the microsecond, and needs no big files to show what it does."""
        return Sizes(stream=4 * 1024 * 1024, entries=300, tick=0.01)
