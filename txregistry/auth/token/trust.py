"""
What is trusted: keys by their names, and certificates that vouch for others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from attrs import field, frozen
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from twisted.internet.defer import Deferred

from txregistry.auth.token.certificates import Roots, Vouched
from txregistry.auth.token.jwks import KeySet
from txregistry.auth.token.jws import Jws
from txregistry.auth.token.keys import TrustedKey, names_of, trusted_key
from txregistry.auth.token.refusals import SignatureWrong, TokenInvalid

NO_END = float("inf")


@frozen(eq=False)
class Trust:
    """
    What is trusted at one time.

    :param keys: by their names.
    :param roots: certificates to which a chain may lead.
    """

    keys: Mapping[str, TrustedKey] = field(repr=False)
    roots: Roots = field(factory=lambda: Roots(()), repr=False)

    def knows(self, jws: Jws) -> bool:
        """:return: whether the key can be had that a token names, or would be a known one."""
        return bool(jws.chain) or jws.key_id in self.keys

    def verify(self, jws: Jws, now: float) -> float:
        """
        Verify a token's signature.  This takes up to some milliseconds.

        :param now: seconds since the epoch.
        :return: until when its key is vouched for, in seconds since the epoch.
        :raises TokenInvalid: if the key is not trusted, or not for this algorithm.
        :raises SignatureWrong: if somebody else has signed it.
        """
        vouched = self._key(jws, now)
        if jws.algorithm not in vouched.key.algorithms:
            raise TokenInvalid(f"its key doesn't sign with {jws.algorithm}")
        if not vouched.key.has_signed(jws.algorithm, jws.signed, jws.signature):
            raise SignatureWrong("its signature is wrong")
        return vouched.until

    def _key(self, jws: Jws, now: float) -> Vouched:
        if jws.chain:
            return self.roots.vouch(jws.chain, now)
        key = self.keys.get(jws.key_id)
        if key is None:
            raise TokenInvalid("its key is unknown" if jws.key_id else "it names no key")
        return Vouched(key, NO_END)


class IKeys(Protocol):
    """
    Where what is trusted comes from, and how it changes.
    """

    @property
    def trust(self) -> Trust:
        """What is trusted now."""

    def glance(self) -> Deferred[None] | None:
        """
        Look for changes some time soon: called with every request, so it must cost nothing.

        :return: ``None``; or, where nobody has come for so long that what is trusted may be trusted
            no more, what fires when that has been looked at.
        """

    def look(self) -> Deferred[None]:
        """
        Look for changes, because a key is unknown.

        :return: fires when that has been done, or was done so lately that it isn't again.
        :raises Unavailable: if nothing at all is known, and can't be found out.
        """


def keys_of(certificates: tuple[x509.Certificate, ...]) -> KeySet:
    """
    :return: the keys of certificates, each under both of its names.  As with distribution it
        doesn't matter for them when the certificate expires.  One that can't sign tokens is left
        out: bundles of authorities have old ones, too.
    :raises ValueError: if no key is left.
    """
    keys: dict[str, TrustedKey] = {}
    skipped = []
    for number, certificate in enumerate(certificates, 1):
        try:
            key = trusted_key(certificate.public_key())
        except (ValueError, UnsupportedAlgorithm) as error:
            skipped.append(f"the key of certificate {number} is left out: {error}")
        else:
            if not isinstance(key.key, bytes):
                keys |= dict.fromkeys(names_of(key.key), key)
    if not keys:
        raise ValueError("; ".join(["there is no key in it that signs tokens", *skipped]))
    return KeySet(keys, tuple(skipped))
