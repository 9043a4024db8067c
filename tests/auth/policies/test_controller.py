"""
Policies before a controller of access.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from attrs import define, field
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.auth.policies.test_policy import ANYBODY, policy, users
from txregistry.auth.open import OpenAccess
from txregistry.auth.policies.controller import PolicedAccess
from txregistry.auth.policies.rules import Subjects
from txregistry.errors import Denied, RegistryError, TooManyRequests, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials, records

PULL, PUSH = Access(Action.PULL, "ci/a"), Access(Action.PUSH, "ci/a")
SECRET = Access(Action.PULL, "secret")

RULES = policy(
    ("ci/**", ANYBODY, "pull"),
    ("ci/**", users("ann"), "pull push"),
    ("secret", Subjects(users=frozenset({"ann"}), certificate=True), "pull"),
)


@implementer(IAccessController)
@define
class Controller:
    """
    Knows whoever says his name; a name in capitals is wrong, and one with a colon good for pulling
    only, as a token may be.

    :param asked: all that it was asked.
    """

    asked: list[tuple[str, tuple[Access, ...]]] = field(factory=list)

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As :class:`IAccessController` says."""
        name = credentials.authorization
        self.asked.append((name, tuple(accesses)))
        if name == "slow":
            return fail(TooManyRequests())
        if not name or name.isupper():
            return fail(Unauthorized("Basic", records(accesses)))
        user, colon, _ = name.partition(":")
        if colon and any(access.action is not Action.PULL for access in accesses):
            challenge = 'Bearer error="insufficient_scope"'
            return fail(Unauthorized(challenge, records(accesses), actor=user, rule="token"))
        return succeed(Grant(user))


def outcome(asked: Deferred[Grant]) -> Grant | RegistryError:
    """
    What came at once.
    """
    results: list[Grant | RegistryError] = []
    asked.addCallbacks(results.append, lambda failure: results.append(failure.value))
    assert len(results) == 1
    return results[0]


def ask(*accesses: Access, who: str = "", certificate: bytes = b"") -> Grant | RegistryError:
    """
    Ask policies before such a controller.
    """
    policed = PolicedAccess(Controller(), RULES, lambda shown: shown.decode())
    credentials = Credentials(who, "192.0.2.1", certificate=certificate, request_id="1")
    return outcome(policed.authorize(credentials, accesses))


class AnonymousTests:
    """
    Who presents nothing.
    """

    def test_granted(self) -> None:
        """
        What anybody may do he may, and nobody is asked.
        """
        controller = Controller()
        policed = PolicedAccess(controller, RULES)
        assert outcome(policed.authorize(Credentials(), [PULL])) == Grant("", "rule 1 (ci/**)")
        assert controller.asked == []

    @pytest.mark.parametrize("accesses", [(PULL, PUSH), (PUSH,), (SECRET,), (CATALOG,)])
    def test_challenged(self, accesses: tuple[Access, ...]) -> None:
        """
        For anything else he is told to say who he is, and what would be enough.
        """
        refused = ask(*accesses)
        assert isinstance(refused, Unauthorized)
        assert (refused.challenge, refused.detail) == ("Basic", records(accesses))

    def test_ping(self) -> None:
        """
        The ping asks who he is, or no client would ever log in.
        """
        assert isinstance(ask(), Unauthorized)

    def test_without_controller(self) -> None:
        """
        Where nobody can say who he is, he gets what anybody may do, and nothing would help him.
        """
        policed = PolicedAccess(OpenAccess(), RULES)
        assert outcome(policed.authorize(Credentials(), ())) == Grant()
        assert outcome(policed.authorize(Credentials(), [PULL])) == Grant("", "rule 1 (ci/**)")
        assert isinstance(outcome(policed.authorize(Credentials(), [PUSH])), Denied)
        assert isinstance(outcome(policed.authorize(Credentials("x"), [PUSH])), Denied)


