"""
The audit log: who wanted to do what, and whether he was let.

A line for each request that was decided, in JSON.  It tells no secrets: of credentials nothing but
the name of a user whose credentials were right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.errors import RegistryError
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials

_ENCODE: Final = json.JSONEncoder(separators=(",", ":")).encode
"""Writes everything outside ASCII as an escape, and all that a terminal might obey but one."""

_TOKEN: Final = ({"type": "token", "name": "", "actions": ["issue"]},)
"""What somebody wants who asks for a token."""


@implementer(IAccessController)
class AuditedAccess:
    """
    Tells what a controller decides.

    :param wrapped: decides.
    :param write: is given a line, without its end.
    :param now: the time of day in UTC.
    """

    def __init__(
        self,
        wrapped: IAccessController,
        write: Callable[[str], None],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._wrapped = wrapped
        self._write = write
        self._now = now

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As :class:`IAccessController` says."""
        asked = self._wrapped.authorize(credentials, accesses)
        if credentials.request_id:  # else it isn't a request of its own
            asked.addCallbacks(
                self._granted,
                self._refused,
                callbackArgs=(credentials, accesses),
                errbackArgs=(credentials, accesses),
            )
        return asked

    def token_given(self, credentials: Credentials, user: str) -> None:
        """
        Tell that somebody was given a token.

        :param user: whose it is; ``""`` for everybody's.
        """
        self._tell(credentials, _TOKEN, _granted(user, ""))

    def token_refused(self, credentials: Credentials, error: RegistryError) -> None:
        """Tell that somebody was given none."""
        self._tell(credentials, _TOKEN, _refused(error))

    def _granted(self, grant: Grant, credentials: Credentials, accesses: Sequence[Access]) -> Grant:
        self._tell(credentials, _grouped(accesses), _granted(grant.actor, grant.rule))
        return grant

    def _refused(
        self, failure: Failure, credentials: Credentials, accesses: Sequence[Access]
    ) -> Failure:
        error = failure.value
        if isinstance(error, RegistryError):
            self._tell(credentials, _grouped(accesses), _refused(error))
        return failure

    def _tell(
        self,
        credentials: Credentials,
        access: Sequence[Mapping[str, Any]],
        outcome: Mapping[str, Any],
    ) -> None:
        line = {
            "time": f"{self._now():%Y-%m-%dT%H:%M:%S.%f}Z",
            "request": credentials.request_id,
            "address": credentials.address,
            **outcome,
            "access": access,
        }
        self._write(_ENCODE(line).replace("\x7f", "\\u007f"))


def _granted(user: str, rule: str) -> dict[str, Any]:
    return {"user": user, "granted": True, "rule": rule}


def _refused(error: RegistryError) -> dict[str, Any]:
    return {
        "user": getattr(error, "actor", ""),
        "granted": False,
        "rule": getattr(error, "rule", ""),
        "error": error.code,
    }


def _grouped(accesses: Sequence[Access]) -> list[dict[str, Any]]:
    """:return: what was wanted, with all actions on a thing together."""
    # Who mounts from the repository itself wants to pull from it twice.
    found: dict[tuple[str, str], dict[str, None]] = {}
    for access in accesses:
        found.setdefault((access.type, access.name), {})[access.action.value] = None
    return [
        {"type": type_, "name": name, "actions": [*actions]}
        for (type_, name), actions in found.items()
    ]
