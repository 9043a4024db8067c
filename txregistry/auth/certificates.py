"""
The user that a client's certificate names.

TLS has verified the certificate before it comes here.  What is left is to read a name out of it:
the common name of its subject, or a name of its ``subjectAltName`` (RFC 5280 §4.1.2.6, §4.2.1.6).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final

from cryptography import x509
from cryptography.x509.oid import NameOID

SOURCES: Final = ("commonname", "dns", "email", "uri")
"""Where the name may stand."""

LONGEST: Final = 255
"""No user has a name of more characters."""

KNOWN_CERTIFICATES: Final = 1024
"""How many are remembered."""


class CertificateNames:
    """
    Reads users' names out of certificates.

    :param source: one of :data:`SOURCES`.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self.user = lru_cache(maxsize=KNOWN_CERTIFICATES)(self._read)

    def _read(self, certificate: bytes) -> str:
        """
        :param certificate: in DER; ``b""`` for none.
        :return: the user that it names; ``""`` if it names none, or more than one: nobody is to
            choose who he wants to be.
        """
        if not certificate:
            return ""
        try:
            names = _names(x509.load_der_x509_certificate(certificate), self._source)
        except ValueError:  # it isn't what it says to be, or holds what is no text
            return ""
        return only(names)


def subject_user(text: str, source: str) -> str:
    """
    :param text: a subject as RFC 4514 writes it (``CN=alice,O=Example``), or, where names of
        ``subjectAltName`` are meant, such a name.
    :param source: one of :data:`SOURCES`.
    :return: the user whom a certificate with it would name; ``""`` if none.
    :raises ValueError: if it is no subject.
    """
    if source != "commonname":
        return only([text.removeprefix(f"{source}:")])
    try:
        return only(_common_names(x509.Name.from_rfc4514_string(text)))
    except ValueError:
        raise ValueError("is no subject of a certificate, such as CN=alice,O=Example") from None


def only(names: Sequence[str]) -> str:
    """:return: the name, if there is exactly one, and it could be a user's; else ``""``."""
    if len(names) != 1:
        return ""
    [name] = names
    return name if len(name) <= LONGEST and name.isprintable() and name == name.strip() else ""


def _names(certificate: x509.Certificate, source: str) -> list[str]:
    if source == "commonname":
        return _common_names(certificate.subject)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return _ALTERNATIVES[source](extension.value)


def _common_names(subject: x509.Name) -> list[str]:
    values = [each.value for each in subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    return [value if isinstance(value, str) else "" for value in values]


_ALTERNATIVES: Final[dict[str, Callable[[x509.SubjectAlternativeName], list[str]]]] = {
    "dns": lambda names: names.get_values_for_type(x509.DNSName),
    "email": lambda names: names.get_values_for_type(x509.RFC822Name),
    "uri": lambda names: names.get_values_for_type(x509.UniformResourceIdentifier),
}
