"""
Every route and method with every kind of token: nothing but the ping answers without a right, and
that only to somebody who is known.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.auth.token.issuer import Issuer, key_for
from tests.auth.tokenserver.kit import TokenServed, bearer
from tests.wire.test_access import ALL
from txregistry.auth.tokenserver.claims import ACCESS, REFRESH
from txregistry.auth.tokenserver.scopes import Scope
from txregistry.model.access import CATALOG, Access, Action

OTHER = Scope("repository", "", "other", (Action.PULL, Action.PUSH, Action.DELETE))


def scopes_for(needs: tuple[Access, ...]) -> list[Scope]:
    """
    What a token must be for, one scope for each access.
    """
    return [Scope(each.type, "", each.name, (each.action,)) for each in needs]


@pytest.fixture
def served(tmp_path: Path) -> TokenServed:
    """
    A registry that issues tokens.
    """
    return TokenServed(tmp_path)


@pytest.mark.parametrize(("method", "target", "needs"), ALL)
class RouteTests:
    """
    The table.
    """

    def test_bad_tokens(
        self, served: TokenServed, method: str, target: str, needs: tuple[Access, ...]
    ) -> None:
        """
        Without a token, and with one that is another's, expired, forged or of the other kind, there
        is a challenge and nothing else.
        """
        key, now, scopes = served.keys.signing.keys[0], served.watch.seconds(), scopes_for(needs)
        good = served.terms.access("joe", scopes, now)
        forger = Issuer(key_for("ES256"), "ES256", {"kid": key.name})
        refused = [
            served.ask(method, target, bearer(token))
            for token in (
                key.sign(served.terms.access("joe", scopes, now - 10_000), ACCESS),
                key.sign({**good, "aud": "other"}, ACCESS),
                key.sign({**good, "iss": "other"}, ACCESS),
                key.sign(good, REFRESH),
                forger.token(*(scope.as_record() for scope in scopes), **good),
                "nonsense",
            )
        ]
        for answer in (served.ask(method, target), *refused):
            assert answer.status == 401
            assert (answer["WWW-Authenticate"] or "").startswith("Bearer realm=")

    def test_other_tokens(
        self, served: TokenServed, method: str, target: str, needs: tuple[Access, ...]
    ) -> None:
        """
        A token for another repository, or for all that is needed but one thing, is not enough.
        """
        key, now, scopes = served.keys.signing.keys[0], served.watch.seconds(), scopes_for(needs)
        for missing in scopes:
            others = [OTHER, *(scope for scope in scopes if scope != missing)]
            token = key.sign(served.terms.access("joe", others, now), ACCESS)
            answer = served.ask(method, target, bearer(token))
            assert answer.status == 401
            assert (answer["WWW-Authenticate"] or "").endswith(',error="insufficient_scope"')

    def test_right_tokens(
        self, served: TokenServed, method: str, target: str, needs: tuple[Access, ...]
    ) -> None:
        """
        A token for just what is needed is enough.
        """
        key, now = served.keys.signing.keys[0], served.watch.seconds()
        token = key.sign(served.terms.access("joe", scopes_for(needs), now), ACCESS)
        assert served.ask(method, target, bearer(token)).status not in (401, 403)


def test_catalog_is_among_them() -> None:
    """
    The table has what is no repository too.
    """
    assert any(needs == (CATALOG,) for _, _, needs in ALL)
