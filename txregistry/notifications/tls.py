"""
What TLS to an endpoint needs, from files of PEM.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from OpenSSL import crypto
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    platformTrust,
    trustRootFromCertificates,
)

_CERTIFICATE: Final = re.compile(
    rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL
)

TLS: TypeAlias = Callable[[str], IOpenSSLClientConnectionCreator]
"""Makes the TLS of a connection to a host, whose name or address it verifies."""


class BadFile(Exception):
    """
    A file is not what it should be.
    """


def load_tls(certificate: str = "", key: str = "", root_cas: Sequence[str] = ()) -> TLS:
    """
    :param certificate: a file with ours, and its chain; ``""`` for none.
    :param key: a file with that of the certificate.
    :param root_cas: files with those who may have signed the endpoint's; none for those that the
        operating system trusts.
    :raises BadFile: if a file can't be read, or isn't what it should be.
    """
    roots = [root for path in root_cas for root in _certificates(path)]
    trust = trustRootFromCertificates(roots) if roots else platformTrust()
    if not (certificate and key):
        return lambda host: optionsForClientTLS(host, trustRoot=trust)
    first, *chain = _certificates(certificate)
    ours = PrivateCertificate.fromCertificateAndKeyPair(first, _key(key, first))
    more: dict[str, Any] = {"extraCertChain": [each.original for each in chain]}
    return lambda host: optionsForClientTLS(
        host, trustRoot=trust, clientCertificate=ours, extraCertificateOptions=dict(more)
    )


def _certificates(path: str) -> list[Certificate]:
    try:
        found = [Certificate.loadPEM(pem) for pem in _CERTIFICATE.findall(_read(path))]
    except crypto.Error:
        found = []
    if not found:
        raise BadFile(f"{path}: no certificate in PEM")
    return found


def _key(path: str, certificate: Certificate) -> KeyPair:
    try:
        # An empty passphrase, since OpenSSL would ask for one on the terminal.
        loaded = KeyPair(crypto.load_privatekey(crypto.FILETYPE_PEM, _read(path), b""))
    except (crypto.Error, ValueError, TypeError):
        raise BadFile(f"{path}: no key in PEM without a passphrase") from None
    if not loaded.matches(certificate.getPublicKey()):
        raise BadFile(f"{path}: is not that of the certificate")
    return loaded


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise BadFile(f"{path}: {error.strerror}") from None
