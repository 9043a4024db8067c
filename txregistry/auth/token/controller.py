"""
The access controller ``token``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.auth.token.challenge import IRealm, bearer_challenge
from txregistry.auth.token.claims import Claims, check_claims, parse_claims
from txregistry.auth.token.jws import parse_jws
from txregistry.auth.token.refusals import ScopeInsufficient, TokenInvalid, TokenRefused
from txregistry.auth.token.trust import IKeys, Trust
from txregistry.deferreds import Threads, deferred
from txregistry.errors import Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Credentials, records
from txregistry.recent import Recent

RULE: Final = "token"

REMEMBERED: Final = 16 * 1024 * 1024
"""Bytes of tokens whose verification is remembered; about what remembering takes itself."""


@frozen
class Rules:
    """
    Which tokens are taken.

    :param issuer: whose.
    :param service: for whom they must be.
    :param algorithms: that they may be signed with.
    """

    issuer: str
    service: str
    algorithms: frozenset[str]


@implementer(IAccessController)
class TokenAccess:
    """
    Lets the bearers of tokens do what these say.

    A token is verified once.  After that its digest is enough, until it expires or what is
    trusted changes.

    :param rules: which tokens are taken.
    :param keys: whose signatures are trusted.
    :param realm: where tokens are to be had.
    :param threads: where signatures are verified.
    :param now: the time of day, in seconds since the epoch.
    """

    log = Logger()

    def __init__(
        self,
        rules: Rules,
        keys: IKeys,
        realm: IRealm,
        threads: Threads,
        now: Callable[[], float],
    ) -> None:
        self._rules = rules
        self._keys = keys
        self._realm = realm
        self._threads = threads
        self._now = now
        self._trust: Trust | None = None
        self._known: Recent[bytes, Claims] = Recent(REMEMBERED)

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """
        :raises Unauthorized: if there is no token, or it isn't good enough.
        :raises Unavailable: if no key could be had to verify it with.
        """
        token = bearer_token(credentials)
        if not token:
            return fail(self.refusal(credentials, accesses))
        self._keys.glance()
        claims = self._recall(token)
        if claims is None:
            return self._verify_and_judge(token, credentials, accesses)
        try:
            return succeed(_judged(claims, accesses))
        except TokenRefused as refused:
            return fail(self.refusal(credentials, accesses, refused.error))

    def refusal(
        self, credentials: Credentials, accesses: Sequence[Access], error: str = ""
    ) -> Unauthorized:
        """:return: what to raise, with a challenge that says where to get a token."""
        realm = self._realm(credentials)
        challenge = bearer_challenge(realm, self._rules.service, accesses, error)
        return Unauthorized(challenge, records(accesses))

    @deferred
    async def _verify_and_judge(
        self, token: str, credentials: Credentials, accesses: Sequence[Access]
    ) -> Grant:
        try:
            claims = await self._verify(token)
        except TokenRefused as refused:
            self.log.info(
                "a token from {address} is refused: {reason}",
                address=credentials.address,
                reason=refused.reason,
            )
            raise self.refusal(credentials, accesses, refused.error) from None
        try:
            return _judged(claims, accesses)
        except TokenRefused as refused:
            raise self.refusal(credentials, accesses, refused.error) from None

    async def _verify(self, token: str) -> Claims:
        jws = parse_jws(token)
        if jws.algorithm not in self._rules.algorithms:
            raise TokenInvalid("it is signed with an algorithm that isn't allowed")
        if not self._keys.trust.knows(jws) and jws.key_id:
            await self._keys.look()
        now, trust = self._now(), self._keys.trust
        until = await self._threads.run(trust.verify, jws, now)
        claims = check_claims(
            parse_claims(jws.payload), self._rules.issuer, self._rules.service, now
        )
        claims = evolve(claims, until=min(until, claims.until))
        if trust is self._keys.trust:
            self._recall(token)  # which forgets what was verified by what is trusted no more
            self._known.put(_digest(token), claims, len(token))
        return claims

    def _recall(self, token: str) -> Claims | None:
        """:return: what a token claims, if it has been verified, and still counts."""
        if self._trust is not self._keys.trust:
            self._trust = self._keys.trust
            self._known = Recent(REMEMBERED)
            return None
        digest = _digest(token)
        claims = self._known.get(digest)
        if claims is not None and claims.until < self._now():
            self._known.forget(digest)
            return None
        return claims


def bearer_token(credentials: Credentials) -> str:
    """:return: the token that is presented (RFC 6750 §2.1), ``""`` where there is none."""
    scheme, _, token = credentials.authorization.partition(" ")
    return token.strip(" ") if scheme.lower() == "bearer" else ""


def _judged(claims: Claims, accesses: Sequence[Access]) -> Grant:
    if CATALOG in accesses:
        # Whoever may list repositories may see their names: no token can name them all.
        accesses = (CATALOG,)
    if not all(map(claims.allows, accesses)):
        raise ScopeInsufficient("it doesn't allow all of this")
    return Grant(claims.user, RULE)


def _digest(token: str) -> bytes:
    return blake2b(token.encode("latin-1", "replace"), digest_size=32).digest()
