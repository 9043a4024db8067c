"""
Registries for the tests of the storage room.
"""

from __future__ import annotations

import pytest

from tests.storage.kit import Shop, open_shop
from txregistry.interfaces import IRepository


@pytest.fixture
def shop() -> Shop:
    """A registry in memory."""
    return open_shop()


@pytest.fixture
def repository(shop: Shop) -> IRepository:
    """A repository in it, opened for nobody in particular."""
    return shop.repository()
