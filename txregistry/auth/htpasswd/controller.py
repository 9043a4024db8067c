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
from txregistry.auth.htpasswd.checking import Origin, Passwords
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
        said, origin = credentials.authorization, (credentials.address, credentials.proxy)
        grant = self._known(said, _place(*origin))
        if grant is not None:
            return succeed(grant)
        basic = parse_basic(said)
        if basic is None:
            return fail(self._refusal(accesses))
        return self._authorize(basic, said, origin, accesses)

    @deferred
    async def verify(self, user: str, password: str, address: str, proxy: str = "") -> bool:
        """See :class:`~txregistry.interfaces.IUsers`."""
        # No header field is like this, and no other pair.
        said = f"\n{len(user)}:{user}:{password}"
        if self._known(said, _place(address, proxy)) is not None:
            return True
        basic = BasicCredentials(user, password.encode("utf-8", "surrogateescape"))
        return await self._grant(basic, said, (address, proxy)) is not None

    def mark(self, user: str) -> Deferred[str]:
        """See :class:`~txregistry.interfaces.IUserMarks`."""
        return self._passwords.mark(user)

    def _known(self, said: str, place: str) -> Grant | None:
        """:return: what is granted without any waiting."""
        entries = self._passwords.fresh
        return None if entries is None else self._recognised.grant(said, place, entries)

    @deferred
    async def _authorize(
        self,
        basic: BasicCredentials,
        said: str,
        origin: Origin,
        accesses: Sequence[Access],
    ) -> Grant:
        grant = await self._grant(basic, said, origin)
        if grant is None:
            raise self._refusal(accesses)
        return grant

    async def _grant(self, basic: BasicCredentials, said: str, origin: Origin) -> Grant | None:
        """:return: what a password is good for: ``None`` for nothing."""
        place = _place(*origin)
        if self._passwords.fresh is None:
            await self._passwords.look()
            grant = self._known(said, place)
            if grant is not None:
                return grant
        self._recognised.trying(basic.user, place)
        entries, until = await self._passwords.check(basic, *origin)
        if not until:
            self._recognised.answered(basic.user, place)
            return None
        grant = Grant(basic.user, RULE)
        self._recognised.remember(said, place, entries, until, grant)
        return grant

    def _refusal(self, accesses: Sequence[Access]) -> Unauthorized:
        return Unauthorized(self._challenge, records(accesses))


def _place(address: str, proxy: str) -> str:
    """
    :return: where a client is.  Who lies about his address behind one proxy is not where somebody
        is who has that address behind another.
    """
    return f"{address} {proxy}" if proxy else address
