"""
The sections ``auth.token`` and ``tokenserver``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import yaml

from txregistry.configuration import Loaded, effective
from txregistry.configuration.tokenserver import TokenServer

Complaints = Callable[..., list[str]]
Parse = Callable[..., Loaded]

MINIMAL = "version: 0.1\nstorage: inmemory\n"
TOKEN = {"realm": "https://a/t", "issuer": "a", "service": "b", "jwks": "/keys"}
USERS = "auth: {htpasswd: {realm: a, path: /b}}\n"


def with_token(**changes: object) -> str:
    """
    The section ``auth.token`` with changes; what is changed to None is left out.
    """
    options = {key: value for key, value in {**TOKEN, **changes}.items() if value is not None}
    return yaml.safe_dump({"auth": {"token": options}})


class TokenTests:
    """
    ``auth.token``.
    """

    def test_options(self, loaded: Parse) -> None:
        """
        All options are read, and nothing is odd about them; what is shown can be read back.
        """
        found = loaded(with_token(signingalgorithms=["ES256", "EdDSA"], autoredirect=True))
        assert found.warnings == ()
        assert found.configuration.auth.options == {
            **TOKEN,
            "rootcertbundle": "",
            "autoredirect": True,
            "autoredirectpath": "/auth/token",
            "signingalgorithms": ["ES256", "EdDSA"],
        }
        shown = yaml.safe_load(effective(found.configuration))
        assert shown["auth"]["token"]["jwks"] == "/keys"

    @pytest.mark.parametrize(
        ("changes", "key", "text"),
        [
            ({"realm": None}, "realm", 'token auth requires a valid option string: "realm"'),
            ({"issuer": ""}, "issuer", 'token auth requires a valid option string: "issuer"'),
            ({"service": None}, "service", 'token auth requires a valid option string: "service"'),
            (
                {"jwks": None},
                "rootcertbundle",
                "token auth requires at least one token signing key",
            ),
            ({"signingalgorithms": ["x"]}, "signingalgorithms", "unsupported signing algorithm: x"),
            ({"autoredirect": "yes"}, "autoredirect", "must be true or false"),
            ({"rootcertbundl": "/x"}, "rootcertbundl", "did you mean rootcertbundle?"),
        ],
    )
    def test_wrong(
        self, problems: Complaints, changes: dict[str, object], key: str, text: str
    ) -> None:
        """
        What is wrong is said in distribution's words, with its key.
        """
        (problem,) = problems(MINIMAL + with_token(**changes))
        assert f"auth.token.{key}" in problem
        assert text in problem

    def test_environment(self, loaded: Parse) -> None:
        """
        The variables of distribution's image set it all.
        """
        environ = {f"REGISTRY_AUTH_TOKEN_{key.upper()}": value for key, value in TOKEN.items()}
        environ |= {
            "REGISTRY_AUTH": "token",
            "REGISTRY_AUTH_TOKEN_AUTOREDIRECT": "true",
            "REGISTRY_AUTH_TOKEN_SIGNINGALGORITHMS": "[ES256, RS256]",
        }
        found = loaded("", environ)
        assert found.warnings == ()
        auth = found.configuration.auth
        assert auth.kind == "token"
        assert auth.options["autoredirect"] is True
        assert auth.options["signingalgorithms"] == ["ES256", "RS256"]
        assert {key: auth.options[key] for key in TOKEN} == TOKEN


class TokenServerTests:
    """
    ``tokenserver``.
    """

    def test_none(self, loaded: Parse) -> None:
        """
        Unless a signing key is named there is none.
        """
        for more in ("", "tokenserver:", "tokenserver: {}"):
            assert not loaded(more).configuration.tokenserver.enabled

    def test_defaults(self, loaded: Parse) -> None:
        """
        With the key alone everything else has its default; the file's name is no secret.
        """
        found = loaded(USERS + "tokenserver: {signingkey: /key}")
        assert found.warnings == ()
        assert found.configuration.tokenserver == TokenServer(signingkey="/key")
        assert yaml.safe_load(effective(found.configuration))["tokenserver"] == {
            "signingkey": "/key",
            "realm": "",
            "path": "/auth/token",
            "issuer": "txregistry",
            "service": "txregistry",
            "lifetime": "5m",
            "refreshlifetime": "2160h",
        }

    @pytest.mark.parametrize("auth", ["", "auth: none\n", with_token()])
    def test_nobody(self, problems: Complaints, auth: str) -> None:
        """
        Where nobody has a password there is nobody to give tokens to.
        """
        (problem,) = problems(MINIMAL + auth + "tokenserver: {signingkey: /key}")
        assert "tokenserver: needs somebody to give tokens to" in problem

    def test_plugin(self, loaded: Parse) -> None:
        """
        Whether a plug-in's controller knows users is found out when it is made.
        """
        assert loaded("auth: mine\ntokenserver: {signingkey: /key}").warnings == ()

    @pytest.mark.parametrize(
        ("section", "text"),
        [
            ("{service: a}", "tokenserver.signingkey: is missing"),
            ("{signingkey: /k, lifetime: 59s}", "tokenserver.lifetime: must be 60s or more"),
            ("{signingkey: /k, refreshlifetime: 0}", "refreshlifetime: must be 60s or more"),
            ("{signingkey: /k, path: auth}", "tokenserver.path: must be a path such as"),
            ("{signingkey: /k, path: /a/../b}", "tokenserver.path: must be a path such as"),
            ("{signingkey: /k, path: '/a b'}", "tokenserver.path: must be a path such as"),
            ("{signingkey: /k, path: /v2/token}", "tokenserver.path: must not be below /v2"),
            ("{signingkey: /k, path: /v2}", "tokenserver.path: must not be below /v2"),
            ("{signingkey: /k, path: /a/jwks}", "tokenserver.path: must not end with /jwks"),
            ("{signingkey: /k, realm: a.example}", "tokenserver.realm: must be an address"),
            ("{signingkey: /k, realm: 'https://a/\"'}", "tokenserver.realm: must be an address"),
            ("{signingkey: /k, issuer: ''}", "tokenserver.issuer: must not be empty"),
        ],
    )
    def test_wrong(self, problems: Complaints, section: str, text: str) -> None:
        """
        What is wrong is said.
        """
        (problem,) = problems(f"{MINIMAL}{USERS}tokenserver: {section}")
        assert text in problem
