"""
Why somebody may do something, or may not: what each rule has to say about it.
"""

from __future__ import annotations

from collections.abc import Iterator

from txregistry.auth.policies.policy import Policy, most_specific
from txregistry.auth.policies.rules import Rank, Rule
from txregistry.model.access import CATALOG, Access, Decision, Identity

_BECAUSE = (
    "its pattern is the closer one",
    "it names {whom} more closely",
    "it wants a certificate",
    "it is about a smaller network",
)
"""What it means that one rank is greater than another, by the first part in which it is."""


def explain(policy: Policy, identity: Identity, access: Access) -> Iterator[str]:
    """:return: lines that tell what is decided, and by what, and why by nothing else."""
    decision = policy.decide(identity, access)
    yield _sentence(identity, access, decision)
    if access == CATALOG or decision.rule == "admins":
        yield from _of_admins(policy, identity, access)
        return
    ranks: dict[int, Rank] = {}
    applicable = policy.applicable(identity, access.name)
    for each in applicable:
        rank = ranks.get(each.rule.number)
        ranks[each.rule.number] = each.rank if rank is None else max(rank, each.rank)
    deciding = most_specific(applicable)
    for rule in policy.rules.rules:
        yield f"  {rule.title} {_reason(policy, rule, identity, access.name, ranks, deciding)}"


def _sentence(identity: Identity, access: Access, decision: Decision) -> str:
    if access == CATALOG:
        what = "list the repositories"
    else:
        preposition = {"pull": "from", "push": "to", "delete": "in"}[access.action.value]
        what = f"{access.action.value} {preposition} {access.name}"
    may = "may" if decision.granted else "may not"
    return f"{_whom(identity)} {may} {what}: {decision.rule}"


def _of_admins(policy: Policy, identity: Identity, access: Access) -> Iterator[str]:
    if identity.user and identity.user in policy.rules.admins:
        yield "  admins may do everything, whatever the rules say"
    elif access == CATALOG:
        yield "  policies.catalog says who may, besides the admins"


def _reason(
    policy: Policy,
    rule: Rule,
    identity: Identity,
    name: str,
    ranks: dict[int, Rank],
    deciding: list[Rule],
) -> str:
    if rule in deciding:
        allows = ", ".join(sorted(rule.allows, reverse=True)) or "nothing"
        return f"decides: it allows {allows}"
    if rule.number in ranks:
        best = deciding[0]
        return f"does not decide: {best.title} does, for {_because(ranks, rule, best, identity)}"
    return f"is about something else: {_mismatch(policy, rule, identity, name)}"


def _because(ranks: dict[int, Rank], rule: Rule, best: Rule, identity: Identity) -> str:
    pairs = zip(ranks[rule.number], ranks[best.number], strict=True)
    first = next(index for index, (own, other) in enumerate(pairs) if own != other)
    return _BECAUSE[first].format(whom=_whom(identity))


def _mismatch(policy: Policy, rule: Rule, identity: Identity, name: str) -> str:
    subjects = rule.subjects
    if not any(glob.matches(name) for glob in rule.globs):
        return f"its patterns don't match {name}"
    if subjects.naming(identity.user, policy.groups_of(identity.user)) is None:
        return f"it doesn't name {_whom(identity)}"
    if subjects.certificate and not identity.by_certificate:
        return "it wants a certificate of the client"
    networks = ", ".join(map(str, subjects.addresses))
    where = f"{identity.address} is in none of them" if identity.address else "no address is given"
    return f"it is for {networks}, and {where}"


def _whom(identity: Identity) -> str:
    return identity.user or "the anonymous"
