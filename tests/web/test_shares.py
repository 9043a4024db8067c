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


class SharesTests:
    """
    Each leaves the others their share.
    """

    def test_ahead(self, shares: list[Shares]) -> None:
        """
        Who has more than another is ahead; who isn't there doesn't count.
        """
        assert [each.ahead for each in shares] == [False, False, False]
        shares[0].tell(5)
        assert not shares[0].ahead
        shares[1].tell(5)
        assert not shares[0].ahead
        shares[1].tell(4)
        assert [each.ahead for each in shares] == [True, False, False]
        shares[2].tell(ABSENT, 1)
        assert not shares[0].ahead

    def test_connections(self, shares: list[Shares]) -> None:
        """
        Connections are told as they come and go, until none is accepted any more.
        """
        connections = Connections(10)
        connections.opened()
        connections.share(shares[0])
        shares[1].tell(1)
        assert not shares[1].ahead
        shares[1].tell(2)
        assert shares[1].ahead
        connections.opened()
        assert not shares[1].ahead
        connections.closed()
        assert shares[1].ahead
        connections.keep()
        assert not shares[1].ahead
        connections.closed()
        assert not shares[1].ahead
