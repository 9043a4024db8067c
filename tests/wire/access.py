"""
An access controller for tests: a table of who may do what.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

from attrs import field, frozen
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from txregistry.errors import Denied, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials, records

#: What a user may do: texts like ``pull:a/b``, ``push:a/b``, ``delete:a/b`` and ``*:catalog``.
Rights = Mapping[str, frozenset[str]]


def rights(**of_users: str) -> Rights:
    """
    Write a table: ``rights(joe="pull:a push:a")``.
    """
    return {user: frozenset(text.split()) for user, text in of_users.items()}


@implementer(IAccessController)
@frozen
class AccessTable:
    """
    Grants what stands in a table.

    :param rights: the table.
    :param bearer: challenge as with a token server; else as with passwords, where nobody can
        ask for more than he has.
    :param denies: whether who is known and may not is denied, not asked for other credentials.
    :param asked: everything that was ever asked.
    """

    rights: Rights
    bearer: bool = True
    denies: bool = True
    asked: list[tuple[Access, ...]] = field(factory=list)

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        self.asked.append(tuple(accesses))
        user = self._user(credentials)
        if user is None:
            return fail(Unauthorized(self._challenge(accesses, ""), records(accesses)))
        if all(f"{each.action.value}:{each.name}" in self.rights[user] for each in accesses):
            return succeed(Grant(user))
        if self.bearer or not self.denies:
            challenge = self._challenge(accesses, "insufficient_scope")
            return fail(Unauthorized(challenge, records(accesses)))
        return fail(Denied())

    def credentials(self, user: str) -> tuple[str, str]:
        """
        The header field by which somebody makes himself known.
        """
        if self.bearer:
            return ("Authorization", f"Bearer {user}")
        return ("Authorization", "Basic " + b64encode(f"{user}:secret".encode()).decode())

    def _user(self, credentials: Credentials) -> str | None:
        scheme, _, value = credentials.authorization.partition(" ")
        if scheme == "Basic":
            value = b64decode(value).decode().partition(":")[0]
        return value if value in self.rights else None

    def _challenge(self, accesses: Sequence[Access], error: str) -> str:
        if not self.bearer:
            return 'Basic realm="registry"'
        scope = " ".join(f"{each.type}:{each.name}:{each.action.value}" for each in accesses)
        challenge = 'Bearer realm="https://auth.example/token",service="registry.example"'
        challenge += f',scope="{scope}"' if scope else ""
        return challenge + (f',error="{error}"' if error else "")
