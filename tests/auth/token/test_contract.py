"""
The controllers of tokens keep the contract of all controllers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from jwcrypto.jwk import JWK

from tests.auth.test_basic import basic
from tests.auth.token.issuer import Issuer, allowed, key_for, key_set
from tests.auth.token.kit import judge
from tests.auth.tokenserver.kit import TokenServed
from txregistry.auth.token.controller import TokenAccess
from txregistry.auth.tokenserver.claims import ACCESS, REFRESH
from txregistry.auth.tokenserver.scopes import parse_scopes
from txregistry.interfaces import IAccessController
from txregistry.model.access import Credentials
from txregistry.testing.access import ADDRESS, AccessControllerContract

SIGNER = Issuer(key_for("ES256"), "ES256", {"kid": "k"})
EVERYTHING = (
    allowed("library/thing", "pull", "push", "delete"),
    allowed("catalog", "*", type="registry"),
)
SCOPES = ("repository:library/thing:pull,push,delete", "registry:catalog:*")


def shown(token: str) -> Credentials:
    """
    What somebody presents who has a token.
    """
    return Credentials(f"Bearer {token}", ADDRESS)


class TokenTests(AccessControllerContract):
    """
    Tokens of a token server.
    """

    @pytest.fixture
    def controller(self, tmp_path: Path) -> TokenAccess:
        return judge(tmp_path, keys=key_set(SIGNER.key, kid="k")).access

    @pytest.fixture
    def good(self) -> Credentials:
        return shown(SIGNER.token(*EVERYTHING))

    @pytest.fixture
    def bad(self) -> Sequence[Credentials]:
        stranger = Issuer(JWK.generate(kty="EC", crv="P-256"), "ES256", {"kid": "k"})
        tokens = (
            stranger.token(*EVERYTHING),
            SIGNER.token(*EVERYTHING, aud="other"),
            SIGNER.token(*EVERYTHING, exp=1),
        )
        return [*map(shown, tokens), Credentials(basic(b"joe:secret"), ADDRESS)]


class SelfIssuedTests(AccessControllerContract):
    """
    Tokens of our own.
    """

    @pytest.fixture
    def served(self, tmp_path: Path) -> TokenServed:
        """
        A registry that issues them.
        """
        return TokenServed(tmp_path)

    @pytest.fixture
    def controller(self, served: TokenServed) -> IAccessController:
        return served.controller

    @pytest.fixture
    def good(self, served: TokenServed) -> Credentials:
        return shown(served.token(*SCOPES))

    @pytest.fixture
    def bad(self, served: TokenServed) -> Sequence[Credentials]:
        key, now = served.keys.signing.keys[0], served.watch.seconds()
        tokens = (
            key.sign(served.terms.refresh("joe", "terces", now), REFRESH),
            key.sign(served.terms.access("joe", parse_scopes(SCOPES), now - 1000), ACCESS),
        )
        return [*map(shown, tokens), Credentials(basic(b"joe:wrong"), ADDRESS)]


class PasswordTests(SelfIssuedTests):
    """
    A password that is shown where tokens are.
    """

    @pytest.fixture
    def good(self, served: TokenServed) -> Credentials:
        return Credentials(basic(b"joe:secret"), ADDRESS)
