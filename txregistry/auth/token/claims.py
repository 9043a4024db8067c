"""
What a token claims, and whether that is for us and for now (RFC 7519 §4.1).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any, Final

from attrs import field, frozen

from txregistry.auth.token.json import parse_object
from txregistry.auth.token.refusals import TokenInvalid
from txregistry.model.access import Access, Action

LEEWAY: Final = 60.0
"""Seconds that clocks may disagree."""

LONGEST_USER: Final = 256

Right = tuple[str, str, str]
"""Type, name and action of something that is allowed."""


@frozen
class Claims:
    """
    What a token that was believed says.

    :param user: who bears it; ``""`` for nobody in particular.
    :param until: when it is no longer taken, in seconds since the epoch.
    :param rights: what its bearer may do.
    """

    user: str
    until: float
    rights: frozenset[Right] = field(repr=False)

    def allows(self, access: Access) -> bool:
        """:return: whether it says so; ``*`` says it of every action."""
        kind, name = access.type, access.name
        return (kind, name, access.action.value) in self.rights or (
            kind,
            name,
            Action.ANY.value,
        ) in self.rights


def parse_claims(payload: bytes) -> dict[str, Any]:
    """
    :raises TokenInvalid: if it is no JSON object.
    """
    try:
        return parse_object(payload)
    except ValueError as error:
        raise TokenInvalid(f"what it claims can't be read: {error}") from None


def check_claims(claims: Mapping[str, Any], issuer: str, service: str, now: float) -> Claims:
    """
    Check claims in distribution's order: issuer, audience, expiry, beginning.

    :param issuer: whose tokens are taken.
    :param service: for whom they must be.
    :param now: seconds since the epoch.
    :raises TokenInvalid: if it is not for us, or not for now.
    """
    if claims.get("iss") != issuer:
        raise TokenInvalid("somebody else has issued it")
    if service not in _audience(claims.get("aud")):
        raise TokenInvalid("it is for another service")
    until = _time(claims, "exp") + LEEWAY
    if until < now:
        raise TokenInvalid("it has expired")
    if _time(claims, "nbf") - LEEWAY > now:
        raise TokenInvalid("it doesn't count yet")
    return Claims(_user(claims.get("sub")), until, _rights(claims.get("access")))


def _audience(audience: object) -> Sequence[object]:
    if isinstance(audience, list):
        return audience
    return [audience]


def _time(claims: Mapping[str, Any], name: str) -> float:
    """:return: seconds since the epoch; 0 where nothing is said, so what doesn't expire has."""
    value = claims.get(name)
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenInvalid(f"{name} is no number")
    try:
        seconds = float(value)
    except OverflowError:
        raise TokenInvalid(f"{name} is no time") from None
    if not isfinite(seconds):
        raise TokenInvalid(f"{name} is no time")
    return seconds


def _user(subject: object) -> str:
    """
    :return: the name of the user.
    :raises TokenInvalid: if it is none: it goes into logs and events, and who chose it may want
        to write lines of his own there.
    """
    if subject is None:
        return ""
    if not isinstance(subject, str) or len(subject) > LONGEST_USER or not subject.isprintable():
        raise TokenInvalid("its subject is no name")
    return subject


def _rights(entries: object) -> frozenset[Right]:
    if entries is None:
        return frozenset()
    if not isinstance(entries, list):
        raise TokenInvalid("access is no list")
    return frozenset(right for entry in entries for right in _rights_of(entry))


def _rights_of(entry: object) -> list[Right]:
    if not isinstance(entry, dict):
        raise TokenInvalid("an access is no object")
    kind, name, actions = entry.get("type"), entry.get("name"), entry.get("actions") or []
    if not (isinstance(kind, str) and isinstance(name, str) and isinstance(actions, list)):
        raise TokenInvalid("an access lacks its type, its name or its actions")
    if not all(isinstance(action, str) for action in actions):
        raise TokenInvalid("an action is no text")
    return [(kind, name, action) for action in actions]
