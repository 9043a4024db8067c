"""
What our own tokens claim.

There are two kinds: those that open the registry, and those by which a client gets others.  Each
says which it is by its type and by whom it is for, and neither is taken for the other.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from attrs import frozen

from txregistry.auth.token.claims import check_claims, parse_claims
from txregistry.auth.token.jws import Jws
from txregistry.auth.token.refusals import TokenInvalid
from txregistry.auth.tokenserver.scopes import Scope

ACCESS: Final = "JWT"
REFRESH: Final = "refresh+jwt"


@frozen
class Terms:
    """
    On which terms tokens are issued.

    :param issuer: who issues them.
    :param service: for whom.
    :param lifetime: seconds that one counts.
    :param refresh_lifetime: seconds that one counts by which others are to be had.
    """

    issuer: str
    service: str
    lifetime: float
    refresh_lifetime: float

    @property
    def refresh_audience(self) -> str:
        """For whom the tokens are by which others are to be had: no service is called so."""
        return f"refresh token of {self.issuer} for {self.service}"

    def access(self, user: str, scopes: Sequence[Scope], now: float) -> dict[str, Any]:
        """:return: the claims of a token that opens the registry."""
        access = [scope.as_record() for scope in scopes if scope.actions]
        return {
            **self._common(user, self.service, now),
            "exp": int(now + self.lifetime),
            "access": access,
        }

    def refresh(self, user: str, mark: str, now: float) -> dict[str, Any]:
        """
        :param mark: of the user's password now.
        :return: the claims of a token by which others are to be had.
        """
        return {
            **self._common(user, self.refresh_audience, now),
            "exp": int(now + self.refresh_lifetime),
            "mark": mark,
        }

    def _common(self, user: str, audience: str, now: float) -> dict[str, Any]:
        return {
            "iss": self.issuer,
            "sub": user,
            "aud": audience,
            "iat": int(now),
            "nbf": int(now),
            "jti": secrets.token_urlsafe(16),
        }

    def read_refresh(self, jws: Jws, now: float) -> tuple[str, str]:
        """
        Read a token by which others are to be had, once its signature has been verified.

        :return: the user, and the mark of his password then.
        :raises TokenInvalid: if it is none, or expired.
        """
        document = parse_claims(jws.payload)
        claims = check_claims(document, self.issuer, self.refresh_audience, now)
        mark = document.get("mark")
        if not claims.user or not isinstance(mark, str) or not mark:
            raise TokenInvalid("it names no user")
        return claims.user, mark
