"""
The access controller of a registry that is its own token server.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.auth.token.challenge import realm_at
from txregistry.auth.token.controller import TokenAccess
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials


@frozen
class OwnRealm:
    """
    Where our own tokens are to be had: at the address by which the client has reached us.

    :param path: of the page, with the prefix.
    :param url: the whole address, where the operator has named it.
    """

    path: str
    url: str = ""

    def __call__(self, credentials: Credentials) -> str:
        scheme = "https" if credentials.secure else "http"
        return self.url or realm_at(scheme, credentials, self.path) or self.path


@implementer(IAccessController)
@frozen
class SelfIssuedAccess:
    """
    Asks for a token, and takes a password from whoever sends one without being asked.

    :param tokens: takes our own tokens.
    :param passwords: takes names and passwords.
    """

    tokens: TokenAccess
    passwords: IAccessController

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As the one or the other, by what is presented."""
        if credentials.authorization[:6].lower() == "basic ":
            return self.passwords.authorize(credentials, accesses)
        return self.tokens.authorize(credentials, accesses)
