"""
The audit log: who wanted to do what, and whether he was let.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txregistry.auth.audit import AuditedAccess
from txregistry.errors import Denied, TooManyRequests, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials

NOW = datetime(2026, 8, 18, 12, 0, 0, 250, tzinfo=UTC)
PULL, PUSH = Access(Action.PULL, "ci/a"), Access(Action.PUSH, "ci/a")
WISH = Credentials("Basic c2VjcmV0", "192.0.2.1", "registry.example", request_id="id")


@implementer(IAccessController)
class Fixed:
    """
    Always says the same.
    """

    def __init__(self, outcome: Grant | Exception) -> None:
        self._outcome = outcome

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As :class:`IAccessController` says."""
        return succeed(self._outcome) if isinstance(self._outcome, Grant) else fail(self._outcome)


def lines(
    outcome: Grant | Exception,
    credentials: Credentials = WISH,
    accesses: Sequence[Access] = (PULL,),
) -> list[str]:
    """
    What is written when a controller says something, after a look at that it is what comes.
    """
    written: list[str] = []
    audited = AuditedAccess(Fixed(outcome), written.append, lambda: NOW)
    came: list[Any] = []
    asked = audited.authorize(credentials, accesses)
    asked.addCallbacks(came.append, lambda failure: came.append(failure.value))
    assert came == [outcome]
    return written


class LineTests:
    """
    What a line says.
    """

    def test_granted(self) -> None:
        """
        Who, from where, what, that he was let, and by which rule.
        """
        (line,) = lines(Grant("ann", "rule 2 (ci/**)"), accesses=[PULL, PUSH])
        assert json.loads(line) == {
            "time": "2026-08-18T12:00:00.000250Z",
            "request": "id",
            "address": "192.0.2.1",
            "user": "ann",
            "granted": True,
            "rule": "rule 2 (ci/**)",
            "access": [{"type": "repository", "name": "ci/a", "actions": ["pull", "push"]}],
        }

    @pytest.mark.parametrize(
        ("error", "user", "rule", "code"),
        [
            (Denied(actor="ann", rule="no rule"), "ann", "no rule", "DENIED"),
            (Unauthorized("Basic"), "", "", "UNAUTHORIZED"),
            (Unauthorized("Bearer", actor="ann", rule="token"), "ann", "token", "UNAUTHORIZED"),
            (TooManyRequests(), "", "", "TOOMANYREQUESTS"),
        ],
    )
    def test_refused(self, error: Exception, user: str, rule: str, code: str) -> None:
        """
        That he was not, and as what he was told so.
        """
        told = json.loads(lines(error)[0])
        assert (told["granted"], told["error"]) == (False, code)
        assert (told["user"], told["rule"]) == (user, rule)

    def test_several(self) -> None:
        """
        Several things are told apart; nothing wanted is a list of nothing.
        """
        wishes = [PUSH, Access(Action.PULL, "b"), CATALOG, PUSH]
        told = json.loads(lines(Grant(), accesses=wishes)[0])
        assert [(each["name"], each["actions"]) for each in told["access"]] == [
            ("ci/a", ["push"]),
            ("b", ["pull"]),
            ("catalog", ["*"]),
        ]
        assert json.loads(lines(Grant(), accesses=[])[0])["access"] == []

    def test_no_request(self) -> None:
        """
        What is only asked in order to choose what to show is no line.
        """
        assert lines(Grant(), Credentials()) == []
        assert lines(Denied(), Credentials()) == []

    def test_gone(self) -> None:
        """
        Nor is a client that went away before anything was decided.
        """
        assert lines(CancelledError()) == []

    @given(st.text(max_size=20), st.text(max_size=20))
    def test_anything(self, user: str, address: str) -> None:
        """
        Whatever a name holds, it is one line of printable ASCII, and no secret.
        """
        wish = Credentials("Bearer hunter2", address, certificate=b"hunter2", request_id="id")
        (line,) = lines(Grant(user), wish)
        assert line.isascii()
        assert line.isprintable()
        assert "hunter2" not in line
        assert json.loads(line)["user"] == user

    def test_interface(self) -> None:
        """
        It is a controller as any other.
        """
        assert verifyObject(IAccessController, AuditedAccess(Fixed(Grant()), print))
