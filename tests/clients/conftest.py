"""
What the tests with real programs share: a running registry, and a repository of one's own.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from tests.clients.wire import Wire
from tests.daemon import Daemon


@pytest.fixture(scope="session")
def wire(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """
    A registry for all of these tests, as they may find one: with whatever the others left in it.

    To try the tests, or another registry, set ``TXREGISTRY_TEST_ADDRESS`` to the ``host:port``
    of a running one.
    """
    address = os.environ.get("TXREGISTRY_TEST_ADDRESS")
    if address:
        yield Wire(address)
        return
    daemon = Daemon(tmp_path_factory.mktemp("registry")).start()
    try:
        yield Wire(daemon.host)
    finally:
        daemon.stop()
    assert not daemon.troubles(), daemon.log()


@pytest.fixture
def repository(request: pytest.FixtureRequest) -> str:
    """
    The name of a repository that no other test uses.
    """
    words = re.findall("[a-z0-9]+", request.node.nodeid.rpartition("/")[2].lower())
    return "clients/" + "-".join(words)
