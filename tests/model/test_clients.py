"""
By what clients are counted.
"""

from __future__ import annotations

import pytest

from txregistry.model.clients import counted_as


class CountedTests:
    """
    Who is one client.
    """

    @pytest.mark.parametrize(
        ("one", "other", "same"),
        [
            ("203.0.113.1", "203.0.113.1", True),
            ("203.0.113.1", "203.0.113.2", False),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
            # By a translator, whichever of its prefixes it uses (RFC 6052 §2.2).
            ("64:ff9b::203.0.113.1", "64:ff9b::203.0.113.2", False),
            ("64:ff9b::203.0.113.1", "203.0.113.1", True),
            ("64:ff9b::cb00:7101", "203.0.113.1", True),
            ("64:ff9b:1::203.0.113.1", "64:ff9b:1::203.0.113.2", False),
            ("64:ff9b:1:a:b:c:203.0.113.1", "64:ff9b:1:a:b:c:203.0.113.2", False),
            ("64:ff9b:1:cb00:71:100::", "64:ff9b:1:cb00:71:200::", False),
            ("64:ff9b:1:a:cb:71:100:0", "64:ff9b:1:a:cb:71:200:0", False),
            # Beside them.
            ("64:ff9b:2::203.0.113.1", "64:ff9b:2::203.0.113.2", True),
            ("64:ff9b:0:0:0:1:cb00:7101", "64:ff9b:0:0:0:1:cb00:7102", True),
            ("::ffff:203.0.113.1", "::ffff:203.0.113.2", False),
            ("::ffff:203.0.113.1", "203.0.113.1", True),
            ("", "203.0.113.1", False),
            ("", "", True),
            ("unix", "unix", True),
        ],
    )
    def test_same(self, one: str, other: str, same: bool) -> None:
        """
        It is an address of IPv4, also where a translator writes it as one of IPv6, and else the
        network that one client of IPv6 has.
        """
        assert (counted_as(one) == counted_as(other)) is same
