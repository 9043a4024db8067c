"""
What is wrong, or odd, in a section ``auth`` that says nothing, in the section ``policies`` in the
light of its other parts, and in all that goes by addresses in the light of the proxies that are
believed.
"""

from __future__ import annotations

from collections.abc import Mapping

from txregistry.configuration.report import Place
from txregistry.configuration.shape import nearest
from txregistry.configuration.tree import Node, Scalar, Sequence, Table, find, is_null

_CLAIMED = (
    "whoever is in a private network can say that he is somewhere else: name the proxies that "
    "there are in http.trustedproxies, or [] if there are none"
)
"""By default the proxies of all private networks are believed, and so is everybody there."""


def judge_auth(tree: Table, place: Place) -> None:
    """
    Warn of a key ``auth`` with nothing behind it, as where all below it is commented out: as with
    distribution everybody may do everything, which he hardly wants who writes it.
    """
    node = tree.entries.get("auth")
    if node is not None and (is_null(node) or (isinstance(node, Table) and not node.entries)):
        place.child("auth", node).warning(
            "says nothing, so everybody may do everything: write none if that is meant"
        )


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
        return
    here = place.child("policies", node)
    if find(tree, "auth.htpasswd") is not None and is_null(find(tree, "tokenserver")):
        _judge_anonymous(node, here)
    if is_null(find(tree, "http.trustedproxies")):
        _judge_addresses(node, here)


def judge_limits(tree: Table, place: Place) -> None:
    """
    Warn of limits by address where everybody in a private network may choose his own.
    """
    if not is_null(find(tree, "http.trustedproxies")):
        return
    for key in ("ratelimit.address", "ratelimit.exempt.addresses"):
        node = find(tree, key)
        if node is not None and not is_null(node):
            here = place
            for name in key.split("."):
                here = here.child(name, node)
            here.warning(_CLAIMED)
            return


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


def _judge_addresses(node: Node, place: Place) -> None:
    """
    Warn of the first rule that goes by addresses where nobody has said which proxies there are.
    """
    for where, subjects in _subjects(node, place):
        addresses = find(subjects, "addresses")
        if addresses is not None and _elements(addresses, where):
            where.child("addresses", addresses).warning(_CLAIMED)
            return


def judge_groups(node: Node, groups: Mapping[str, object], place: Place) -> None:
    """
    Report every group that is named and doesn't exist.
    """
    for where, subjects in _subjects(node, place):
        named = find(subjects, "groups")
        here = where.child("groups", named)
        for each, at in _elements(named, here):
            if isinstance(each, Scalar) and each.text not in groups:
                at.error(f"there is no such group in policies.groups{nearest(each.text, groups)}")


def judge_users(node: Node, place: Place) -> None:
    """
    Warn of users who are called as one would call everybody.
    """
    for where, subjects in _subjects(node, place):
        users = find(subjects, "users")
        for each, at in _elements(users, where.child("users", users)):
            if isinstance(each, Scalar) and each.text in ("*", "**", "anonymous"):
                at.warning(
                    "means a user of that name: for everybody who is known say `authenticated: "
                    "true`, for everybody at all `anonymous: true`"
                )


def judge_certificates(node: Node, place: Place) -> None:
    """
    Warn of the first rule that wants a certificate where certificates name nobody.
    """
    for where, subjects in _subjects(node, place):
        wanted = find(subjects, "certificate")
        if isinstance(wanted, Scalar) and wanted.value is True:
            where.child("certificate", wanted).warning(
                "never holds, since certificates name nobody: say in policies.certificates.user "
                "where in them the name of a user stands"
            )
            return


def judge_pushes(node: Node, place: Place) -> None:
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
