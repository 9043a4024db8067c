"""
What every access controller must do, and whoever knows the passwords of users.

A suite for another one is a subclass of :class:`AccessControllerContract`, or
:class:`UsersContract`, with fixtures::

    class MyAccessTests(AccessControllerContract):
        @pytest.fixture
        def controller(self) -> IAccessController:
            ...

        @pytest.fixture
        def good(self) -> Credentials:
            ...

        @pytest.fixture
        def bad(self) -> Sequence[Credentials]:
            ...
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import pytest
from attrs import evolve
from zope.interface.verify import verifyObject

from txregistry.errors import Unauthorized
from txregistry.interfaces import IAccessController, IUsers
from txregistry.model.access import CATALOG, Access, Action, Credentials, records
from txregistry.testing.drivers import coroutine_tests

ADDRESS: Final = "203.0.113.7"
"""Where clients are."""

PULL: Final = Access(Action.PULL, "library/thing")
PUSH: Final = Access(Action.PUSH, "library/thing")
DELETE: Final = Access(Action.DELETE, "library/thing")

WISHES: Final = ((), (PULL,), (PULL, PUSH), (DELETE,), (CATALOG,))
"""What requests want."""

CHALLENGE: Final = re.compile(
    r"[A-Za-z][A-Za-z0-9-]*"  # the scheme, and its parameters (RFC 9110 §11.2)
    r' [A-Za-z_]+="(?:[^"\\\x00-\x1f\x7f]|\\.)*"(?:,\s?[A-Za-z_]+="(?:[^"\\\x00-\x1f\x7f]|\\.)*")*'
)
"""What clients understand: one scheme, whose parameters are quoted."""

NONSENSE: Final = (
    *("Basic", "Basic ", "Basic =", "Basic Og==", "Basic \xff", "Basic " + "A" * 4096),
    *("Bearer", "Bearer ", "Bearer .", "Bearer ..", "Bearer a.b.c", "Bearer " + "a." * 4096),
    *("Negotiate abc", "Digest username=joe", ",", " ", '"', "\xa0", "null"),
)
"""What nobody is known by."""


@coroutine_tests
class AccessControllerContract:
    """
    What every access controller must do.

    The subclass has a fixture ``controller``; ``good``, what a request presents of itself that may
    do everything; and ``bad``, each of which may not even be known.  ``takes_anything`` says that
    there is nothing of that kind.
    """

    takes_anything = False

    @pytest.fixture
    def controller(self) -> IAccessController:
        """Who decides."""
        raise NotImplementedError

    @pytest.fixture
    def good(self) -> Credentials:
        """Who may do everything."""
        raise NotImplementedError

    @pytest.fixture
    def bad(self) -> Sequence[Credentials]:
        """Who may do nothing."""
        return ()

    def test_interface(self, controller: IAccessController) -> None:
        """It is an access controller."""
        assert verifyObject(IAccessController, controller)

    @pytest.mark.parametrize("wishes", WISHES)
    async def test_granted(
        self, controller: IAccessController, good: Credentials, wishes: Sequence[Access]
    ) -> None:
        """Who may is told who he is, the first time and later."""
        for _ in range(3):
            grant = await controller.authorize(good, wishes)
            assert grant.actor
            assert grant.actor.isprintable()

    @pytest.mark.parametrize("wishes", WISHES)
    async def test_nobody(self, controller: IAccessController, wishes: Sequence[Access]) -> None:
        """Who presents nothing is told what would help, and what he wanted."""
        with pytest.raises(Unauthorized) as raised:
            await controller.authorize(Credentials("", ADDRESS), wishes)
        _check(raised.value, wishes)

    async def test_bad(
        self, controller: IAccessController, bad: Sequence[Credentials], good: Credentials
    ) -> None:
        """Who presents what is wrong is told the like, also after somebody who is right."""
        for credentials in bad:
            await controller.authorize(good, (PULL,))
            for wishes in WISHES:
                with pytest.raises(Unauthorized) as raised:
                    await controller.authorize(credentials, wishes)
                _check(raised.value, wishes)

    @pytest.mark.parametrize("authorization", NONSENSE)
    async def test_nonsense(
        self, controller: IAccessController, good: Credentials, authorization: str
    ) -> None:
        """What is malformed is wrong, and nothing worse."""
        if self.takes_anything:
            grant = await controller.authorize(evolve(good, authorization=authorization), (PULL,))
            assert grant.actor
            return
        with pytest.raises(Unauthorized) as raised:
            await controller.authorize(evolve(good, authorization=authorization), (PULL,))
        _check(raised.value, (PULL,))


@coroutine_tests
class UsersContract:
    """
    What everybody must do who knows passwords.

    The subclass has a fixture ``users``, with a user ``alice`` whose password is ``a:secret``.
    """

    @pytest.fixture
    def users(self) -> IUsers:
        """Who knows them."""
        raise NotImplementedError

    def test_interface(self, users: IUsers) -> None:
        """It knows users."""
        assert verifyObject(IUsers, users)

    async def test_right(self, users: IUsers) -> None:
        """A right password is right, as often as it comes."""
        for _ in range(3):
            assert await users.verify("alice", "a:secret", ADDRESS) is True

    @pytest.mark.parametrize(
        ("user", "password"),
        [
            ("alice", "A:secret"),
            ("alice", "a:secret "),
            ("alice", ""),
            ("alice", "a:secret\0"),
            ("alice", "a:secret\0a:secret"),
            ("Alice", "a:secret"),
            ("alice:a", "secret"),
            ("alice\0", "a:secret"),
            ("alice", "\udcff"),
            ("\udcff", "a:secret"),
            ("nobody", "a:secret"),
            ("", ""),
            ("", "a:secret"),
        ],
    )
    async def test_wrong(self, users: IUsers, user: str, password: str) -> None:
        """Every other password, and every one of nobody's, is wrong."""
        for _ in range(2):
            assert await users.verify(user, password, ADDRESS) is False
            assert await users.verify("alice", "a:secret", ADDRESS) is True


def _check(error: Unauthorized, wishes: Sequence[Access]) -> None:
    assert CHALLENGE.fullmatch(error.challenge), error.challenge
    assert error.detail == records(wishes)
