"""
Decides who may do what, by the operator's rules.

The most specific of the rules that are about somebody, a repository and where he comes from says
what he may do there, all of it; where several are equally specific, all that they say together.
What no rule is about may nobody do but the admins.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import frozen
from zope.interface import implementer

from txregistry.auth.policies.index import RuleIndex
from txregistry.auth.policies.places import Network, Places
from txregistry.auth.policies.rules import Rank, Rule, Rules
from txregistry.errors import NameInvalid
from txregistry.interfaces import IPolicy
from txregistry.model.access import CATALOG, Access, Action, Decision, Identity
from txregistry.model.name import MAXIMUM_NAME, parse_name
from txregistry.recent import Recent

REPOSITORY: Final = "repository"
"""The type of the accesses that rules are about."""

DECISIONS: Final = 10_000
"""How many are remembered."""

ADMIN: Final = Decision(granted=True, rule="admins")
LISTS: Final = Decision(granted=True, rule="catalog")
LISTS_NOT: Final = Decision(granted=False, rule="catalog")
NO_RULE: Final = Decision(granted=False, rule="no rule")

_EVERYTHING: Final = frozenset({Action.PULL, Action.PUSH, Action.DELETE})


@frozen
class Applicable:
    """
    A rule that is about a wish.

    :param rank: how specific it is about it.
    """

    rule: Rule
    rank: Rank


@implementer(IPolicy)
class Policy:
    """
    The operator's rules, ready to be asked.

    :param rules: them.
    """

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._places = Places(_networks(rules))
        self._groups = _groups_of_users(rules)
        self._index = RuleIndex(rules.rules)
        self._decisions: Recent[tuple[object, ...], Decision] = Recent(DECISIONS)

    def decide(self, identity: Identity, access: Access) -> Decision:
        """As :class:`IPolicy` says; ``*`` on a repository is everything there is."""
        user = identity.user
        if user and user in self.rules.admins:
            return ADMIN
        if len(access.name) > MAXIMUM_NAME:
            return NO_RULE  # nor is it worth remembering
        places = self._places.of(identity.address)
        key = (user, identity.by_certificate, places, access)
        decision = self._decisions.get(key)
        if decision is None:
            decision = self._decide(identity, access, places)
            self._decisions.put(key, decision)
        return decision

    def groups_of(self, user: str) -> frozenset[str]:
        """:return: the groups that a user is in."""
        return self._groups.get(user, frozenset())

    def applicable(self, identity: Identity, name: str) -> list[Applicable]:
        """:return: the rules that are about somebody in a repository."""
        places = self._places.of(identity.address)
        return list(self._applicable(identity, name, places))

    def _decide(self, identity: Identity, access: Access, places: frozenset[Network]) -> Decision:
        if access == CATALOG:
            return LISTS if self._may_list(identity, places) else LISTS_NOT
        if access.type != REPOSITORY or not _is_name(access.name):
            return NO_RULE
        applicable = list(self._applicable(identity, access.name, places))
        return decided(most_specific(applicable), access.action)

    def _applicable(
        self, identity: Identity, name: str, places: frozenset[Network]
    ) -> Iterator[Applicable]:
        user, groups = identity.user, self.groups_of(identity.user)
        for rule, glob, whom in self._index.find(name, user, groups):
            subjects = rule.subjects
            if subjects.certificate and not identity.by_certificate:
                continue
            near = subjects.nearness(places)
            if near is not None and glob.matches(name):
                yield Applicable(rule, (glob.weight, whom, subjects.certificate, near))

    def _may_list(self, identity: Identity, places: frozenset[Network]) -> bool:
        catalog = self.rules.catalog
        if catalog.certificate and not identity.by_certificate:
            return False
        if catalog.naming(identity.user, self.groups_of(identity.user)) is None:
            return False
        return catalog.nearness(places) is not None


def _is_name(text: str) -> bool:
    try:
        parse_name(text)
    except NameInvalid:
        return False
    return True


def most_specific(applicable: Iterable[Applicable]) -> list[Rule]:
    """:return: the most specific rules, by their numbers; several where they are equally so."""
    best: Rank | None = None
    rules: dict[int, Rule] = {}
    for each in applicable:
        if best is None or each.rank > best:
            best, rules = each.rank, {}
        if each.rank == best:
            rules[each.rule.number] = each.rule
    return [rules[number] for number in sorted(rules)]


def decided(rules: list[Rule], action: Action) -> Decision:
    """
    :param rules: the most specific ones.
    :return: what they say together.
    """
    if not rules:
        return NO_RULE
    wanted = _EVERYTHING if action is Action.ANY else {action}
    granting = [rule for rule in rules if wanted & rule.allows]
    granted = wanted <= frozenset[Action]().union(*(rule.allows for rule in granting))
    told = granting if granted else rules
    return Decision(granted, ", ".join(rule.title for rule in told))


def _groups_of_users(rules: Rules) -> dict[str, frozenset[str]]:
    users = {user for members in rules.groups.values() for user in members}
    return {
        user: frozenset(group for group, members in rules.groups.items() if user in members)
        for user in users
    }


def _networks(rules: Rules) -> list[Network]:
    subjects = [rules.catalog, *(rule.subjects for rule in rules.rules)]
    return [network for each in subjects for network in each.addresses]
