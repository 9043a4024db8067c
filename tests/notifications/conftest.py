"""
What several tests of notifications use.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.notifications.listener import Listener


@pytest.fixture
def listener() -> Iterator[Listener]:
    """
    A listener.
    """
    made = Listener()
    yield made
    made.stop()
