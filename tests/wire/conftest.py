"""
A registry for each test.
"""

from __future__ import annotations

import pytest

from tests.wire.harness import Served


@pytest.fixture
def served() -> Served:
    """
    A registry in which everything is allowed, as nobody in particular.
    """
    return Served()
