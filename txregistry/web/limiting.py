"""
Refusing who has used what he may.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING

from attrs import frozen
from twisted.internet.defer import Deferred, fail
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.errors import Denied, TooManyRequests, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Credentials
from txregistry.web.call import Response
from txregistry.web.rates import Rates
from txregistry.web.tokens import Page, TokenPages

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest


@implementer(IAccessController)
@frozen
class LimitedAccess:
    """
    Refuses who asks too much, before anything else is done for him.

    Who presents credentials may be somebody who is exempt: so where there are such people, he is
    refused when it is known who he is.

    :param wrapped: decides about all others.
    :param rates: what they have used.
    """

    wrapped: IAccessController
    rates: Rates

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """
        As :class:`IAccessController` says.

        :raises TooManyRequests: if there were too many from this address, or by this user.
        """
        if not credentials.request_id:  # it isn't a request of its own
            return self.wrapped.authorize(credentials, accesses)
        wait = self.rates.wait_of_address(credentials.address)
        known = credentials.authorization or credentials.certificate
        if wait and not (known and self.rates.exempt_users):
            return fail(_too_many(wait))
        asked = self.wrapped.authorize(credentials, accesses)
        asked.addCallback(self._admitted, credentials.address, wait)
        if wait:
            asked.addErrback(self._refused, wait)
        return asked

    def _admitted(self, grant: Grant, address: str, wait: float) -> Grant:
        if grant.actor in self.rates.exempt_users:
            if not wait:
                self.rates.give_back(address)
            return grant
        wait = wait or self.rates.wait_of_user(grant.actor)
        if wait:
            raise _too_many(wait, grant.actor)
        return grant

    def _refused(self, failure: Failure, wait: float) -> Grant:
        """
        :raises TooManyRequests: for whoever isn't known to be exempt: anybody can say something.
        """
        failure.trap(Unauthorized, Denied)
        actor = getattr(failure.value, "actor", "")
        if actor in self.rates.exempt_users:
            failure.raiseException()
        raise _too_many(wait, actor)


def limit_pages(pages: TokenPages, rates: Rates) -> None:
    """Let each page on which tokens are given away count for the address that asks."""
    pages.pages = {path: _limited(page, rates) for path, page in pages.pages.items()}


def _limited(page: Page, rates: Rates) -> Page:
    async def answer(request: RegistryRequest, credentials: Credentials) -> tuple[Response, str]:
        wait = rates.wait_of_address(credentials.address)
        if wait:
            raise _too_many(wait)
        return await page(request, credentials)

    return answer


def _too_many(wait: float, actor: str = "") -> TooManyRequests:
    return TooManyRequests(retry_after=max(ceil(wait), 1), actor=actor)
