"""
The access controller ``token``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Final

from attrs import evolve, frozen
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.auth.token.challenge import IRealm, bearer_challenge
from txregistry.auth.token.claims import RULE, Claims, check_claims, parse_claims
from txregistry.auth.token.jws import parse_jws
from txregistry.auth.token.refusals import TokenInvalid, TokenRefused
from txregistry.auth.token.trust import IKeys, Trust
from txregistry.deferreds import Threads, deferred
from txregistry.errors import Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials, records
from txregistry.recent import Recent

INSUFFICIENT: Final = "insufficient_scope"
"""What is wrong with a token that is good, but not for this."""

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

    A token is verified once.  After that the digest of its field is enough, until it expires or
    what is trusted changes.

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
        # With every request it is this way that is gone: it calls little, and makes nothing.
        authorization = credentials.authorization
        if authorization[:7].lower() != "bearer " or not authorization[7:8]:
            return fail(self._refusal(credentials, accesses))
        looked = self._keys.glance()
        if looked is not None:
            return looked.addCallback(lambda _: self._judge(credentials, accesses))
        return self._judge(credentials, accesses)

    def _judge(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """Grant what a token is good for by what is trusted now."""
        digest = sha256(credentials.authorization.encode("latin-1", "replace")).digest()
        claims = self._recall(digest)
        if claims is None:
            return self._verify_and_judge(digest, credentials, accesses)
        if claims.allow(accesses):
            return succeed(claims.grant)
        return fail(self._insufficient(credentials, accesses, claims))

    def _refusal(
        self, credentials: Credentials, accesses: Sequence[Access], error: str = ""
    ) -> Unauthorized:
        """:return: what to raise, with a challenge that says where to get a token."""
        realm = self._realm(credentials)
        challenge = bearer_challenge(realm, self._rules.service, accesses, error)
        return Unauthorized(challenge, records(accesses))

    def _insufficient(
        self, credentials: Credentials, accesses: Sequence[Access], claims: Claims
    ) -> Unauthorized:
        """:return: what to raise for who is known, by a token that isn't good for this."""
        refusal = self._refusal(credentials, accesses, INSUFFICIENT)
        refusal.actor, refusal.rule = claims.user, RULE
        return refusal

    @deferred
    async def _verify_and_judge(
        self, digest: bytes, credentials: Credentials, accesses: Sequence[Access]
    ) -> Grant:
        try:
            claims = await self._verify(digest, credentials.authorization[7:].strip(" "))
        except TokenRefused as refused:
            self.log.info(
                "a token from {address} is refused: {reason}",
                address=credentials.address,
                reason=refused.reason,
            )
            raise self._refusal(credentials, accesses, refused.error) from None
        if not claims.allow(accesses):
            raise self._insufficient(credentials, accesses, claims)
        return claims.grant

    async def _verify(self, digest: bytes, token: str) -> Claims:
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
            self._recall(digest)  # which forgets what was verified by what is trusted no more
            self._known.put(digest, claims, len(token))
        return claims

    def _recall(self, digest: bytes) -> Claims | None:
        """:return: what a token claims, if it has been verified, and still counts."""
        if self._trust is not self._keys.trust:
            self._trust = self._keys.trust
            self._known = Recent(REMEMBERED)
            return None
        claims = self._known.get(digest)
        if claims is not None and claims.until < self._now():
            self._known.forget(digest)
            return None
        return claims
