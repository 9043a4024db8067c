"""
What a rule is, and which of two that are about the same wish is the more specific one.

In this order:

1. its pattern: compared component by component from the left, text is more specific than text with
   stars (of which more text is more specific), and that than ``**``; where one pattern goes on
   behind the end of the other, it is the more specific one;
2. whom it names: a user, a group, anybody who is known, anybody at all;
3. whether it wants a certificate of the client;
4. from where: a small network, a large one, anywhere.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Final

from attrs import field, frozen

from txregistry.auth.policies.globs import Glob, Weight
from txregistry.model.access import Action

Network = IPv4Network | IPv6Network

ANYWHERE: Final = -1
"""The length of the prefix of no network at all; the largest has 0."""


class Whom(IntEnum):
    """How closely a rule names somebody; the greater, the closer."""

    ANYBODY = 0
    KNOWN = 1
    GROUP = 2
    USER = 3


Rank = tuple[Weight, Whom, bool, int]
"""How specific a rule is about a wish; the greater, the more."""


@frozen
class Subjects:
    """
    Whom a rule is about.

    :param users: names of users.
    :param groups: names of groups.
    :param known: whether it is about everybody who has shown who he is.
    :param anybody: whether it is about everybody, shown or not.
    :param addresses: from where; none is anywhere.
    :param certificate: whether only about those who have shown it by a certificate.
    """

    users: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    known: bool = False
    anybody: bool = False
    addresses: tuple[Network, ...] = ()
    certificate: bool = False

    def naming(self, user: str, groups: frozenset[str]) -> Whom | None:
        """
        :param user: ``""`` for the anonymous.
        :param groups: those that the user is in.
        :return: how closely somebody is named, ``None`` if not at all.
        """
        if user and user in self.users:
            return Whom.USER
        if groups & self.groups:
            return Whom.GROUP
        if user and self.known:
            return Whom.KNOWN
        return Whom.ANYBODY if self.anybody else None

    def nearness(self, places: frozenset[Network]) -> int | None:
        """
        :param places: the networks that somebody's address is in.
        :return: the length of the longest prefix among them, ``None`` if none is meant.
        """
        if not self.addresses:
            return ANYWHERE
        return max((each.prefixlen for each in self.addresses if each in places), default=None)


@frozen
class Rule:
    """
    A rule.

    :param number: its place among all, counted from 1.
    :param globs: which repositories it is about.
    :param subjects: whom it is about.
    :param allows: what these may do there; nothing else.
    """

    number: int
    globs: tuple[Glob, ...]
    subjects: Subjects
    allows: frozenset[Action]
    title: str = field(init=False)

    @title.default
    def _make_title(self) -> str:
        return f"rule {self.number} ({', '.join(glob.text for glob in self.globs)})"


@frozen
class Rules:
    """
    Everything that the operator says.

    :param rules: the rules, by their numbers.
    :param admins: the users who may do everything.
    :param groups: the users in each group.
    :param catalog: who may list repositories; each sees those that he may pull from.
    """

    rules: tuple[Rule, ...] = ()
    admins: frozenset[str] = frozenset()
    groups: dict[str, frozenset[str]] = field(factory=dict)
    catalog: Subjects = field(factory=Subjects)
