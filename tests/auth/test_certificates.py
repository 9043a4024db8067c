"""
The user that a client's certificate names.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from txregistry.auth.certificates import SOURCES, CertificateNames, subject_user

KEY = Ed25519PrivateKey.generate()

DNS, EMAIL = x509.DNSName("builder.example"), x509.RFC822Name("alice@example.com")
URI = x509.UniformResourceIdentifier("spiffe://example/ci")


def certificate(subject: str, *names: x509.GeneralName) -> bytes:
    """
    A certificate in DER.

    :param names: those of its subjectAltName.
    """
    name = x509.Name.from_rfc4514_string(subject)
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(KEY, None).public_bytes(serialization.Encoding.DER)


class ReadingTests:
    """
    Where a name is looked for.
    """

    @pytest.mark.parametrize(
        ("source", "user"),
        [
            ("commonname", "alice"),
            ("dns", "builder.example"),
            ("email", "alice@example.com"),
            ("uri", "spiffe://example/ci"),
        ],
    )
    def test_sources(self, source: str, user: str) -> None:
        """
        The name stands where the operator says.
        """
        shown = certificate("CN=alice,O=Example", DNS, EMAIL, URI)
        assert CertificateNames(source).user(shown) == user

    @pytest.mark.parametrize("source", SOURCES)
    def test_nameless(self, source: str) -> None:
        """
        A certificate without such a name names nobody.
        """
        assert CertificateNames(source).user(certificate("O=Example")) == ""
        assert CertificateNames(source).user(b"") == ""

    def test_several(self) -> None:
        """
        Of several names none is chosen.
        """
        assert CertificateNames("commonname").user(certificate("CN=alice,CN=root")) == ""
        shown = certificate("CN=a", EMAIL, x509.RFC822Name("root@example.com"))
        assert CertificateNames("email").user(shown) == ""
        assert CertificateNames("commonname").user(shown) == "a"

    @pytest.mark.parametrize("name", ["root\\0A", "root\\00", "\\ root", "a" * 60 + "\\E2\\80\\AE"])
    def test_odd(self, name: str) -> None:
        """
        What would look like another name in a log names nobody.
        """
        shown = certificate(f"CN={name}")
        assert CertificateNames("commonname").user(shown) == ""

    @given(st.binary(max_size=64))
    def test_garbage(self, garbage: bytes) -> None:
        """
        What is no certificate names nobody.
        """
        assert CertificateNames("commonname").user(garbage) == ""


class SubjectTests:
    """
    A subject that somebody types.
    """

    @pytest.mark.parametrize(
        ("text", "source", "user"),
        [
            ("CN=alice", "commonname", "alice"),
            ("CN=alice,O=Example", "commonname", "alice"),
            ("O=Example", "commonname", ""),
            ("alice@example.com", "email", "alice@example.com"),
            ("email:alice@example.com", "email", "alice@example.com"),
            ("spiffe://example/ci", "uri", "spiffe://example/ci"),
        ],
    )
    def test_named(self, text: str, source: str, user: str) -> None:
        """
        It names whom a certificate with it would.
        """
        assert subject_user(text, source) == user

    def test_none(self) -> None:
        """
        What is no subject is refused.
        """
        with pytest.raises(ValueError, match="no subject"):
            subject_user("alice", "commonname")
