"""
Who may do what: the access controller that is configured, with what is around it.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService

from txregistry import factories
from txregistry.auth.audit import AuditedAccess
from txregistry.configuration import Configuration
from txregistry.interfaces import IAccessController, IPolicy, IUsers
from txregistry.service.attempts import build_attempts
from txregistry.service.auditing import audit_pages, build_auditing
from txregistry.service.context import WorkerContext
from txregistry.service.limiting import build_rates
from txregistry.service.policies import build_policed_access, build_policy
from txregistry.service.tokens import build_token_server
from txregistry.web.limiting import LimitedAccess, limit_pages
from txregistry.web.rates import Rates
from txregistry.web.tokens import TokenPages


class AccessControl(MultiService):
    """
    Who may do what.  What of it has to be started and stopped is a service below this one.

    :param controller: is asked by every request.
    :param users: knows the passwords of users, where the controller does.
    :param policy: the operator's rules, where there are any.
    :param rates: count what everybody asks for, where that is limited.
    :param tokens: give tokens away, where that is done here.
    """

    def __init__(
        self,
        controller: IAccessController,
        users: IUsers | None = None,
        policy: IPolicy | None = None,
        rates: Rates | None = None,
        tokens: TokenPages | None = None,
    ) -> None:
        super().__init__()
        self.controller = controller
        self.users = users
        self.policy = policy
        self.rates = rates
        self.tokens = tokens


def build_access(
    reactor: Any,
    configuration: Configuration,
    context: WorkerContext | None,
) -> AccessControl:
    """
    :param context: the place of this process among several, which share what they know of failed
        attempts.
    :return: the access controller that is configured, with what is wrapped around it.
    :raises ConfigurationError: if there is none of that name, or its options are wrong.
    """
    auth = configuration.auth
    factory = factories.access_controller_factory(auth.kind)
    chosen = factory.create(reactor, auth.options, build_attempts(reactor, context))
    access = AccessControl(chosen, IUsers(chosen, None))
    if IService.providedBy(chosen):
        IService(chosen).setServiceParent(access)
    _wrap(access, reactor, configuration, context)
    return access


def _wrap(
    access: AccessControl, reactor: Any, configuration: Configuration, context: WorkerContext | None
) -> None:
    """Put what restricts or observes around the controller, the innermost first."""
    policies = configuration.policies
    policy = access.policy = None if policies is None else build_policy(policies)
    if configuration.tokenserver.enabled:
        server = build_token_server(reactor, configuration, access.controller, policy)
        access.controller, access.tokens = server.controller, server.pages
    if policies is not None and policy is not None:
        access.controller = build_policed_access(access.controller, policies, policy)
    access.rates = build_rates(configuration.ratelimit, context)
    if access.rates is not None:
        access.controller = LimitedAccess(access.controller, access.rates)
        if access.tokens is not None:
            limit_pages(access.tokens, access.rates)
    if configuration.log.audit.path:
        auditing = build_auditing(reactor, configuration.log.audit.path)
        auditing.setServiceParent(access)
        access.controller = audited = AuditedAccess(access.controller, auditing.file.write)
        if access.tokens is not None:
            audit_pages(access.tokens, audited)
