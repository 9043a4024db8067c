"""
What the proofs share.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon


@pytest.fixture
def watched_daemon(make_daemon: MakeDaemon) -> Iterator[Daemon]:
    """
    A daemon that is one process, whose memory and system calls can be looked at.  What it stores
    doesn't outlive the test.
    """
    daemon = make_daemon(configuration={"workers": 1})
    yield daemon
    daemon.stop()
    daemon.remove()


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def crowded_daemon(request: pytest.FixtureRequest, make_daemon: MakeDaemon) -> Iterator[Daemon]:
    """
    A daemon for many clients.  What it stores doesn't outlive the test.
    """
    daemon = make_daemon(configuration={"workers": request.param})
    yield daemon
    daemon.stop()
    daemon.remove()
