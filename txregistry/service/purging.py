"""
Upload purging, from time to time.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from txregistry.configuration import UploadPurging
from txregistry.deferreds import deferred
from txregistry.interfaces import IStorageDriver
from txregistry.service.registry import utc
from txregistry.storage.purge import Purger

FIRST_PURGE_SECONDS = 3600
"""The first purge comes within this time: daemons that start together don't purge together."""


class Purging(Service):
    """
    Removes abandoned uploads from time to time.

    :param clock: calls when it is time.
    :param purger: removes them.
    :param interval: between two runs, in seconds.
    """

    log = Logger()

    def __init__(self, clock: Any, purger: Purger, interval: float) -> None:
        self._clock = clock
        self._purger = purger
        self._interval = interval
        self._next: IDelayedCall | None = None
        self._run: Deferred[None] = succeed(None)

    def startService(self) -> None:
        """Plan the first run."""
        super().startService()
        first = random.uniform(0, min(self._interval, FIRST_PURGE_SECONDS))  # noqa: S311 - no secret
        self._plan(first)

    def stopService(self) -> Deferred[None]:
        """Plan nothing more, and break a run off."""
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._run.cancel()
        return self._run

    def _plan(self, seconds: float) -> None:
        self._next = self._clock.callLater(seconds, self._begin)

    def _begin(self) -> None:
        self._next = None
        self._run = self._purge()

    @deferred
    async def _purge(self) -> None:
        try:
            report = await self._purger.purge()
            self.log.info("upload purging: {report}", report=report)
        except CancelledError:
            return
        except Exception:  # noqa: BLE001 - whatever it is, the next run comes
            self.log.failure("upload purging failed; it is tried again next time")
        self._plan(self._interval)


def build_purging(reactor: Any, driver: IStorageDriver, settings: UploadPurging) -> Purging:
    """
    :param driver: where the uploads are.
    """
    purger = Purger(driver, utc, timedelta(seconds=settings.age), settings.dryrun)
    return Purging(reactor, purger, settings.interval)
