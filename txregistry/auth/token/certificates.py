"""
Certificates: the bundle that is trusted, and chains that tokens bring.
"""

from __future__ import annotations

import re
from base64 import b64decode
from datetime import UTC, datetime
from typing import Final

from attrs import frozen
from cryptography import x509
from OpenSSL.crypto import X509, X509Store, X509StoreContext, X509StoreContextError, X509StoreFlags

from txregistry.auth.token.keys import TrustedKey, trusted_key
from txregistry.auth.token.refusals import TokenInvalid

LONGEST_CHAIN: Final = 10

_BROKEN: Final = frozenset({"md5", "sha1"})

_BLOCK: Final = re.compile(
    rb"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL | re.ASCII
)


def parse_bundle(data: bytes) -> tuple[x509.Certificate, ...]:
    """
    :param data: PEM.  What is no certificate, such as a private key, is skipped.
    :raises ValueError: if a certificate can't be read, or there is none.
    """
    blocks = [match[0] for match in _BLOCK.finditer(data) if match[1] == b"CERTIFICATE"]
    if not blocks:
        raise ValueError("there is no certificate in it")
    return tuple(map(x509.load_pem_x509_certificate, blocks))


@frozen
class Vouched:
    """
    A key for which a chain of certificates vouches.

    :param key: the key.
    :param until: when the first certificate of the chain expires, in seconds since the epoch.
    """

    key: TrustedKey
    until: float


class Roots:
    """
    Certificates that are trusted, be they those of an authority or of a token server itself.

    :param certificates: them.
    """

    def __init__(self, certificates: tuple[x509.Certificate, ...]) -> None:
        self._certificates = tuple(map(X509.from_cryptography, certificates))

    def vouch(self, chain: list[str], now: float) -> Vouched:
        """
        Verify a chain, now, for any extended use.

        :param chain: base64 of DER (RFC 7515 §4.1.6), that of the key first.
        :param now: seconds since the epoch.
        :raises TokenInvalid: if it doesn't lead to a root.
        """
        if not self._certificates:
            raise TokenInvalid("it brings certificates, and there is no rootcertbundle")
        if not 0 < len(chain) <= LONGEST_CHAIN:
            raise TokenInvalid(f"it doesn't bring 1 to {LONGEST_CHAIN} certificates")
        try:
            certificates = [x509.load_der_x509_certificate(_decoded(text)) for text in chain]
            key = trusted_key(certificates[0].public_key())
            return Vouched(key, self._verify(certificates, now))
        except TokenInvalid:
            raise
        except X509StoreContextError as error:
            raise TokenInvalid(f"its certificates are not trusted: {error}") from None
        except Exception as error:  # noqa: BLE001 - a stranger's certificate may break its parser
            reason = str(error) or type(error).__name__
            raise TokenInvalid(f"its certificates can't be used: {reason}") from None

    def _verify(self, certificates: list[x509.Certificate], now: float) -> float:
        leaf, *others = map(X509.from_cryptography, certificates)
        verified = X509StoreContext(self._store(now), leaf, others).get_verified_chain()
        found = [each.to_cryptography() for each in verified]
        # Of the last one nobody's signature counts: it is trusted itself.
        if any(_is_forgeable(each) for each in found[:-1]):
            raise TokenInvalid("a certificate of it is signed by way of a broken hash")
        return min(each.not_valid_after_utc.timestamp() for each in found)

    def _store(self, now: float) -> X509Store:
        """:return: one of its own for each chain, as several threads verify at once."""
        store = X509Store()
        # A certificate in the bundle is trusted, whoever has signed it.
        store.set_flags(X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(datetime.fromtimestamp(now, UTC))
        for certificate in self._certificates:
            store.add_cert(certificate)
        return store


def _decoded(text: str) -> bytes:
    return b64decode(text, validate=True)


def _is_forgeable(certificate: x509.Certificate) -> bool:
    """:return: whether another certificate could be made that this one's signature is right for."""
    hash_ = certificate.signature_hash_algorithm
    return hash_ is not None and hash_.name in _BROKEN
