"""
The access controller that takes any credentials.
"""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from txregistry.auth.attempts import UnlimitedAttempts
from txregistry.auth.silly import SillyAccess, factory
from txregistry.errors import ConfigurationError, Unauthorized
from txregistry.interfaces import IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials

OPTIONS = {"realm": "https://auth.example/token", "service": "registry.example"}

PULL = Access(Action.PULL, "a/b")
PUSH = Access(Action.PUSH, "a/b")


def silly() -> SillyAccess:
    """One that is made of its options."""
    return factory.create(None, OPTIONS, UnlimitedAttempts())


class SillyAccessTests:
    """
    Credentials and challenges.
    """

    def test_interface(self) -> None:
        """
        It is an access controller.
        """
        verifyObject(IAccessController, silly())

    @pytest.mark.parametrize("authorization", ["Basic Zm9vOmJhcg==", "Bearer x", "nonsense"])
    async def test_anything(self, authorization: str) -> None:
        """
        Whoever says anything may do everything, and is called silly.
        """
        grant = await silly().authorize(Credentials(authorization), [PULL, PUSH, CATALOG])
        assert grant.actor == "silly"

    async def test_nothing(self) -> None:
        """
        Whoever says nothing is told where tokens are to be had, with an item for each access.
        """
        with pytest.raises(Unauthorized) as raised:
            await silly().authorize(Credentials(), [PULL, PUSH])
        assert raised.value.challenge == (
            'Bearer realm="https://auth.example/token",service="registry.example",'
            'scope="repository:a/b:pull repository:a/b:push"'
        )
        assert raised.value.detail == [PULL.as_record(), PUSH.as_record()]

    async def test_ping(self) -> None:
        """
        Without an access there is no scope.
        """
        with pytest.raises(Unauthorized) as raised:
            await silly().authorize(Credentials(), [])
        assert raised.value.challenge == (
            'Bearer realm="https://auth.example/token",service="registry.example"'
        )

    @pytest.mark.parametrize("missing", sorted(OPTIONS))
    def test_options(self, missing: str) -> None:
        """
        Both options must be there.
        """
        options = {name: value for name, value in OPTIONS.items() if name != missing}
        with pytest.raises(ConfigurationError, match=rf"^auth\.silly\.{missing}: is missing$"):
            factory.create(None, options, UnlimitedAttempts())
