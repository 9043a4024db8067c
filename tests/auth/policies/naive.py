"""
The operator's rules, decided by their definition: every rule is looked at, whatever that takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import strategies as st

from tests.auth.policies.test_globs import naive as matches
from txregistry.auth.policies.globs import parse_glob
from txregistry.auth.policies.rules import Rule, Rules, Subjects
from txregistry.model.access import Action, Identity

USERS = ("ann", "bob", "cid")
GROUPS = ("g", "h")
NETWORKS = ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3", "0.0.0.0/0", "fd00::/8", "::/0")
ADDRESSES = ("10.1.2.3", "10.1.9.9", "10.200.0.1", "192.0.2.1", "fd00::1", "2001:db8::1", "", "?")
NAMES = ("a", "b", "a/b", "a/c", "b/a", "a/b/c", "ab/b")
GLOBS = ("**", "*", "a", "a/*", "a/**", "*/b", "**/b", "a/b", "a*/**", "a/**/c", "b/**", "a/b*")
ACTIONS = (Action.PULL, Action.PUSH, Action.DELETE)


def some(values: tuple[Any, ...], least: int = 0) -> st.SearchStrategy[frozenset[Any]]:
    """
    Some of a few values.
    """
    return st.frozensets(st.sampled_from(values), min_size=least, max_size=3)


SUBJECTS = st.builds(
    Subjects,
    users=some(USERS),
    groups=some(GROUPS),
    known=st.booleans(),
    anybody=st.booleans(),
    addresses=some(tuple(map(ip_network, NETWORKS))).map(tuple),
    certificate=st.booleans(),
)
UNNUMBERED = st.tuples(some(GLOBS, 1), SUBJECTS, some(ACTIONS))


@st.composite
def rule_sets(draw: st.DrawFn) -> Rules:
    """
    Any rules about a few users and repositories.
    """
    drawn = draw(st.lists(UNNUMBERED, max_size=8))
    rules = tuple(
        Rule(number, tuple(map(parse_glob, sorted(globs))), subjects, allows)
        for number, (globs, subjects, allows) in enumerate(drawn, 1)
    )
    groups = draw(st.fixed_dictionaries({group: some(USERS) for group in GROUPS}))
    return Rules(rules, draw(some(USERS)) if draw(st.booleans()) else frozenset(), groups)


IDENTITIES = st.builds(
    Identity,
    user=st.sampled_from(("", *USERS)),
    address=st.sampled_from(ADDRESSES),
    by_certificate=st.booleans(),
).filter(lambda identity: identity.user or not identity.by_certificate)


def weight(glob: str) -> list[tuple[int, int]]:
    """
    How specific a pattern is, component by component.
    """
    return [
        (0, 0) if part == "**" else (1, len(part.replace("*", ""))) if "*" in part else (2, 0)
        for part in glob.split("/")
    ]


def closeness(rules: Rules, subjects: Subjects, user: str) -> int:
    """
    How closely somebody is named: 3 by name, 2 by a group, 1 as known, 0 as anybody; -1 not at all.
    """
    if user and user in subjects.users:
        return 3
    if any(user in rules.groups[group] for group in subjects.groups):
        return 2
    if user and subjects.known:
        return 1
    return 0 if subjects.anybody else -1


def nearness(subjects: Subjects, address: str) -> int:
    """
    From how close: the length of a prefix, -1 for anywhere, -2 for not from there.
    """
    if not subjects.addresses:
        return -1
    try:
        parsed = ip_address(address)
    except ValueError:
        return -2
    return max([each.prefixlen for each in subjects.addresses if parsed in each], default=-2)


def candidates(rules: Rules, identity: Identity, name: str) -> Iterator[tuple[Any, Rule]]:
    """
    The rules that are about a wish, and how specific each is.
    """
    for rule in rules.rules:
        named = closeness(rules, rule.subjects, identity.user)
        near = nearness(rule.subjects, identity.address)
        if named < 0 or near < -1 or (rule.subjects.certificate and not identity.by_certificate):
            continue
        for glob in rule.globs:
            if matches(glob.text, name):
                yield (weight(glob.text), named, rule.subjects.certificate, near), rule


def granted(rules: Rules, identity: Identity, action: Action, name: str) -> bool:
    """
    Whether somebody may do something.
    """
    if identity.user in rules.admins:
        return True
    found = list(candidates(rules, identity, name))
    best = max((rank for rank, _ in found), default=None)
    allowed = {each for rank, rule in found if rank == best for each in rule.allows}
    return allowed >= (set(ACTIONS) if action is Action.ANY else {action})
