"""
The compact form of a signed text (RFC 7515 §7.1): header, payload, signature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import field, frozen

from txregistry.auth.token import base64url
from txregistry.auth.token.json import parse_object
from txregistry.auth.token.refusals import TokenInvalid

LONGEST: Final = 32 * 1024
"""Characters of a token: room for a chain of certificates and a hundred repositories."""

ACCESS_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt", "application/jwt"})
"""What a token that opens the registry may call itself (RFC 7519 §5.1, RFC 9068 §2.1)."""


@frozen
class Jws:
    """
    A token, taken apart and not yet believed.

    :param header: says how it is signed.
    :param payload: what is signed.
    :param signed: header and payload, as the signature covers them.
    :param signature: of whoever has signed it.
    """

    header: Mapping[str, Any]
    payload: bytes = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def algorithm(self) -> str:
        """The algorithm that the header names."""
        return str(self.header["alg"])

    @property
    def key_id(self) -> str:
        """
        What the header calls the key; ``""`` where it doesn't say.

        An embedded key (``jwk``) is only asked for its name: who may choose the key that his token
        is verified with can sign anything.  ``jku`` and ``x5u``, by which a token says where to
        fetch a key, are not looked at.
        """
        embedded = self.header.get("jwk")
        where = embedded if isinstance(embedded, dict) else self.header
        key_id = where.get("kid")
        return key_id if isinstance(key_id, str) else ""

    @property
    def chain(self) -> list[str]:
        """The certificates that it brings, that of its key first; empty where there are none."""
        embedded = self.header.get("jwk")
        chain = self.header.get("x5c")
        if chain is None and isinstance(embedded, dict):
            chain = embedded.get("x5c")
        if chain is None:
            return []
        if not (isinstance(chain, list) and all(isinstance(each, str) for each in chain)):
            raise TokenInvalid("x5c is no list of texts")
        return chain


def parse_jws(token: str, types: frozenset[str] = ACCESS_TYPES) -> Jws:
    """
    Take a token apart.

    :param types: what it may call itself, in lower case; what says nothing is a ``JWT``.
    :raises TokenInvalid: if it isn't one that could ever be taken.
    """
    if len(token) > LONGEST:
        raise TokenInvalid(f"it has more than {LONGEST} characters")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenInvalid("it doesn't have three parts")
    try:
        header, payload, signature = map(base64url.decode, parts)
        jws = Jws(parse_object(header), payload, token.rpartition(".")[0].encode(), signature)
    except ValueError as error:
        raise TokenInvalid(f"a part of it can't be read: {error}") from None
    _check_header(jws.header, types)
    return jws


def _check_header(header: Mapping[str, Any], types: frozenset[str]) -> None:
    if not isinstance(header.get("alg"), str):
        raise TokenInvalid("its header names no algorithm")
    # RFC 7515 §4.1.11: what must be understood, and isn't, makes it invalid.  We know no extension.
    if "crit" in header or "b64" in header:
        raise TokenInvalid("it needs an extension")
    kind = header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() not in types:
        raise TokenInvalid("it says that it is something else")
