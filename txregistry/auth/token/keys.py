"""
Keys that verify signatures, each with the algorithms that are its own.

A token names its algorithm itself.  If any key were taken with any algorithm, a public key, which
everybody knows, could be used as the secret of an HMAC.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import jwt.algorithms
from attrs import field, frozen
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.exceptions import InvalidKeyError

from txregistry.auth.token import base64url
from txregistry.auth.token.json import to_canonical

PublicKey: TypeAlias = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

_RSA: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES: Final = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_HMAC: Final = {"HS256": 32, "HS384": 48, "HS512": 64}
"""Each with the bytes that its secret must have at least (RFC 7518 §3.2)."""

ALGORITHMS: Final = (
    *("EdDSA", "HS256", "HS384", "HS512", "RS256", "RS384", "RS512"),
    *("ES256", "ES384", "ES512", "PS256", "PS384", "PS512"),
)
"""All that are known, in distribution's order."""

_FEWEST_BITS: Final = 2048  # RFC 7518 §3.3
_MOST_BITS: Final = 8192  # a larger one costs milliseconds for each token

#: Members of a JSON Web Key that make up the public key, and name it (RFC 7638 §3.2).
_PUBLIC: Final = {
    "RSA": ("e", "kty", "n"),
    "EC": ("crv", "kty", "x", "y"),
    "OKP": ("crv", "kty", "x"),
}
_READERS: Final[dict[str, Any]] = {
    "RSA": jwt.algorithms.RSAAlgorithm,
    "EC": jwt.algorithms.ECAlgorithm,
    "OKP": jwt.algorithms.OKPAlgorithm,
}
_VERIFIERS: Final = {
    name: algorithm
    for name, algorithm in jwt.algorithms.get_default_algorithms().items()
    if name in ALGORITHMS
}


@frozen
class TrustedKey:
    """
    A key that may have signed tokens.

    :param key: the public key, or the secret that is shared with the token server.
    :param algorithms: those that it can be used with.
    """

    key: PublicKey | bytes = field(repr=False)
    algorithms: frozenset[str]

    def has_signed(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """
        :param algorithm: one of its own.
        :return: whether the signature is right.
        """
        return bool(_VERIFIERS[algorithm].verify(signed, self.key, signature))


def trusted_key(key: object) -> TrustedKey:
    """
    :param key: a public key of :mod:`cryptography`.
    :raises ValueError: if it is of a kind or size that signs no tokens.
    """
    if isinstance(key, RSAPublicKey):
        if not _FEWEST_BITS <= key.key_size <= _MOST_BITS:
            raise ValueError(
                f"an RSA key of {key.key_size} bits; it takes {_FEWEST_BITS} to {_MOST_BITS}"
            )
        return TrustedKey(key, _RSA)
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return TrustedKey(key, frozenset({_CURVES[key.curve.name]}))
    if isinstance(key, Ed25519PublicKey):
        return TrustedKey(key, frozenset({"EdDSA"}))
    raise ValueError("a key that no known algorithm signs with")


def key_of_jwk(jwk: Mapping[str, Any]) -> TrustedKey:
    """
    Read a JSON Web Key (RFC 7517 §4).  Of a private key only the public part is kept.

    :raises ValueError: if it is not one that verifies signatures.
    """
    _check_purpose(jwk)
    key = _secret(jwk) if jwk.get("kty") == "oct" else _public(jwk)
    only = jwk.get("alg")
    if only is None:
        return key
    if only not in key.algorithms:
        raise ValueError("its alg is not one of its own")
    return TrustedKey(key.key, frozenset({only}))


def _check_purpose(jwk: Mapping[str, Any]) -> None:
    operations = jwk.get("key_ops", ["verify"])
    if jwk.get("use", "sig") != "sig":
        raise ValueError("it is not for signatures")
    if not isinstance(operations, list) or not {"verify", "sign"} & set(map(str, operations)):
        raise ValueError("it is not for signatures")


def _secret(jwk: Mapping[str, Any]) -> TrustedKey:
    secret = base64url.decode(str(jwk.get("k", "")))
    algorithms = frozenset(name for name, least in _HMAC.items() if len(secret) >= least)
    if not algorithms:
        raise ValueError("a secret of fewer than 32 bytes")
    return TrustedKey(secret, algorithms)


def _public(jwk: Mapping[str, Any]) -> TrustedKey:
    kind = jwk.get("kty")
    if not isinstance(kind, str) or kind not in _READERS:
        raise ValueError("its kty is unknown")
    try:
        members = {name: jwk[name] for name in _PUBLIC[kind]}
        return trusted_key(_READERS[kind].from_jwk(members))
    except (InvalidKeyError, KeyError, TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(f"it can't be read: {error}") from None


def jwk_of(key: PublicKey) -> dict[str, str]:
    """:return: the members of a JSON Web Key that make up the key."""
    kind = "RSA" if isinstance(key, RSAPublicKey) else "EC"
    if isinstance(key, Ed25519PublicKey):
        kind = "OKP"
    members = _READERS[kind].to_jwk(key, as_dict=True)
    return {name: str(members[name]) for name in _PUBLIC[kind]}


def thumbprint(key: PublicKey) -> str:
    """:return: the key's name by RFC 7638, as distribution 3 expects it in ``kid``."""
    return base64url.encode(hashlib.sha256(to_canonical(jwk_of(key))).digest())


def fingerprint(key: PublicKey) -> str:
    """:return: the key's name as libtrust makes it, which token servers of distribution 2 send."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = b32encode(hashlib.sha256(der).digest()[:30]).decode("ascii")
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def names_of(key: PublicKey) -> tuple[str, str]:
    """:return: both names."""
    return thumbprint(key), fingerprint(key)
