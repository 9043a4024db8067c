"""
Who may do what: the access controller that is configured, with what is around it.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.application.service import IService, MultiService

from txregistry import factories
from txregistry.auth.attempts import UnlimitedAttempts
from txregistry.configuration import Configuration
from txregistry.interfaces import IAccessController, IPolicy, IUsers
from txregistry.service.context import WorkerContext


class AccessControl(MultiService):
    """
    Who may do what.  What of it has to be started and stopped is a service below this one.

    :param controller: is asked by every request.
    :param users: knows the passwords of users, where the controller does.
    :param policy: the operator's rules, where there are any.
    """

    def __init__(
        self,
        controller: IAccessController,
        users: IUsers | None = None,
        policy: IPolicy | None = None,
    ) -> None:
        super().__init__()
        self.controller = controller
        self.users = users
        self.policy = policy


def build_access(
    reactor: Any,
    configuration: Configuration,
    context: WorkerContext | None,  # noqa: ARG001 - what is shared comes with the attempts
) -> AccessControl:
    """
    :param context: the place of this process among several, which share what they know of failed
        attempts.
    :return: the access controller that is configured, with what is wrapped around it.
    :raises ConfigurationError: if there is none of that name, or its options are wrong.
    """
    auth = configuration.auth
    factory = factories.access_controller_factory(auth.kind)
    chosen = factory.create(reactor, auth.options, UnlimitedAttempts())
    controller: IAccessController = chosen
    # What restricts or observes is wrapped around the controller here, the innermost first.
    access = AccessControl(controller, IUsers(chosen, None))
    if IService.providedBy(chosen):
        IService(chosen).setServiceParent(access)
    return access
