"""
Whose turn it is.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from txregistry.web.connections import Connections
from txregistry.web.shares import ABSENT, Shares


@pytest.fixture
def shares(tmp_path: Path) -> list[Shares]:
    """
    Those of three processes.
    """
    path = str(tmp_path / "shares")
    Shares.make(path, 3)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    return [Shares(path, index) for index in range(3)]


def ahead(shares: list[Shares]) -> list[bool]:
    """
    Which are ahead.
    """
    return [each.ahead for each in shares]


class SharesTests:
    """
    Each leaves the others their share.
    """

    def test_ahead(self, shares: list[Shares]) -> None:
        """
        Who has more than another is ahead; who isn't there doesn't count.
        """
        assert ahead(shares) == [False, False, False]
        shares[0].tell(5)
        assert ahead(shares) == [False] * 3
        shares[1].tell(5)
        assert ahead(shares) == [False] * 3
        shares[1].tell(4)
        assert ahead(shares) == [True, False, False]
        shares[2].tell(ABSENT, 1)
        assert ahead(shares) == [False] * 3

    def test_connections(self, shares: list[Shares]) -> None:
        """
        Connections are told as they come and go, until none is accepted any more.
        """
        connections = Connections(10)
        connections.opened()
        connections.share(shares[0])
        shares[1].tell(1)
        assert ahead(shares) == [False] * 3
        shares[1].tell(2)
        assert ahead(shares) == [False, True, False]
        connections.opened()
        assert ahead(shares) == [False] * 3
        connections.closed()
        assert ahead(shares) == [False, True, False]
        connections.keep()
        assert ahead(shares) == [False] * 3
        connections.closed()
        assert ahead(shares) == [False] * 3
