"""
The daemon, whole.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TextIO

from twisted.application.service import MultiService
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from txregistry._version import __version__
from txregistry.configuration import Loaded, UploadPurging
from txregistry.deferreds import deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.errors import ConfigurationError
from txregistry.interfaces import IStorageDriver
from txregistry.service.ending import give_up
from txregistry.service.logs import Logs, build_logs
from txregistry.service.purging import Purging
from txregistry.service.registry import build_driver, build_registry, build_storage, utc
from txregistry.service.stalling import StallWatching, stall_limit
from txregistry.service.web import Listening, build_application, build_site
from txregistry.storage.purge import Purger


class RegistryService(MultiService):
    """
    The daemon.

    :param driver: the storage driver itself, without middleware.
    :param listening: is ended before everything else.
    :param logs: where it is told what happens.
    :param loaded: the configuration, and what is odd about it.
    """

    log = Logger()

    def __init__(
        self, driver: CheckedDriver, listening: Listening, logs: Logs, loaded: Loaded
    ) -> None:
        super().__init__()
        self._driver = driver
        self._listening = listening
        self._logs = logs
        self._loaded = loaded
        listening.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application, and write its log in the way that is configured."""
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self._logs.events)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """
        Listen, once it is known that there is somewhere to write.

        :raises SystemExit: if there isn't, or the port can't be had.
        """
        if not self._loaded.configuration.storage.maintenance.readonly.enabled:
            try:
                self._driver.check_writable()
            except ConfigurationError as error:
                give_up(str(error))
        super().privilegedStartService()

    def startService(self) -> None:
        """Tell what is odd about the configuration, and begin."""
        self.log.info("txregistry {version}", version=__version__)
        for warning in self._loaded.warnings:
            self.log.warn("{warning}", warning=warning)  # noqa: G010 - Twisted's logger has no other
        super().startService()

    @deferred
    async def stopService(self) -> None:
        """End what clients have begun, then the rest, and the storage at last."""
        await self._listening.disownServiceParent()
        await super().stopService()
        await self._driver.close()
        self._logs.flush()


def build_service(
    reactor: Any,
    loaded: Loaded,
    environ: Mapping[str, str],
    stream: TextIO = sys.stderr,
    access_stream: TextIO = sys.stdout,
) -> RegistryService:
    """
    Build the daemon.

    :param reactor: on which everything runs.
    :param loaded: the configuration.
    :param environ: may switch the watch over the reactor on (:data:`stalls.VARIABLE`).
    :param stream: where the log of events goes.
    :param access_stream: where the log of accesses goes.
    :raises ConfigurationError: if a plug-in is missing or finds its parameters wrong.
    """
    configuration = loaded.configuration
    logs = build_logs(reactor, configuration.log, stream, access_stream)
    checked = build_driver(reactor, configuration)
    driver = build_storage(reactor, configuration, checked)
    registry = build_registry(reactor, configuration, driver)
    application = build_application(reactor, configuration, registry, logs.completed)
    site = build_site(reactor, configuration, application)
    listening = Listening(reactor, application, site, configuration.http)
    service = RegistryService(checked, listening, logs, loaded)
    purging = configuration.storage.maintenance.uploadpurging
    if purging.enabled:
        _purging(reactor, driver, purging).setServiceParent(service)
    limit = stall_limit(environ)
    if limit is not None:
        StallWatching(reactor, limit).setServiceParent(service)
    return service


def _purging(reactor: Any, driver: IStorageDriver, settings: UploadPurging) -> Purging:
    purger = Purger(driver, utc, timedelta(seconds=settings.age), settings.dryrun)
    return Purging(reactor, purger, settings.interval)
