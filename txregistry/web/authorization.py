"""
Asking the access controller on behalf of a request.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import evolve, frozen
from twisted.internet.defer import Deferred

from txregistry.errors import Denied, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import CATALOG, Access, Action, Credentials

BEARER = "bearer"


@frozen
class Authorization:
    """
    What a request may do.

    :param controller: who decides.
    :param credentials: what the request presents of itself.
    :param accesses: what its route needs.
    """

    controller: IAccessController
    credentials: Credentials
    accesses: Sequence[Access]

    def demand(self) -> Deferred[Grant]:
        """
        Insist on what the route needs.

        :raises Unauthorized: if other credentials might help.
        :raises Denied: if nothing would.
        """
        return self.controller.authorize(self.credentials, self.accesses)

    async def may_pull(self, name: str) -> bool:
        """:return: whether the requester may pull from a repository, without being asked to."""
        return await self._may([Access(Action.PULL, name)])

    async def may_see(self, name: str) -> bool:
        """:return: whether the requester, who may list repositories, may be shown this one."""
        return await self._may([CATALOG, Access(Action.PULL, name)])

    async def _may(self, accesses: Sequence[Access]) -> bool:
        credentials = evolve(self.credentials, request_id="")
        try:
            await self.controller.authorize(credentials, accesses)
        except (Unauthorized, Denied):
            return False
        return True

    async def may_mount_from(self, name: str) -> bool:
        """
        :return: whether the requester may mount from a repository, beside what the route needs.
        :raises Unauthorized: if it may not, but a token for both might be had: clients of a token
            server then ask for one.
        """
        try:
            await self.controller.authorize(
                self.credentials, [*self.accesses, Access(Action.PULL, name)]
            )
        except Denied:
            return False
        except Unauthorized as error:
            if error.challenge.lower().startswith(BEARER):
                raise
            return False
        return True
