"""
No access control: everybody may do everything.
"""

from __future__ import annotations

from collections.abc import Sequence

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials

_NOBODY = Grant()


@implementer(IAccessController)
class OpenAccess:
    """
    Lets everybody do everything, as nobody in particular (``auth: none``).
    """

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """Always grants."""
        return succeed(_NOBODY)