class KnownTests:
    """
    Who says who he is.
    """

    def test_granted(self) -> None:
        """
        The rules say what he may do.
        """
        assert ask(PULL, PUSH, who="ann") == Grant("ann", "rule 2 (ci/**)")
        assert ask(PULL, who="bob") == Grant("bob", "rule 1 (ci/**)")
        assert ask(who="bob") == Grant("bob")

    def test_denied(self) -> None:
        """
        Nothing would help him to more; who he is and which rule it was isn't told to him.
        """
        refused = ask(PULL, PUSH, who="bob")
        assert isinstance(refused, Denied)
        assert (refused.actor, refused.rule) == ("bob", "rule 1 (ci/**)")
        assert "bob" not in str(refused)
        assert "rule" not in str(refused)
        assert refused.detail == records([PULL, PUSH])

    @pytest.mark.parametrize("who", ["BOB", "slow"])
    def test_wrong(self, who: str) -> None:
        """
        Wrong credentials are no credentials of the anonymous.
        """
        assert isinstance(ask(PULL, who=who), Unauthorized | TooManyRequests)

    def test_token(self) -> None:
        """
        A token that is good for less gives less, and a new one may be asked for.
        """
        refused = ask(PULL, PUSH, who="ann:token")
        assert isinstance(refused, Unauthorized)
        assert "insufficient_scope" in refused.challenge
        assert ask(PULL, who="ann:token") == Grant("ann", "rule 2 (ci/**)")

    @pytest.mark.parametrize(
        ("who", "rule"),
        [("ann:token", "token"), ("bob:token", "rule 1 (ci/**)"), (":token", "rule 1 (ci/**)")],
    )
    def test_why(self, who: str, rule: str) -> None:
        """
        Where it is by the rules that a token is good for less, it is them that are named, and else
        the token.
        """
        refused = ask(PULL, PUSH, who=who)
        assert isinstance(refused, Unauthorized)
        assert (refused.actor, refused.rule) == (who.partition(":")[0], rule)
        refused = ask(PUSH, who="BOB")
        assert isinstance(refused, Unauthorized)
        assert (refused.actor, refused.rule) == ("", "")

    def test_old_token(self) -> None:
        """
        A token that is good for more gives no more than the rules do now.
        """
        assert isinstance(ask(SECRET, who="ann:token"), Denied)


class CertificateTests:
    """
    Who shows a certificate.
    """

    def test_granted(self) -> None:
        """
        It says who he is, and its rules are about him.
        """
        assert ask(SECRET, certificate=b"ann") == Grant("ann", "rule 3 (secret)")
        assert ask(certificate=b"ann") == Grant("ann")
        assert isinstance(ask(SECRET, who="ann"), Denied)

    def test_before_password(self) -> None:
        """
        It counts before anything else that is presented.
        """
        assert isinstance(ask(PUSH, who="ann", certificate=b"bob"), Denied)
        assert ask(PUSH, who="ANN", certificate=b"ann") == Grant("ann", "rule 2 (ci/**)")

    def test_nameless(self) -> None:
        """
        One that names nobody is as none.
        """
        policed = PolicedAccess(Controller(), RULES, lambda _: "")
        shown = Credentials("ann", certificate=b"x")
        assert outcome(policed.authorize(shown, [PUSH])) == Grant("ann", "rule 2 (ci/**)")
        shown = Credentials(certificate=b"x")
        assert isinstance(outcome(policed.authorize(shown, [PUSH])), Unauthorized)


class GrantTests:
    """
    What is given out.
    """

    def test_interface(self) -> None:
        """
        It is a controller as any other.
        """
        assert verifyObject(IAccessController, PolicedAccess(OpenAccess(), RULES))

    def test_rules_told(self) -> None:
        """
        It names each rule that has decided something, once.
        """
        rules = policy(("a", ANYBODY, "pull push"), ("b", ANYBODY, "pull"))
        policed = PolicedAccess(OpenAccess(), rules)
        wishes = [Access(Action.PULL, "a"), Access(Action.PUSH, "a"), Access(Action.PULL, "b")]
        grant = outcome(policed.authorize(Credentials(), wishes))
        assert grant == Grant("", "rule 1 (a), rule 2 (b)")
