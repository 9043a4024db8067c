"""
What access controllers are told of a request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL.crypto import X509
from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from tests.wire.harness import CLIENT, HOST, Connection, Served
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials

PROXY = "10.0.0.9"


@implementer(IAccessController)
class Listening:
    """
    Grants everything, and keeps what it is told.
    """

    def __init__(self) -> None:
        self.told: list[Credentials] = []

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        self.told.append(credentials)
        return succeed(Grant("joe"))


@pytest.fixture
def listening() -> Listening:
    """The access controller."""
    return Listening()


@pytest.fixture
def served(listening: Listening) -> Served:
    """A registry with it, behind a proxy that is trusted."""
    return Served(controller=listening, trusted=["10.0.0.0/8"])


def certificate() -> x509.Certificate:
    """Some certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(hours=1))
        .sign(key, hashes.SHA256())
    )


def shows(connection: Connection, shown: x509.Certificate | None) -> Connection:
    """
    Let a client have shown a certificate when it connected.
    """
    found = None if shown is None else X509.from_cryptography(shown)
    vars(connection.transport)["getPeerCertificate"] = lambda: found  # as transports of TLS have it
    return connection


class CredentialsTests:
    """
    Each part of them.
    """

    def test_plain(self, served: Served, listening: Listening) -> None:
        """
        What comes in the clear is told with its field, its address and its host.
        """
        served.get("v2/", ("Authorization", "Basic abc"))
        (told,) = listening.told
        assert (told.authorization, told.address, told.host) == ("Basic abc", CLIENT, HOST)
        assert (told.secure, told.certificate) == (False, b"")

    def test_nothing(self, served: Served, listening: Listening) -> None:
        """
        Nothing is nothing.
        """
        served.get("v2/")
        assert listening.told[0].authorization == ""

    def test_secure(self, served: Served, listening: Listening) -> None:
        """
        It is secure if the connection is, or if a trusted proxy says so.
        """
        served.ask("GET", "v2/", secure=True)
        served.ask("GET", "v2/", ("X-Forwarded-Proto", "https"), peer=PROXY)
        served.ask("GET", "v2/", ("X-Forwarded-Proto", "http"), peer=PROXY, secure=True)
        served.get("v2/", ("X-Forwarded-Proto", "https"))
        assert [told.secure for told in listening.told] == [True, True, False, False]

    def test_outside(self, served: Served, listening: Listening) -> None:
        """
        What a trusted proxy says of client and host is told, and nobody else is believed.
        """
        fields = (("X-Forwarded-For", "203.0.113.5"), ("X-Forwarded-Host", "registry.example"))
        served.ask("GET", "v2/", *fields, peer=PROXY)
        served.get("v2/", *fields)
        told = [(each.address, each.host) for each in listening.told]
        assert told == [("203.0.113.5", "registry.example"), (CLIENT, HOST)]

    def test_proxy(self, served: Served, listening: Listening) -> None:
        """
        It is told who says so where an address is not that at the other end of the connection.
        """
        field = ("X-Forwarded-For", "203.0.113.5")
        served.ask("GET", "v2/", field, peer=PROXY)
        served.ask("GET", "v2/", field, peer="")
        served.ask("GET", "v2/", ("Forwarded", "for=203.0.113.5"), peer=PROXY)
        served.ask("GET", "v2/", field)
        served.ask("GET", "v2/", peer=PROXY)
        served.ask("GET", "v2/", ("X-Forwarded-For", PROXY), peer=PROXY)
        served.ask("GET", "v2/", peer="")
        told = [(each.address, each.proxy) for each in listening.told]
        assert told == [
            *(("203.0.113.5", PROXY), ("203.0.113.5", "unix"), ("203.0.113.5", PROXY)),
            *((CLIENT, ""), (PROXY, ""), (PROXY, ""), ("", "")),
        ]

    def test_both_ways(self, served: Served, listening: Listening) -> None:
        """
        Pushes tell the same as pulls.
        """
        served.ask("POST", "v2/a/blobs/uploads/", ("Authorization", "Basic abc"), body=b"")
        assert listening.told[0].authorization == "Basic abc"


class CertificateTests:
    """
    Certificates of clients.
    """

    def test_shown(self, served: Served, listening: Listening) -> None:
        """
        What TLS has verified is told, as it is; who has shown none has none.
        """
        alice = certificate()
        for shown in (alice, None):
            connection = shows(served.connect(secure=True), shown)
            connection.send(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
        assert [told.certificate for told in listening.told] == [
            alice.public_bytes(Encoding.DER),
            b"",
        ]

    @pytest.mark.parametrize(
        "field",
        [
            "X-Forwarded-For: 203.0.113.5",
            "X-Forwarded-For: unix:",
            "X-Forwarded-Proto: https",
            "Forwarded: for=unknown",
        ],
    )
    def test_of_a_proxy(self, served: Served, listening: Listening, field: str) -> None:
        """
        A proxy's own isn't that of the client behind it.
        """
        connection = shows(served.connect(PROXY, secure=True), certificate())
        connection.send(f"GET /v2/ HTTP/1.1\r\nHost: a\r\n{field}\r\n\r\n".encode())
        assert listening.told[0].certificate == b""
