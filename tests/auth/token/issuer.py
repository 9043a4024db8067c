"""
A token server of somebody else's: it signs with a library that the registry doesn't use.
"""

from __future__ import annotations

import json
import time
import warnings
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from attrs import field, frozen
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS, default_allowed_algs
from OpenSSL.crypto import X509, PKey

ISSUER = "auth.example"
SERVICE = "registry.example"
REALM = "https://auth.example/token"

ALLOWED = [*default_allowed_algs, "EdDSA"]

#: Of each algorithm, how a key for it is made.
KINDS: dict[str, dict[str, Any]] = {
    "EdDSA": {"kty": "OKP", "crv": "Ed25519"},
    "HS256": {"kty": "oct", "size": 256},
    "HS384": {"kty": "oct", "size": 384},
    "HS512": {"kty": "oct", "size": 512},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    **{
        f"{kind}{bits}": {"kty": "RSA", "size": 2048}
        for kind in ("RS", "PS")
        for bits in (256, 384, 512)
    },
}

_made: dict[str, JWK] = {}


def key_for(algorithm: str) -> JWK:
    """
    A key for an algorithm, always the same one.
    """
    kind = json.dumps(KINDS[algorithm])
    if kind not in _made:
        _made[kind] = JWK.generate(**KINDS[algorithm])
    return _made[kind]


def key_set(*keys: JWK, private: bool = False, **extra: str) -> bytes:
    """
    A JWKS document; the public parts, and secrets where there is nothing else.
    """
    entries = []
    for key in keys:
        secret = private or key["kty"] == "oct"
        entry = json.loads(key.export(private_key=True) if secret else key.export_public())
        entries.append({**entry, **extra})
    return json.dumps({"keys": entries}).encode()


def allowed(name: str, *actions: str, type: str = "repository") -> dict[str, Any]:
    """
    An element of ``access``.
    """
    return {"type": type, "name": name, "actions": list(actions)}


def claims(*access: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """
    What a good token claims; a change to ``None`` takes a claim out.
    """
    now = changes.pop("now", time.time())
    good = {
        "iss": ISSUER,
        "sub": "joe",
        "aud": SERVICE,
        "exp": int(now) + 300,
        "nbf": int(now) - 10,
        "iat": int(now) - 10,
        "jti": "1",
        "access": list(access),
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


@frozen
class Issuer:
    """
    Signs tokens.

    :param key: with what.
    :param algorithm: how.
    :param header: what the header says besides.
    """

    key: JWK
    algorithm: str
    header: dict[str, Any] = field(factory=dict)

    def token(self, *access: dict[str, Any], header: Any = None, **changes: Any) -> str:
        """
        A token for these accesses.
        """
        return self.sign(json.dumps(claims(*access, **changes)).encode(), header)

    def sign(self, payload: bytes, header: Any = None) -> str:
        """
        Sign anything.

        :param header: in place of what the issuer's header says besides.
        """
        signed = JWS(payload)
        signed.allowed_algs = ALLOWED
        full = {"alg": self.algorithm, "typ": "JWT", **(self.header if header is None else header)}
        signed.add_signature(self.key, None, json.dumps(full))
        text: str = signed.serialize(compact=True)
        return text


@frozen
class Certified:
    """
    A certificate and its key.
    """

    certificate: x509.Certificate
    key: Any

    @property
    def pem(self) -> bytes:
        """
        The certificate as a file.
        """
        return self.certificate.public_bytes(Encoding.PEM)

    @property
    def der64(self) -> str:
        """
        The certificate as an element of ``x5c``.
        """
        return b64encode(self.certificate.public_bytes(Encoding.DER)).decode()

    @property
    def jwk(self) -> JWK:
        """
        The key, to sign with.
        """
        pem = self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return JWK.from_pem(pem)

    def issuer(self, *others: Certified) -> Issuer:
        """
        Who signs with it, and shows it and others.
        """
        return Issuer(self.jwk, "ES256", {"x5c": [each.der64 for each in (self, *others)]})


def certified(
    name: str,
    by: Certified | None = None,
    *,
    authority: bool = False,
    days: tuple[float, float] = (-1, 30),
    usages: Sequence[x509.ObjectIdentifier] = (),
    key: Any = None,
) -> Certified:
    """
    Make a certificate.

    :param by: who signs it; itself where nobody does.
    :param days: from when to when it counts, from today.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today + timedelta(days=days[0]))
        .not_valid_after(today + timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
    if usages:
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
    return Certified(builder.sign(by.key if by else key, hashes.SHA256()), key)


def signed_again(leaf: Certified, by: Certified, digest: str) -> Certified:
    """
    The same certificate, signed by way of another hash, which the modern library refuses to use.
    """
    again = X509.from_cryptography(leaf.certificate)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        again.sign(PKey.from_cryptography_key(by.key), digest)
    return Certified(again.to_cryptography(), leaf.key)
