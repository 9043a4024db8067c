"""
What TLS needs, from files of PEM.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from OpenSSL import crypto
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)

from txregistry.cache.redis.settings import TLS
from txregistry.errors import ConfigurationError, Problem

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def load_tls(certificate: str, key: str, root_cas: Sequence[str]) -> TLS:
    """
    :param certificate: the client's, with its chain; ``""`` for none.
    :param key: that of the certificate.
    :param root_cas: who may have signed the server's certificate; none for those that the
        operating system trusts.
    :raises ConfigurationError: if a file can't be read, or isn't what it should be.
    """
    roots = [root for path in root_cas for root in _certificates("redis.tls.rootcas", path)]
    trust = trustRootFromCertificates(roots) if roots else platformTrust()
    if not (certificate and key):
        return lambda host: optionsForClientTLS(host, trustRoot=trust)
    first, *chain = _certificates("redis.tls.certificate", certificate)
    ours = PrivateCertificate.fromCertificateAndKeyPair(first, _key(key, first))
    more: dict[str, Any] = {"extraCertChain": [each.original for each in chain]}
    return lambda host: optionsForClientTLS(
        host, trustRoot=trust, clientCertificate=ours, extraCertificateOptions=dict(more)
    )


def _certificates(key: str, path: str) -> list[Certificate]:
    try:
        found = [Certificate.loadPEM(pem) for pem in _CERTIFICATE.findall(_read(key, path))]
    except crypto.Error:
        found = []
    if not found:
        raise _wrong(key, f"{path}: no certificate in PEM")
    return found


def _key(path: str, certificate: Certificate) -> KeyPair:
    key = "redis.tls.key"
    try:
        # An empty passphrase, since OpenSSL would ask for one on the terminal.
        loaded = KeyPair(crypto.load_privatekey(crypto.FILETYPE_PEM, _read(key, path), b""))
    except (crypto.Error, ValueError, TypeError):
        raise _wrong(key, f"{path}: no key in PEM without a passphrase") from None
    if not loaded.matches(certificate.getPublicKey()):
        raise _wrong(key, f"{path}: is not that of the certificate")
    return loaded


def _read(key: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise _wrong(key, f"{path}: {error.strerror}") from None


def _wrong(key: str, text: str) -> ConfigurationError:
    return ConfigurationError([Problem(key=key, text=text)])
