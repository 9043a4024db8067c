"""
Policies before a controller of access: that says who somebody is, they say what he may do.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.errors import Denied, Unauthorized
from txregistry.interfaces import Grant, IAccessController, IPolicy
from txregistry.model.access import Access, Credentials, Decision, Identity, records
from txregistry.recent import Recent

GRANTS: Final = 1024
"""How many are remembered, so that they needn't be made anew for each request."""


@implementer(IAccessController)
class PolicedAccess:
    """
    Grants what both the operator's rules and another controller grant.

    Who presents nothing is anonymous, and gets what the rules give to the anonymous without being
    asked who he is; for anything else he gets the challenge of the other controller.  The ping
    (no accesses) is the other's alone: its challenge is how clients learn to log in.

    A certificate that TLS has verified counts before anything else that is presented.

    :param wrapped: says who somebody is, and what its tokens are good for.
    :param policy: the rules.
    :param certificate_user: gives the user that a certificate names, ``""`` for none.
    """

    def __init__(
        self,
        wrapped: IAccessController,
        policy: IPolicy,
        certificate_user: Callable[[bytes], str] = lambda _: "",
    ) -> None:
        self._wrapped = wrapped
        self._policy = policy
        self._certificate_user = certificate_user
        self._grants: Recent[tuple[str, str], Grant] = Recent(GRANTS)

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As :class:`IAccessController` says."""
        certificate = credentials.certificate
        user = self._certificate_user(certificate) if certificate else ""
        if user:
            return self._known(Identity(user, credentials.address, by_certificate=True), accesses)
        if credentials.authorization or not accesses:
            return self._asked(credentials, accesses)
        decisions = self._decide(Identity("", credentials.address), accesses)
        if all(decision.granted for decision in decisions):
            return succeed(self._grant("", decisions))
        return self._asked(credentials, accesses)

    def _known(self, identity: Identity, accesses: Sequence[Access]) -> Deferred[Grant]:
        try:
            return succeed(self._judge(identity, accesses))
        except Denied as denied:
            return fail(denied)

    def _asked(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """
        Ask the other controller, for the accesses too: a token may be good for less than its
        owner is, and a challenge shall say what would be enough.
        """
        # Callbacks, not a coroutine: mostly the answer is there at once, for each request anew.
        asked = self._wrapped.authorize(credentials, accesses)
        about = (credentials.address, accesses)
        return asked.addCallbacks(
            self._judge_granted, self._explain, callbackArgs=about, errbackArgs=about
        )

    def _judge_granted(self, grant: Grant, address: str, accesses: Sequence[Access]) -> Grant:
        return self._judge(Identity(grant.actor, address), accesses)

    def _explain(self, failure: Failure, address: str, accesses: Sequence[Access]) -> Failure:
        """
        Name the rules, for the audit log, by which a token isn't good for what its bearer wants: if
        there are any, it isn't the token's fault.
        """
        error = failure.value
        if isinstance(error, Unauthorized) and error.rule:
            decisions = self._decide(Identity(error.actor, address), accesses)
            error.rule = _told(_refusals(decisions)) or error.rule
        return failure

    def _judge(self, identity: Identity, accesses: Sequence[Access]) -> Grant:
        """
        :raises Denied: if the rules don't grant everything.
        """
        decisions = self._decide(identity, accesses)
        refusals = _refusals(decisions)
        if refusals:
            raise Denied(records(accesses), actor=identity.user, rule=_told(refusals))
        return self._grant(identity.user, decisions)

    def _decide(self, identity: Identity, accesses: Sequence[Access]) -> list[Decision]:
        return [self._policy.decide(identity, access) for access in accesses]

    def _grant(self, user: str, decisions: Sequence[Decision]) -> Grant:
        key = (user, decisions[0].rule if len(decisions) == 1 else _told(decisions))
        grant = self._grants.get(key)
        if grant is None:
            grant = Grant(*key)
            self._grants.put(key, grant)
        return grant


def _refusals(decisions: Sequence[Decision]) -> list[Decision]:
    """:return: those of them that are no."""
    return [decision for decision in decisions if not decision.granted]


def _told(decisions: Sequence[Decision]) -> str:
    """:return: all rules that have decided something, each once."""
    return ", ".join(dict.fromkeys(decision.rule for decision in decisions))
