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
from txregistry.interfaces import Grant
from txregistry.model.access import CATALOG, Access

LEEWAY: Final = 60.0
"""Seconds that clocks may disagree."""

LONGEST_USER: Final = 256

RULE: Final = "token"
"""What granted it, for the audit log."""

_NONE: Final[frozenset[str]] = frozenset()


@frozen
class Claims:
    """
    What a token that was believed says.

    :param user: who bears it; ``""`` for nobody in particular.
    :param until: when it is no longer taken, in seconds since the epoch.
    :param rights: what its bearer may do with things of a type and a name.
    :param grant: what its bearer gets where he may do what he wants.
    """

    user: str
    until: float
    rights: Mapping[tuple[str, str], frozenset[str]] = field(repr=False)
    grant: Grant = field(init=False, repr=False)

    @grant.default
    def _made_once(self) -> Grant:
        # Hundreds of requests come with one token.
        return Grant(self.user, RULE)

    def allow(self, accesses: Sequence[Access]) -> bool:
        """
        :return: whether they allow all of this.  ``*`` stands for every action, and whoever may
            list repositories may see the names of all: no token could name them.
        """
        if CATALOG in accesses:
            accesses = (CATALOG,)
        for access in accesses:
            actions = self.rights.get((access.type, access.name), _NONE)
            # A value by its property costs more than all the rest here.
            if access.action._value_ not in actions and "*" not in actions:
                return False
        return True


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


def _rights(entries: object) -> dict[tuple[str, str], frozenset[str]]:
    if entries is None:
        return {}
    if not isinstance(entries, list):
        raise TokenInvalid("access is no list")
    rights: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries:
        thing, actions = _right(entry)
        rights[thing] = rights.get(thing, _NONE) | actions
    return rights


def _right(entry: object) -> tuple[tuple[str, str], frozenset[str]]:
    if not isinstance(entry, dict):
        raise TokenInvalid("an access is no object")
    kind, name, actions = entry.get("type"), entry.get("name"), entry.get("actions") or []
    if not (isinstance(kind, str) and isinstance(name, str) and isinstance(actions, list)):
        raise TokenInvalid("an access lacks its type, its name or its actions")
    if not all(isinstance(action, str) for action in actions):
        raise TokenInvalid("an action is no text")
    return (kind, name), frozenset(actions)
