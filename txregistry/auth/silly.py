"""
The access controller ``silly``, for trying clients out: it asks for credentials, and takes any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from attrs import frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.plugin import IPlugin
from zope.interface import implementer

from txregistry.auth.challenges import quoted
from txregistry.auth.options import text_option
from txregistry.errors import Unauthorized
from txregistry.interfaces import (
    Grant,
    IAccessController,
    IAccessControllerFactory,
    IAttempts,
)
from txregistry.model.access import Access, Credentials, records

USER: Final = "silly"
"""Who everybody is."""

_GRANT = Grant(USER, "silly")


@implementer(IAccessController)
@frozen
class SillyAccess:
    """
    Lets in whoever has any ``Authorization`` at all, and everybody else not.

    :param realm: where a token is to be had.
    :param service: for whom.
    """

    realm: str
    service: str

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """Grants everything, or asks for a token."""
        if credentials.authorization:
            return succeed(_GRANT)
        return fail(Unauthorized(self._challenge(accesses), records(accesses)))

    def _challenge(self, accesses: Sequence[Access]) -> str:
        challenge = f"Bearer realm={quoted(self.realm)},service={quoted(self.service)}"
        # One item for each access, as distribution has it: they are not merged.
        scope = " ".join(f"{each.type}:{each.name}:{each.action.value}" for each in accesses)
        return f"{challenge},scope={quoted(scope)}" if scope else challenge


@implementer(IPlugin, IAccessControllerFactory)
class SillyFactory:
    """
    Makes it of ``realm`` and ``service``.
    """

    name = "silly"

    def create(self, reactor: Any, options: Mapping[str, Any], attempts: IAttempts) -> SillyAccess:
        return SillyAccess(
            realm=text_option("auth.silly", options, "realm"),
            service=text_option("auth.silly", options, "service"),
        )


#: What the table of access controllers names.
factory = SillyFactory()
