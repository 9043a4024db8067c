"""
The command ``txregistry policy``.
"""

from __future__ import annotations

import argparse
from ipaddress import ip_address
from typing import Final

from txregistry.auth.certificates import subject_user
from txregistry.auth.policies.explaining import explain
from txregistry.configuration import Loaded, Policies
from txregistry.errors import NameInvalid
from txregistry.model.access import CATALOG, Access, Action, Identity
from txregistry.model.name import parse_name
from txregistry.service.policies import build_policy

NOBODY: Final = ("-", "anonymous")
"""What stands for who doesn't say who he is."""


class Refused(Exception):
    """
    The question makes no sense; the text says why.
    """


def run_explain(options: argparse.Namespace, loaded: Loaded) -> tuple[bool, list[str]]:
    """
    Find out who may do what, and why.

    :return: whether he may, and what there is to say about it.
    :raises Refused: if the question makes no sense.
    """
    policies = loaded.configuration.policies
    if policies is None:
        raise Refused("the configuration has no policies: whoever auth lets in may do everything")
    policy = build_policy(policies)
    identity, access = _identity(options, policies), _access(options)
    lines = list(explain(policy, identity, access))
    if identity.by_certificate and options.user not in (identity.user, *NOBODY):
        lines.append(f"  the certificate counts, which names {identity.user}")
    return policy.decide(identity, access).granted, lines


def _access(options: argparse.Namespace) -> Access:
    if options.action == "list":
        if options.repository != CATALOG.name:
            raise Refused(f"what is listed is the {CATALOG.name}: name it as REPOSITORY")
        return CATALOG
    try:
        return Access(Action(options.action), parse_name(options.repository))
    except NameInvalid as error:
        raise Refused(f"{options.repository!r} is no name of a repository") from error


def _identity(options: argparse.Namespace, policies: Policies) -> Identity:
    try:
        address = str(ip_address(options.address)) if options.address else ""
    except ValueError:
        raise Refused(f"{options.address!r} is no IP address") from None
    if options.certificate is None:
        return Identity("" if options.user in NOBODY else options.user, address)
    return Identity(_user_of(options.certificate, policies), address, by_certificate=True)


def _user_of(subject: str, policies: Policies) -> str:
    source = policies.certificates.user
    if source is None:
        raise Refused("certificates name nobody here: see policies.certificates.user")
    try:
        user = subject_user(subject, source)
    except ValueError as error:
        raise Refused(f"{subject!r} {error}") from None
    if not user:
        raise Refused(f"a certificate with {subject!r} names nobody by its {source}")
    return user
