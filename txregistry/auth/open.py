"""
No access control: everybody may do everything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.interfaces import (
    Grant,
    IAccessController,
    IAccessControllerFactory,
    IAttempts,
)
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


@implementer(IPlugin, IAccessControllerFactory)
class OpenAccessFactory:
    """
    Makes it.
    """

    name = "none"

    def create(self, reactor: Any, options: Mapping[str, Any], attempts: IAttempts) -> OpenAccess:
        return OpenAccess()


#: What the table of access controllers names.
factory = OpenAccessFactory()
