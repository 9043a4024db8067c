"""
Issues tokens.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.auth.basic import challenge_of, is_name, parse_basic
from txregistry.auth.challenges import quoted
from txregistry.auth.token.jws import parse_jws
from txregistry.auth.token.refusals import TokenRefused
from txregistry.auth.tokenserver.claims import ACCESS, REFRESH, Terms
from txregistry.auth.tokenserver.ownkeys import OwnKeys
from txregistry.auth.tokenserver.scopes import Scope, kept, parse_scopes, spelled_out
from txregistry.deferreds import Threads, deferred
from txregistry.errors import BadRequest, Unauthorized
from txregistry.interfaces import (
    IPolicy,
    IssuedToken,
    ITokenService,
    IUserMarks,
    IUsers,
    TokenWish,
)
from txregistry.model.access import Credentials, Identity

_REFRESHABLE: Final = frozenset({REFRESH})


@implementer(ITokenService)
class TokenService:
    """
    Gives tokens to users, and to everybody what everybody may.

    What it grants is what the policies do.  Where there are none, a user gets what he asks for, as
    with his password, and nobody else gets anything.

    :param terms: on which terms.
    :param keys: that sign.
    :param users: knows their passwords.
    :param policy: the operator's rules, if there are any.
    :param threads: where tokens are signed and verified.
    :param now: the time of day, in seconds since the epoch.
    """

    log = Logger()

    def __init__(
        self,
        terms: Terms,
        keys: OwnKeys,
        users: IUsers,
        policy: IPolicy | None,
        threads: Threads,
        now: Callable[[], float],
    ) -> None:
        self._terms = terms
        self._keys = keys
        self._users = users
        self._marks: IUserMarks | None = IUserMarks(users, None)
        self._policy = policy
        self._threads = threads
        self._now = now

    @deferred
    async def issue(self, credentials: Credentials, wish: TokenWish) -> IssuedToken:
        """See :class:`~txregistry.interfaces.ITokenService`."""
        if not credentials.authorization:
            return await self._issue_to_anybody(credentials.address, wish)
        basic = parse_basic(credentials.authorization)
        if basic is None:
            raise self._refusal()
        password = basic.password.decode("utf-8", "surrogateescape")
        address, proxy = credentials.address, credentials.proxy
        return await self.issue_for_password(basic.user, password, address, wish, proxy)

    @deferred
    async def issue_for_password(
        self, user: str, password: str, address: str, wish: TokenWish, proxy: str = ""
    ) -> IssuedToken:
        """See :class:`~txregistry.interfaces.ITokenService`."""
        scopes = self._scopes(wish)
        if not is_name(user) or not await self._users.verify(user, password, address, proxy):
            raise self._refusal()
        return await self._issue(Identity(user, address), scopes, lasting=wish.lasting)

    @deferred
    async def refresh(self, token: str, address: str, wish: TokenWish) -> IssuedToken:
        """See :class:`~txregistry.interfaces.ITokenService`."""
        scopes = self._scopes(wish)
        try:
            user = await self._user_of(token)
        except TokenRefused as refused:
            self.log.info(
                "a refresh token from {address} is refused: {reason}",
                address=address,
                reason=refused.reason,
            )
            raise self._refusal() from None
        return await self._issue(Identity(user, address), scopes, lasting=False)

    def key_set(self) -> bytes:
        """See :class:`~txregistry.interfaces.ITokenService`."""
        self._keys.glance()
        return self._keys.signing.key_set()

    def _refusal(self) -> Unauthorized:
        return Unauthorized(challenge_of(quoted(self._terms.service)))

    def _scopes(self, wish: TokenWish) -> list[Scope]:
        """
        :raises BadRequest: if the token would be for somebody else, who must not take it.
        """
        if wish.service not in ("", self._terms.service):
            raise BadRequest(f"there are tokens for the service {self._terms.service} only")
        return parse_scopes(wish.scopes)

    def _issue_to_anybody(self, address: str, wish: TokenWish) -> Deferred[IssuedToken]:
        scopes = self._scopes(wish)
        if self._policy is None:
            raise self._refusal()
        return self._issue(Identity("", address), scopes, lasting=False)

    @deferred
    async def _issue(
        self, identity: Identity, wanted: Sequence[Scope], *, lasting: bool
    ) -> IssuedToken:
        self._keys.glance()
        now, key, user = self._now(), self._keys.signing.keys[0], identity.user
        scopes = [self._granted(identity, scope) for scope in wanted]
        scopes = [scope for scope in scopes if scope.actions]
        claims = self._terms.access(user, scopes, now)
        token = await self._threads.run(key.sign, claims, ACCESS)
        mark = await self._marks.mark(user) if lasting and self._marks is not None else ""
        refresh = ""
        if mark:
            claims = self._terms.refresh(user, mark, now)
            refresh = await self._threads.run(key.sign, claims, REFRESH)
        return IssuedToken(
            token,
            " ".join(map(str, scopes)),
            int(self._terms.lifetime),
            datetime.fromtimestamp(int(now), UTC),
            refresh,
            user,
        )

    def _granted(self, identity: Identity, wanted: Scope) -> Scope:
        if self._policy is None:
            return wanted
        policy, scope = self._policy, spelled_out(wanted)
        return kept(
            scope,
            [access.action for access in scope.accesses if policy.decide(identity, access).granted],
        )

    async def _user_of(self, token: str) -> str:
        """
        :return: the user of a token by which others are to be had, who still has the same password.
        :raises TokenRefused: if it isn't good.
        """
        jws = parse_jws(token, _REFRESHABLE)
        looked = self._keys.glance()
        if looked is not None:
            await looked
        if not self._keys.trust.knows(jws):
            await self._keys.look()
        now = self._now()
        await self._threads.run(self._keys.trust.verify, jws, now)
        user, mark = self._terms.read_refresh(jws, now)
        known = "" if self._marks is None else await self._marks.mark(user)
        if not known or not hmac.compare_digest(known.encode(), mark.encode()):
            raise TokenRefused("the user is gone, or has another password now")
        return user
