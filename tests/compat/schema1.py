"""
Signed manifests of schema 1, as clients made them until 2016: JSON with libtrust's JWS in it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

import attrs
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

SIGNED = "application/vnd.docker.distribution.manifest.v1+prettyjws"
UNSIGNED = "application/vnd.docker.distribution.manifest.v1+json"


@attrs.frozen
class Schema1:
    """
    A manifest of schema 1.

    :param payload: what is signed, and what a registry stores.
    :param signed: what is sent.
    """

    payload: bytes
    signed: bytes

    @property
    def digest(self) -> str:
        """
        Its digest: that of the payload.
        """
        return "sha256:" + hashlib.sha256(self.payload).hexdigest()


def schema1(name: str, tag: str, layers: Sequence[str]) -> Schema1:
    """
    Make a manifest and sign it with a key of its own.

    :param layers: digests, the base last.
    """
    history = [
        {"v1Compatibility": json.dumps({"id": f"{number:064x}", "created": "2015-01-01T00:00:00Z"})}
        for number, _ in enumerate(layers)
    ]
    document = {
        "schemaVersion": 1,
        "name": name,
        "tag": tag,
        "architecture": "amd64",
        "fsLayers": [{"blobSum": digest} for digest in layers],
        "history": history,
    }
    payload = json.dumps(document, indent=3).encode()
    # The signatures go before the closing brace; what is said of the form puts it back.
    tail = b"\n}"
    body = payload.removesuffix(tail)
    form = {
        "formatLength": len(body),
        "formatTail": base64url(tail),
        "time": "2015-01-01T00:00:00Z",
    }
    signature = json.dumps([_signature(payload, form)], indent=3).encode()
    return Schema1(payload, body + b',\n   "signatures": ' + signature + tail)


def _signature(payload: bytes, form: dict[str, Any]) -> dict[str, Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    protected = base64url(json.dumps(form).encode())
    signed = f"{protected}.{base64url(payload)}".encode()
    numbers = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return {
        "header": {"jwk": _public(key.public_key()), "alg": "ES256"},
        "signature": base64url(b"".join(number.to_bytes(32, "big") for number in numbers)),
        "protected": protected,
    }


def _public(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # libtrust's name of a key: 240 bits of its hash, in twelve groups of four.
    name = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    numbers = key.public_numbers()
    return {
        "crv": "P-256",
        "kid": ":".join(name[i : i + 4] for i in range(0, len(name), 4)),
        "kty": "EC",
        "x": base64url(numbers.x.to_bytes(32, "big")),
        "y": base64url(numbers.y.to_bytes(32, "big")),
    }


def base64url(data: bytes) -> str:
    """
    Base 64 for URLs, without padding.
    """
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
