"""
The access controller: whoever shows a password of the file may do everything.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from twisted.application.service import Service
from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from txregistry.auth.basic import BasicCredentials, challenge_of, parse_basic
from txregistry.auth.challenges import quoted
from txregistry.auth.htpasswd.checking import Passwords
from txregistry.auth.htpasswd.recognised import Recognised
from txregistry.deferreds import deferred
from txregistry.errors import Unauthorized
from txregistry.interfaces import Grant, IAccessController, IUserMarks, IUsers
from txregistry.model.access import Access, Credentials, records

RULE: Final = "htpasswd"
"""What granted it, for the audit log."""


@implementer(IAccessController, IUserMarks, IUsers)
class HtpasswdAccess(Service):
    """
    Asks for names and passwords.

    :param realm: what the password is asked for.
    :param passwords: knows which are right.
    :param recognised: clients that have been right a moment ago.
    :param pool: where they are checked.
    """

    def __init__(
        self, realm: str, passwords: Passwords, recognised: Recognised, pool: ThreadPool
    ) -> None:
        self._challenge = challenge_of(quoted(realm))
        self._passwords = passwords
        self._recognised = recognised
        self._pool = pool

    def startService(self) -> None:
        """Begin to check, and look at the file, so that it is told at once if it is broken."""
        super().startService()
        self._pool.start()
        self._passwords.prepare()

    @deferred
    async def stopService(self) -> None:
        """Wait for the checks that run."""
        super().stopService()
        await self._passwords.settled()
        self._pool.stop()

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """Grants everything to whoever has a password."""
        entries = self._passwords.fresh
        if entries is not None:
            grant = self._recognised.grant(credentials.authorization, entries)
            if grant is not None:
                return succeed(grant)
        basic = parse_basic(credentials.authorization)
        if basic is None:
            return fail(self._refusal(accesses))
        until = self._passwords.known_until(basic)
        if until and entries is not None:
            grant = Grant(basic.user, RULE)
            self._recognised.remember(credentials.authorization, entries, until, grant)
            return succeed(grant)
        return self._ask(basic, credentials.address, accesses)

    def verify(self, user: str, password: str, address: str) -> Deferred[bool]:
        """See :class:`~txregistry.interfaces.IUsers`."""
        basic = BasicCredentials(user, password.encode("utf-8", "surrogateescape"))
        if self._passwords.known_until(basic):
            return succeed(True)
        return self._passwords.are_right(basic, address)

    def mark(self, user: str) -> Deferred[str]:
        """See :class:`~txregistry.interfaces.IUserMarks`."""
        return self._passwords.mark(user)

    @deferred
    async def _ask(
        self, basic: BasicCredentials, address: str, accesses: Sequence[Access]
    ) -> Grant:
        if not await self._passwords.are_right(basic, address):
            raise self._refusal(accesses)
        return Grant(basic.user, RULE)

    def _refusal(self, accesses: Sequence[Access]) -> Unauthorized:
        return Unauthorized(self._challenge, records(accesses))
