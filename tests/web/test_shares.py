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


def behind(shares: list[Shares]) -> list[int | None]:
    """
    To whom each would leave one.
    """
    return [each.behind for each in shares]


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

    def test_behind(self, shares: list[Shares]) -> None:
        """
        Who has two less than this one would have gets a connection, of several the one with the
        fewest; those on their way count as those that are there.
        """
        assert behind(shares) == [None] * 3
        shares[0].tell(0)
        shares[1].tell(0)
        assert behind(shares) == [None] * 3
        shares[0].tell(1)
        assert behind(shares) == [1, None, None]
        shares[2].sent(1)
        assert behind(shares)[0] is None
        shares[0].tell(5)
        shares[2].tell(0)
        assert behind(shares)[0] == 2
        shares[1].all_arrived(1)
        shares[0].sent(2)
        assert behind(shares)[0] == 1
        shares[1].tell(ABSENT)
        assert behind(shares)[0] == 2
        assert [shares[0].present(index) for index in range(3)] == [True, False, True]

    def test_own_inbox(self, shares: list[Shares]) -> None:
        """
        What is on its way here counts too.
        """
        for each in shares:
            each.tell(0)
        shares[1].sent(0)
        assert behind(shares)[0] == 1
        shares[0].arrived(0)
        assert behind(shares)[0] is None
        shares[0].arrived(0)
        assert behind(shares)[0] is None

    def test_successor(self, shares: list[Shares]) -> None:
        """
        A successor begins without what was counted wrong before.
        """
        for each in shares:
            each.tell(1)
        shares[1].sent(0)
        Connections(10).share(shares[0])
        assert behind(shares)[1] == 0

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
