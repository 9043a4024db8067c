"""
Tokens on the wire: where clients are sent, and what is told of a refusal.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auth.htpasswd.kit import told
from tests.auth.token.issuer import REALM, Issuer, allowed, key_for, key_set
from tests.auth.token.kit import judge
from tests.wire.harness import CLIENT, HOST, Served
from txregistry.auth.token.challenge import RedirectedRealm
from txregistry.interfaces import IAccessController

SIGNER = Issuer(key_for("ES256"), "ES256", {"kid": "k"})
KEYS = key_set(SIGNER.key, kid="k")


@pytest.fixture
def controller(tmp_path: Path) -> IAccessController:
    """
    One that sends clients to where they came from.
    """
    return judge(tmp_path, keys=KEYS, realm=RedirectedRealm("/auth/token", REALM)).access


@pytest.mark.parametrize(
    ("trusted", "fields", "realm"),
    [
        ([], [], f"https://{HOST}/auth/token"),
        (["203.0.113.0/24"], [("X-Forwarded-Proto", "http")], f"http://{HOST}/auth/token"),
        (["203.0.113.0/24"], [("X-Forwarded-Host", "a.example")], "https://a.example/auth/token"),
        (["203.0.113.0/24"], [("X-Forwarded-Host", "a b")], f"https://{HOST}/auth/token"),
        ([], [("X-Forwarded-Proto", "http")], f"https://{HOST}/auth/token"),
        ([], [("X-Forwarded-Host", "evil.example")], f"https://{HOST}/auth/token"),
        ([], [("Forwarded", "host=evil.example;proto=http")], f"https://{HOST}/auth/token"),
    ],
)
def test_redirected(
    controller: IAccessController,
    trusted: list[str],
    fields: list[tuple[str, str]],
    realm: str,
) -> None:
    """
    Who comes through a trusted proxy is sent to where that says; of others it is their host that
    counts, and nothing that they say of proxies.
    """
    served = Served(controller=controller, trusted=trusted)
    challenge = served.get("v2/", *fields)["WWW-Authenticate"] or ""
    assert challenge.startswith(f'Bearer realm="{realm}",')


def test_refusal_is_told(controller: IAccessController) -> None:
    """
    Why a token is refused is told in the log, not to who shows it, and the token to nobody.
    """
    token = SIGNER.token(allowed("a", "pull"), iss="evil.example")
    served = Served(controller=controller)
    with told() as log:
        answer = served.get("v2/a/tags/list", ("Authorization", f"Bearer {token}"))
    assert answer.is_error(401, "UNAUTHORIZED")
    assert b"issue" not in answer.body
    assert log.lines("info") == [f"a token from {CLIENT} is refused: somebody else has issued it"]
    assert token not in repr(log.events)
