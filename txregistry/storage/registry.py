"""
The registry: all repositories on one driver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final
from uuid import uuid4

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.deferreds import Threads
from txregistry.interfaces import IContents, ILocks, IRegistry, IRepository, IStorageDriver, Page
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.places import Places, private_places
from txregistry.storage.catalog import Catalog
from txregistry.storage.contents import Contents
from txregistry.storage.facts import FactsCache
from txregistry.storage.holders import Holders
from txregistry.storage.ids import SHAPE
from txregistry.storage.links import Links
from txregistry.storage.locks import Locks
from txregistry.storage.parts import Parts
from txregistry.storage.repository import StoredRepository
from txregistry.storage.validation import Validation


@implementer(IRegistry)
class Registry:
    """
    The rules of a registry over a driver.

    :param driver: where everything is.
    :param threads: where what takes a while is done.
    :param now: tells the time of day, in UTC.
    :param validation: what a pushed manifest must fulfil.
    :param locks: what keeps apart changes of the same thing; by default only those of this
        object.
    :param boot: is another one after the machine has started again; by default only this object
        goes on with hashes that it saved.
    :param used_ids: memory, as :data:`~txregistry.storage.ids.SHAPE` says, that is shared with
        other processes that serve the same tree; by default it is only this object's.
    :param hashing: threads in which much is hashed; by default those where all else is done.
    """

    def __init__(
        self,
        driver: IStorageDriver,
        threads: Threads,
        now: Callable[[], datetime],
        validation: Validation | None = None,
        locks: ILocks | None = None,
        boot: str = "",
        used_ids: Places | None = None,
        hashing: Threads | None = None,
    ) -> None:
        locks = locks or Locks()
        self._parts: Final = Parts(
            driver=driver,
            threads=threads,
            hashing=hashing or threads,
            locks=locks,
            now=now,
            validation=validation or Validation(),
            boot=(boot or str(uuid4())).encode("ascii"),
            used_ids=used_ids or private_places(SHAPE),
            links=Links(driver),
            contents=Contents(driver, locks),
            holders=Holders(),
            facts=FactsCache(),
        )
        self._catalog: Final = Catalog(driver, threads)

    @property
    def contents(self) -> IContents:
        """The bytes of all repositories, for what stands in front of this registry."""
        return self._parts.contents

    def repository(self, name: RepositoryName, requester: Requester) -> IRepository:
        return StoredRepository(self._parts, name, requester)

    def page(self, limit: int, last: str = "") -> Deferred[Page]:
        return self._catalog.page(limit, last)

    def holders(self, digest: Digest) -> Deferred[Sequence[RepositoryName]]:
        return succeed(self._parts.holders.of(digest))
