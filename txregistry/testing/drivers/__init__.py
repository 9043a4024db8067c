"""
What every storage driver must do, as a suite of tests; and a driver that fails when you want.

The suite is for :mod:`pytest` with ``pytest-twisted``.  Give it a driver, and it is tested::

    class MyDriverTests(DriverContract):
        @pytest.fixture
        def bare_driver(self, tmp_path):
            return MyDriver(reactor, tmp_path)

The driver is tested behind :class:`~txregistry.drivers.base.CheckedDriver`, as it will be used,
and must be empty at first.
"""

from txregistry.testing.drivers.changes import ChangeContract
from txregistry.testing.drivers.contents import ContentContract
from txregistry.testing.drivers.lists import ListContract
from txregistry.testing.drivers.streams import StreamContract
from txregistry.testing.drivers.suite import Sizes, coroutine_tests
from txregistry.testing.drivers.trees import TreeContract
from txregistry.testing.drivers.walks import WalkContract
from txregistry.testing.drivers.watched import WatchedDriver
from txregistry.testing.drivers.writers import WriterContract

__all__ = ["DriverContract", "Sizes", "WatchedDriver", "coroutine_tests"]


class DriverContract(
    ContentContract,
    StreamContract,
    WriterContract,
    ChangeContract,
    TreeContract,
    ListContract,
    WalkContract,
):
    """
    All that a storage driver must do.
    """
