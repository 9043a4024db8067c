"""
Policies on the wire.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import pytest

from tests.auth.policies.test_policy import ANYBODY, policy, users
from tests.wire.contents import Image
from tests.wire.harness import Served
from tests.wire.test_credentials import certificate, shows
from txregistry.auth.certificates import CertificateNames
from txregistry.auth.open import OpenAccess
from txregistry.auth.policies.controller import PolicedAccess
from txregistry.auth.policies.rules import Subjects

IMAGE = Image.of("x")

RULES = policy(
    ("**", ANYBODY, "pull"),
    ("alice/**", users("alice"), "pull push delete"),
    ("vault", ANYBODY, ""),
    ("vault", Subjects(users=frozenset({"alice"}), certificate=True), "pull push"),
)


@pytest.fixture
def served() -> Served:
    """
    A registry where nobody but certificates say who somebody is.
    """
    names = CertificateNames("commonname")
    return Served(controller=PolicedAccess(OpenAccess(), RULES, names.user))


class CertificateTests:
    """
    Who shows a certificate.
    """

    @pytest.mark.parametrize(
        ("target", "shown", "status"),
        [
            ("alice/app/blobs/uploads/", True, 202),
            ("alice/app/blobs/uploads/", False, 403),
            ("vault/blobs/uploads/", True, 202),
            ("vault/blobs/uploads/", False, 403),
            ("bob/app/blobs/uploads/", True, 403),
        ],
    )
    def test_rights(self, served: Served, target: str, shown: bool, status: int) -> None:
        """
        May what the rules give to its name.
        """
        connection = shows(served.connect(secure=True), certificate() if shown else None)
        connection.send(
            f"POST /v2/{target} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert f"HTTP/1.1 {status} ".encode() in connection.transport.value()

    def test_in_the_clear(self, served: Served) -> None:
        """
        Where no TLS has verified it, a certificate says nothing.
        """
        connection = shows(served.connect(), certificate())
        connection.send(
            b"POST /v2/vault/blobs/uploads/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
        )
        assert b"HTTP/1.1 403 " in connection.transport.value()


class RefusalTests:
    """
    Who may not.
    """

    def test_tells_nothing(self, served: Served) -> None:
        """
        A refusal names neither user nor rule.
        """
        answer = served.ask("POST", "v2/vault/blobs/uploads/", body=b"")
        assert answer.is_error(403, "DENIED")
        assert b"rule" not in answer.body
        assert answer["WWW-Authenticate"] is None
