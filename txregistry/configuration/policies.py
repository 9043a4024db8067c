"""
The section ``policies``: who may do what.  A section of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from attrs import frozen

from txregistry.configuration.kinds import Boolean, Choice, ListOf
from txregistry.configuration.network import CIDR, Network
from txregistry.configuration.policychecks import (
    judge_certificates,
    judge_groups,
    judge_pushes,
    judge_users,
)
from txregistry.configuration.policykinds import Allow, Groups, Pattern, Several, UserName
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, Section, key, section, shape_of
from txregistry.configuration.shape import Shape
from txregistry.configuration.tree import Node

SOURCES = ("commonname", "dns", "email", "uri")


@frozen(kw_only=True)
class Subjects:
    """
    Whom something is for, and from where.

    :param users: names of users.
    :param groups: names of groups.
    :param authenticated: whether everybody who has shown who he is.
    :param anonymous: whether everybody, also who has not.
    :param addresses: only from these networks, if there are any.
    :param certificate: whether only for those who have shown it by a certificate of the client.
    """

    users: tuple[str, ...] = key(Several(UserName()), ())
    groups: tuple[str, ...] = key(Several(UserName()), ())
    authenticated: bool = key(Boolean(), default=False)
    anonymous: bool = key(Boolean(), default=False)
    addresses: tuple[Network, ...] = key(Several(CIDR()), ())
    certificate: bool = key(Boolean(), default=False)

    @property
    def named(self) -> bool:
        """
        Whether it is for anybody at all.
        """
        return bool(self.users or self.groups or self.authenticated or self.anonymous)


@frozen(kw_only=True)
class Rule(Subjects, Checked):
    """
    One element of ``policies.rules``.

    :param repositories: patterns of the repositories that it is about.
    :param allow: what may be done there: all that it names, and nothing else.  None if that is not
        said.
    """

    repositories: tuple[str, ...] = key(Several(Pattern()), ())
    allow: tuple[str, ...] | None = key(Allow(), None)

    def contradictions(self) -> list[tuple[str, str]]:
        found = []
        if not self.repositories:
            found.append(("repositories", 'names none; "**" is all of them'))
        if not self.named:
            found.append(
                (
                    "users",
                    "the rule is for nobody: name users or groups, or say `anonymous: true`",
                )
            )
        if self.allow is None:
            found.append(("allow", "is missing: pull, push, delete, or [] for nothing"))
        if self.certificate and self.anonymous:
            found.append(
                (
                    "certificate",
                    "who has shown a certificate isn't anonymous: say `authenticated: true`",
                )
            )
        return found


@frozen(kw_only=True)
class Certificates:
    """
    ``policies.certificates``: what a client's certificate says.

    :param user: where in it the name of the user stands; None where certificates name nobody.
    """

    user: str | None = key(Choice(SOURCES), None)


@frozen(kw_only=True)
class Policies:
    """
    ``policies``: who may do what.  Nobody may do anything else.

    :param admins: users who may do everything.
    :param groups: names of groups, and the users in each.
    :param catalog: who may list the repositories, each those that he may pull from.
    :param certificates: what a client's certificate says.
    :param rules: what the others may.
    """

    admins: tuple[str, ...] = key(Several(UserName()), ())
    groups: Mapping[str, tuple[str, ...]] = key(Groups(), MappingProxyType({}))
    catalog: Subjects = section(Subjects)
    certificates: Certificates = section(Certificates)
    rules: tuple[Rule, ...] = key(ListOf(Section(Rule)), ())


@frozen
class PoliciesKind:
    """
    The kind of the key ``policies``, which may be missing: then there are no rules.
    """

    @property
    def shape(self) -> Shape:
        return shape_of(Policies)

    def read(self, node: Node, place: Place) -> Policies | None:
        made = Section(Policies).read(node, place)
        judge_groups(node, made.groups, place)
        judge_pushes(node, place)
        judge_users(node, place)
        if made.certificates.user is None:
            judge_certificates(node, place)
        return made

    def dump(self, value: Policies | None) -> Any:
        return None if value is None else Section(Policies).dump(value)
