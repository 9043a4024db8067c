"""
From the section ``policies`` to who decides by it.
"""

from __future__ import annotations

from collections.abc import Callable

from txregistry.auth.policies.controller import PolicedAccess
from txregistry.auth.policies.globs import parse_glob
from txregistry.auth.policies.policy import Policy
from txregistry.auth.policies.rules import Rule, Rules, Subjects
from txregistry.configuration import Policies
from txregistry.configuration.policies import Subjects as SubjectsSection
from txregistry.interfaces import IAccessController
from txregistry.model.access import Action


def build_policy(policies: Policies) -> Policy:
    """
    :return: the operator's rules.
    """
    rules = tuple(
        Rule(
            number,
            tuple(map(parse_glob, rule.repositories)),
            _subjects(rule),
            frozenset(map(Action, rule.allow or ())),
        )
        for number, rule in enumerate(policies.rules, 1)
    )
    groups = {name: frozenset(users) for name, users in policies.groups.items()}
    return Policy(Rules(rules, frozenset(policies.admins), groups, _subjects(policies.catalog)))


def build_policed_access(
    controller: IAccessController, policies: Policies, policy: Policy
) -> PolicedAccess:
    """
    :param controller: says who somebody is.
    :param policy: made of ``policies``.
    """
    return PolicedAccess(controller, policy, _certificate_user(policies.certificates.user))


def _certificate_user(source: str | None) -> Callable[[bytes], str]:
    if source is None:
        return lambda _: ""
    # Where certificates name nobody, what reads them needn't be loaded.
    from txregistry.auth.certificates import CertificateNames  # noqa: PLC0415 - see above

    return CertificateNames(source).user


def _subjects(section: SubjectsSection) -> Subjects:
    return Subjects(
        users=frozenset(section.users),
        groups=frozenset(section.groups),
        known=section.authenticated,
        anybody=section.anonymous,
        addresses=section.addresses,
        certificate=section.certificate,
    )
