"""
What the proofs share.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.daemon import Daemon


@pytest.fixture
def roomy_daemon(daemon: Daemon) -> Iterator[Daemon]:
    """
    A daemon whose directory doesn't outlive the test: it gets large.
    """
    yield daemon
    daemon.stop()
    daemon.remove()
