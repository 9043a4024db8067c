"""
The keys that sign tokens, and the file they are in.

The file holds private keys in PEM.  The first one signs; all verify, so that one can be replaced
and the tokens that it has signed still count.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeAlias

import jwt
from attrs import field, frozen
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from txregistry.auth.locking import locked
from txregistry.auth.token.keys import PublicKey, jwk_of, names_of, thumbprint, trusted_key
from txregistry.auth.token.trust import Trust

PrivateKey: TypeAlias = RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey

MOST_KEYS: Final = 10

_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL
)
_PREFERRED: Final = ("ES256", "ES384", "ES512", "EdDSA", "RS256")


@frozen
class SigningKey:
    """
    A key that signs.

    :param private: the key.
    :param public: what verifies.
    :param algorithm: how it signs.
    :param name: its name, by RFC 7638.
    """

    private: PrivateKey = field(repr=False)
    public: PublicKey
    algorithm: str
    name: str

    def sign(self, claims: Mapping[str, Any], kind: str) -> str:
        """
        :param kind: what the token says that it is.
        :return: a token.
        """
        header = {"kid": self.name, "typ": kind}
        return jwt.encode(dict(claims), self.private, self.algorithm, header)


@frozen(eq=False)
class SigningKeys:
    """
    The keys of a file.

    :param keys: them, the one that signs first.
    """

    keys: tuple[SigningKey, ...]

    @property
    def trust(self) -> Trust:
        """What verifies what they have signed."""
        return Trust(
            {
                name: trusted_key(key.public)
                for key in reversed(self.keys)
                for name in names_of(key.public)
            }
        )

    def key_set(self) -> bytes:
        """:return: the public keys as a JSON Web Key Set."""
        entries = [
            {**jwk_of(key.public), "kid": key.name, "use": "sig", "alg": key.algorithm}
            for key in self.keys
        ]
        return json.dumps({"keys": entries}).encode("ascii")


def parse_signing_keys(data: bytes) -> SigningKeys:
    """
    :param data: PEM.
    :raises ValueError: if there is no key in it, or one that can't sign tokens.
    """
    blocks = [match[0] for match in _BLOCK.finditer(data)]
    if not 1 <= len(blocks) <= MOST_KEYS:
        raise ValueError(f"there must be 1 to {MOST_KEYS} private keys in it")
    try:
        return SigningKeys(tuple(map(_signing_key, blocks)))
    except TypeError:
        raise ValueError("a private key in it is encrypted") from None


def _signing_key(block: bytes) -> SigningKey:
    private = load_pem_private_key(block, password=None)
    if not isinstance(private, RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey):
        text = "a private key in it is of a kind that signs no tokens"
        raise ValueError(text)  # noqa: TRY004 - it is the file that is wrong
    public = private.public_key()
    algorithms = trusted_key(public).algorithms
    algorithm = next(name for name in _PREFERRED if name in algorithms)
    return SigningKey(private, public, algorithm, thumbprint(public))


def make_key() -> bytes:
    """:return: a new key for ES256, in PEM."""
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make_key_file(path: str) -> bool:
    """
    Write a new key into a file that isn't there, for nobody's eyes but ours.

    Several processes may do so at once; then it is the key of one of them.

    :return: whether it was ours.
    :raises OSError: if that can't be done.
    """
    if os.path.exists(path):
        return False
    os.makedirs(os.path.dirname(os.path.abspath(path)), mode=0o700, exist_ok=True)
    return _put(path, make_key(), os.link)


def rotate_key_file(path: str) -> Sequence[str]:
    """
    Put a new key before those of a file.  The old ones still verify what they have signed; the
    oldest are dropped when there are :data:`MOST_KEYS`.  Several may do so at once.  Its mode and
    its owner stay: who does this may be another user than the registry.

    :return: the names of all keys that are in it now, the one that signs first.
    :raises OSError: if the file can't be read or written.
    :raises ValueError: if it isn't a file of keys.
    """
    # Of two at once one would lose the other's key, by which there may be tokens already.
    with locked(path):
        with open(path, "rb") as file:
            old = file.read()
        parse_signing_keys(old)
        blocks = [make_key().strip(), *(match[0] for match in _BLOCK.finditer(old))][:MOST_KEYS]
        content = b"\n".join([*blocks, b""])
        _put(os.path.realpath(path), content, os.replace)
    return [key.name for key in parse_signing_keys(content).keys]


def _put(path: str, content: bytes, place: Any) -> bool:
    """
    Write a file beside another one, whole and durably, and put it in its place.

    :param place: ``os.link``, which replaces nothing, or ``os.replace``.
    """
    temporary = f"{path}.{secrets.token_hex(8)}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                _look_like(descriptor, os.stat(path))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        place(temporary, path)
    except FileExistsError:
        return False
    finally:
        if os.path.lexists(temporary):
            os.unlink(temporary)
    _sync_directory(os.path.dirname(os.path.abspath(path)))
    return True


def _look_like(descriptor: int, before: os.stat_result) -> None:
    """
    Give a new file the owner and the mode of another one.

    :raises OSError: if that may not be done.
    """
    if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, before.st_mode & 0o7777)


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
