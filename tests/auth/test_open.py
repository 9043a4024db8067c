"""
No access control.
"""

from __future__ import annotations

from zope.interface.verify import verifyObject

from txregistry.auth.open import OpenAccess
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials


class OpenAccessTests:
    """
    Everybody may do everything.
    """

    def test_interface(self) -> None:
        """
        It is an access controller.
        """
        verifyObject(IAccessController, OpenAccess())

    async def test_anything(self) -> None:
        """
        Every access is granted, to nobody in particular, whatever the credentials.
        """
        wanted = [CATALOG, *(Access(action, "a/b") for action in Action)]
        for credentials in (Credentials(), Credentials("Basic Zm9vOmJhcg==", "203.0.113.9")):
            assert await OpenAccess().authorize(credentials, wanted) == Grant("")
            assert await OpenAccess().authorize(credentials, []) == Grant("")
