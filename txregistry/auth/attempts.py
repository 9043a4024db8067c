"""
How often somebody may try a password.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.interfaces import IAttempts


@implementer(IAttempts)
class UnlimitedAttempts:
    """
    As often as he likes.  For the tests of access controllers.
    """

    def admit(self, user: str, address: str) -> Deferred[None]:
        """Lets everybody try at once."""
        return succeed(None)

    def failed(self, user: str, address: str) -> None:
        """Notes nothing."""

    def succeeded(self, user: str, address: str) -> None:
        """Notes nothing."""
