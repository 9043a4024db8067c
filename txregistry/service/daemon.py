"""
The daemon, whole.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from twisted.application.service import MultiService, Service
from twisted.logger import Logger

from txregistry._version import __version__
from txregistry.configuration import Configuration, Loaded
from txregistry.deferreds import deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.errors import CannotServe, ConfigurationError
from txregistry.interfaces import IRegistry, IStorageDriver
from txregistry.observability.metrics import Metrics
from txregistry.service.access import build_access
from txregistry.service.caching import build_caching
from txregistry.service.context import WorkerContext
from txregistry.service.ending import give_up
from txregistry.service.files import raise_open_files
from txregistry.service.logs import Logs, build_logs
from txregistry.service.notifications import Part, build_notifying, build_telling
from txregistry.service.purging import build_purging
from txregistry.service.registry import build_driver, build_registry, build_storage
from txregistry.service.stalling import StallWatching, stall_limit
from txregistry.service.web import Listening, build_application, build_site
from txregistry.storage.sharedlocks import SharedLocks
from txregistry.web.application import RegistryApplication
from txregistry.web.inboxes import Ends, Inboxes
from txregistry.web.shares import Shares


class RegistryService(MultiService):
    """
    The daemon.

    :param driver: the storage driver itself, without middleware.
    :param listening: is ended before everything else.
    :param logs: where it is told what happens.
    :param loaded: the configuration, and what is odd about it.
    :param alone: whether there is no supervisor who has told what is to be told at the start.
    :ivar listening: has the ports.
    :ivar logs: where it is told what happens.
    """

    log = Logger()

    def __init__(
        self,
        driver: CheckedDriver,
        listening: Listening,
        logs: Logs,
        loaded: Loaded,
        alone: bool = True,
    ) -> None:
        super().__init__()
        self._driver = driver
        self._loaded = loaded
        self._alone = alone
        self.listening = listening
        self.logs = logs
        listening.setServiceParent(self)

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application, and write its log in the way that is configured."""
        self.logs.join(parent)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """
        As :meth:`open`.

        :raises SystemExit: if that can't be; a line has said why.
        """
        try:
            self.open()
        except CannotServe as reason:
            give_up(str(reason))

    def open(self) -> None:
        """
        Listen, once it is known that there is somewhere to write.

        :raises CannotServe: if there isn't, or the port can't be had.
        """
        self._check_connections()
        if not self._loaded.configuration.storage.maintenance.readonly.enabled:
            try:
                self._driver.check_writable()
            except ConfigurationError as error:
                raise CannotServe(str(error)) from error
        super().privilegedStartService()

    def _check_connections(self) -> None:
        """Make room for the connections that are allowed, or warn that there is none."""
        wanted = 2 * self._loaded.configuration.http.limits.connections
        available = raise_open_files()
        if available < wanted:
            self.log.warn(  # noqa: G010 - Twisted's logger has no other
                "http.limits.connections: the system allows {available} open files, which is "
                "fewer than two for each connection",
                available=available,
            )

    def startService(self) -> None:
        """Tell what is odd about the configuration, and begin."""
        if self._alone:
            self.log.info("txregistry {version}", version=__version__)
            for warning in self._loaded.warnings:
                self.log.warn("{warning}", warning=warning)  # noqa: G010 - Twisted's logger has no other
            self.log.info("listening on {address}", address=self.listening.address)
        super().startService()
        # What is there by now stays there: to look through it for garbage would be in vain.
        gc.freeze()

    @deferred
    async def stopService(self) -> None:
        """End what clients have begun, then the rest, and the storage at last."""
        await self.listening.disownServiceParent()
        await super().stopService()
        await self._driver.close()
        self.logs.flush()


def build_service(
    reactor: Any,
    loaded: Loaded,
    environ: Mapping[str, str],
    stream: TextIO = sys.stderr,
    access_stream: TextIO = sys.stdout,
    *,
    descriptor: int | None = None,
    context: WorkerContext | None = None,
    inboxes: Sequence[Ends] = (),
) -> RegistryService:
    """
    Build the daemon, or one worker of several.

    :param reactor: on which everything runs.
    :param loaded: the configuration.
    :param environ: may switch the watch over the reactor on (:data:`stalls.VARIABLE`).
    :param stream: where the log of events goes.
    :param access_stream: where the log of accesses goes.
    :param descriptor: of a socket that listens already, to be used instead of the address that is
        configured.
    :param context: the place of this worker among the others, if there are any.
    :param inboxes: of all workers, if each has a socket of its own.
    :raises ConfigurationError: if a plug-in is missing or finds its parameters wrong.
    """
    configuration = loaded.configuration
    worker = "" if context is None else str(context.index)
    logs = build_logs(reactor, configuration.log, stream, access_stream, worker)
    checked = build_driver(reactor, configuration)
    driver = build_storage(reactor, configuration, checked)
    registry, beside = _build_registry(reactor, configuration, driver, environ, context)
    access = build_access(reactor, configuration, context)
    application = build_application(
        reactor, configuration, registry, access.controller, logs, access.rates, access.tokens
    )
    listening = _build_listening(reactor, configuration, application, descriptor, context, inboxes)
    service = RegistryService(checked, listening, logs, loaded, alone=context is None)
    for each in (access, *beside):
        each.setServiceParent(service)
    purging = configuration.storage.maintenance.uploadpurging
    if context is None and purging.enabled:
        build_purging(reactor, driver, purging).setServiceParent(service)
    limit = stall_limit(environ)
    if limit is not None:
        StallWatching(reactor, limit).setServiceParent(service)
    return service


def _build_registry(
    reactor: Any,
    configuration: Configuration,
    driver: IStorageDriver,
    environ: Mapping[str, str],
    context: WorkerContext | None,
) -> tuple[IRegistry, list[Service]]:
    """
    :return: what is served, and what runs beside it: a cache, and what tells of events.
    """
    metrics = Metrics()
    caching = build_caching(reactor, configuration, context, metrics)
    part = Part.of(context)
    notifying = build_notifying(reactor, configuration, part, environ, metrics)
    telling = None
    if notifying is not None:
        telling = build_telling(reactor, configuration, notifying, part, metrics)
    caches = None if caching is None else caching.caches
    locks = None if context is None else SharedLocks(context.locks_path, reactor)
    registry = build_registry(reactor, configuration, driver, locks, caches, telling, context)
    return registry, [each for each in (caching, notifying) if each is not None]


def _build_listening(
    reactor: Any,
    configuration: Configuration,
    application: RegistryApplication,
    descriptor: int | None,
    context: WorkerContext | None,
    inboxes: Sequence[Ends],
) -> Listening:
    site = build_site(reactor, configuration, application, context.count if context else 1)
    shares = Shares(context.shares_path, context.index) if context and context.shares_path else None
    handing = Inboxes(shares, inboxes) if shares and inboxes else None
    return Listening(reactor, application, site, configuration.http, descriptor, shares, handing)
