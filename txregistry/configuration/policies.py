"""
The section ``policies``: who may do what.  A section of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import frozen

from txregistry.configuration.kinds import (
    Boolean,
    Choice,
    Invalid,
    LeafKind,
    ListOf,
    MapOf,
    text_of,
)
from txregistry.configuration.network import CIDR, Network
from txregistry.configuration.report import Place
from txregistry.configuration.schema import Checked, Section, key, section, shape_of
from txregistry.configuration.shape import LEAF, Listed, Shape, nearest
from txregistry.configuration.tree import Node, Scalar, Sequence, Table, find, is_null

T = TypeVar("T")

ACTIONS = ("pull", "push", "delete")
SOURCES = ("commonname", "dns", "email", "uri")

_COMPONENT = re.compile(r"\*\*|(?:[a-z0-9._-]|\*(?!\*))+")


class Several(ListOf[T]):
    """
    A list; one element may stand alone.
    """

    def read(self, node: Node, place: Place) -> tuple[T, ...]:
        return (
            (self.item.read(node, place),)
            if isinstance(node, Scalar)
            else super().read(node, place)
        )


@frozen
class Pattern(LeafKind):
    """
    A pattern of repository names, with ``*`` and ``**``.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        for component in text.split("/"):
            if not component:
                raise Invalid("must have no slash at an end, nor two at once: write ci/**")
            if not _COMPONENT.fullmatch(component):
                raise Invalid(_complaint(component))
        return text


def _complaint(component: str) -> str:
    if "**" in component:
        return "** must stand alone between slashes, as in ci/**"
    if component.lower() != component:
        return "must have no capitals, as no repository's name has"
    return "must be made of a-z, 0-9, '.', '_', '-' and '/', as names are, and of * and **"


@frozen
class UserName(LeafKind):
    """
    The name of a user or a group.
    """

    def read(self, node: Node, place: Place) -> str:
        text = text_of(node)
        if not text or text != text.strip() or not text.isprintable():
            raise Invalid(
                "must be a name: not empty, without spaces at its ends or control characters"
            )
        return text


class Groups(MapOf[tuple[str, ...]]):
    """
    Groups: their names, and the users in each.
    """

    def __init__(self) -> None:
        super().__init__(Several(UserName()))


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


@frozen
class _Allow:
    """
    What a rule allows, which must be said.
    """

    @property
    def shape(self) -> Shape:
        return Listed(LEAF)

    def read(self, node: Node, place: Place) -> tuple[str, ...] | None:
        return Several(Choice(ACTIONS)).read(node, place)

    def dump(self, value: tuple[str, ...] | None) -> Any:
        return list(value or ())


@frozen(kw_only=True)
class Rule(Subjects, Checked):
    """
    One element of ``policies.rules``.

    :param repositories: patterns of the repositories that it is about.
    :param allow: what may be done there: all that it names, and nothing else.  None if that is not
        said.
    """

    repositories: tuple[str, ...] = key(Several(Pattern()), ())
    allow: tuple[str, ...] | None = key(_Allow(), None)

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
        _judge_groups(node, made, place)
        _judge_pushes(node, place)
        return made

    def dump(self, value: Policies | None) -> Any:
        return None if value is None else Section(Policies).dump(value)


def judge_policies(tree: Table, place: Place) -> None:
    """
    Report a key ``policies`` with nothing behind it: that would be as if it weren't there, and
    everybody might do everything.  Warn of what works for few clients only.
    """
    node = tree.entries.get("policies")
    if node is None:
        return
    if is_null(node):
        place.child("policies", node).error(
            "says nothing: write {} if nobody may do anything, or take the key away"
        )
    elif find(tree, "auth.htpasswd") is not None and is_null(find(tree, "tokenserver")):
        _judge_anonymous(node, place.child("policies", node))


def _judge_anonymous(node: Node, place: Place) -> None:
    """
    Warn of the first rule for the anonymous where ``/v2/`` asks for a password: most clients ask
    there how to log in, and if it is by a password, they do nothing without one.
    """
    for where, subjects in _subjects(node, place):
        anonymous, allow = find(subjects, "anonymous"), find(subjects, "allow")
        takes = isinstance(allow, Sequence) and not allow.items
        if isinstance(anonymous, Scalar) and anonymous.value is True and not takes:
            where.child("anonymous", anonymous).warning(
                "docker and most other clients do nothing without a password where auth.htpasswd "
                "asks for one; with a section tokenserver they can, and log in too"
            )
            return


def _judge_groups(node: Node, made: Policies, place: Place) -> None:
    """
    Report every group that is named and doesn't exist.
    """
    for where, subjects in _subjects(node, place):
        named = find(subjects, "groups")
        here = where.child("groups", named)
        for each, at in _elements(named, here):
            if isinstance(each, Scalar) and each.text not in made.groups:
                at.error(
                    f"there is no such group in policies.groups{nearest(each.text, made.groups)}"
                )


def _judge_pushes(node: Node, place: Place) -> None:
    """
    Warn of rules that allow to push and not to pull: every push asks what is there already.
    """
    for where, subjects in _subjects(node, place):
        allow = find(subjects, "allow")
        words = [
            each.text.lower() for each, _ in _elements(allow, where) if isinstance(each, Scalar)
        ]
        if "push" in words and "pull" not in words:
            where.child("allow", allow).warning(
                "whoever pushes must be allowed to pull too, or every push is refused"
            )


def _subjects(node: Node, place: Place) -> list[tuple[Place, Node]]:
    """
    :return: what may name groups: the catalog's section, and the rules.
    """
    catalog, rules = find(node, "catalog"), find(node, "rules")
    found: list[tuple[Place, Node]] = []
    if catalog is not None:
        found.append((place.child("catalog", catalog), catalog))
    if isinstance(rules, Sequence):
        below = place.child("rules", rules)
        found += [(below.item(index, each), each) for index, each in enumerate(rules.items)]
    return found


def _elements(node: Node | None, place: Place) -> list[tuple[Node, Place]]:
    if isinstance(node, Sequence):
        return [(each, place.item(index, each)) for index, each in enumerate(node.items)]
    return [] if node is None or is_null(node) else [(node, place)]
