"""
Builds the daemon from a configuration: the one place that knows every room.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn, TextIO

from attrs import frozen
from twisted.application.service import MultiService, Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IDelayedCall, IListeningPort
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized

from txregistry import factories
from txregistry._version import __version__
from txregistry.auth.open import OpenAccess
from txregistry.configuration import (
    HTTP,
    Configuration,
    Loaded,
    Log,
    Middleware,
    TCPAddress,
    UploadPurging,
)
from txregistry.deferreds import Threads, deferred
from txregistry.drivers.base import CheckedDriver
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import Exchange, IRegistry, IStorageDriver
from txregistry.model.manifest import Platform
from txregistry.observability import stalls
from txregistry.observability.formats import FORMATTERS
from txregistry.observability.logs import AccessLog, EventLog, LineWriter
from txregistry.storage.purge import Purger
from txregistry.storage.registry import Registry
from txregistry.storage.switches import ReadOnlyRegistry, UndeletableRegistry
from txregistry.storage.validation import Required, Validation
from txregistry.storage.wrapping import WrappingRegistry
from txregistry.web.application import RegistryApplication, WebOptions
from txregistry.web.limits import Limits as ConnectionLimits
from txregistry.web.listening import listen_tcp, listen_unix
from txregistry.web.proxies import TrustedProxies
from txregistry.web.routes import Limits as RequestLimits
from txregistry.web.site import RegistrySite
from txregistry.web.urls import UrlRules

FIRST_PURGE_SECONDS = 3600
"""The first purge comes within this time: daemons that start together don't purge together."""


# --- the parts ---------------------------------------------------------------------------


@frozen
class Logs:
    """
    The daemon's logs.

    :param events: what happens.
    :param accesses: who asked for what, or ``None`` where that is not wanted.
    """

    events: EventLog
    accesses: AccessLog | None

    def completed(self, exchange: Exchange) -> None:
        """Write down an exchange."""
        self.events.response_completed(exchange)
        if self.accesses is not None:
            self.accesses(exchange)

    def flush(self) -> None:
        """Write what is still waiting."""
        self.events.writer.flush()
        if self.accesses is not None:
            self.accesses.writer.flush()


def build_logs(reactor: Any, log: Log, stream: TextIO, access_stream: TextIO) -> Logs:
    """
    :param stream: where events go.
    :param access_stream: where accesses go.
    """
    events = EventLog(
        LineWriter(stream, reactor),
        FORMATTERS[log.formatter],
        log.level,
        log.fields,
        log.reportcaller,
    )
    accesses = None if log.accesslog.disabled else AccessLog(LineWriter(access_stream, reactor))
    return Logs(events, accesses)


def missing_plugins(configuration: Configuration) -> tuple[Problem, ...]:
    """
    :return: an error for each driver or middleware that is configured and can't be found.
    """
    middleware = configuration.middleware
    choices = [(factories.driver_factory, [configuration.storage.driver])] + [
        (find, [each.name for each in _enabled(chosen)])
        for find, chosen in (
            (factories.storage_middleware_factory, middleware.storage),
            (factories.registry_middleware_factory, middleware.registry),
            (factories.repository_middleware_factory, middleware.repository),
        )
    ]
    problems: list[Problem] = []
    for find, names in choices:
        for name in names:
            try:
                find(name)
            except ConfigurationError as error:
                problems += error.problems
    return tuple(problems)


def build_driver(reactor: Any, configuration: Configuration) -> CheckedDriver:
    """
    :return: the storage driver that is configured.
    :raises ConfigurationError: if there is none of that name, or its parameters are wrong.
    """
    storage = configuration.storage
    factory = factories.driver_factory(storage.driver)
    return CheckedDriver(factory.create(reactor, storage.parameters))


def build_storage(
    reactor: Any, configuration: Configuration, driver: IStorageDriver
) -> IStorageDriver:
    """
    :return: the driver with its middleware around it, in the order configured.
    :raises ConfigurationError: if there is no such middleware, or its options are wrong.
    """
    for middleware in _enabled(configuration.middleware.storage):
        factory = factories.storage_middleware_factory(middleware.name)
        driver = CheckedDriver(factory.create(reactor, driver, middleware.options))
    return driver


def build_registry(reactor: Any, configuration: Configuration, driver: IStorageDriver) -> IRegistry:
    """
    :param driver: where everything is.
    :return: the registry with its switches and middleware around it.
    :raises ConfigurationError: if there is no such middleware, or its options are wrong.
    """
    registry: IRegistry = Registry(
        driver, Threads(reactor, reactor.getThreadPool()), _utc, _validation(configuration)
    )
    if not configuration.storage.delete.enabled:
        registry = UndeletableRegistry(registry)
    if configuration.storage.maintenance.readonly.enabled:
        registry = ReadOnlyRegistry(registry)
    for middleware in _enabled(configuration.middleware.registry):
        factory = factories.registry_middleware_factory(middleware.name)
        registry = factory.create(reactor, registry, middleware.options)
    wrappers = [
        factories.repository_middleware_factory(middleware.name).create(reactor, middleware.options)
        for middleware in _enabled(configuration.middleware.repository)
    ]
    return WrappingRegistry(registry, wrappers) if wrappers else registry


def build_site(
    reactor: Any,
    configuration: Configuration,
    registry: IRegistry,
    completed: Callable[[Exchange], None],
) -> RegistrySite:
    """
    :param registry: what is served.
    :param completed: told of every exchange when it is over.
    :return: what ports serve.
    """
    threads = Threads(reactor, reactor.getThreadPool())
    application = RegistryApplication(
        registry, OpenAccess(), threads, _web_options(configuration), completed, reactor.seconds
    )
    limits = configuration.http.limits
    return RegistrySite(
        application.dispatch,
        reactor,
        threads,
        ConnectionLimits(
            head=limits.head,
            headers=limits.headers,
            keep_alive=limits.idle,
            head_time=limits.idle,
            body_idle=limits.bodyidle,
            write_idle=limits.writeidle,
            connections=limits.connections,
        ),
    )


def _utc() -> datetime:
    return datetime.now(UTC)


def _enabled(middlewares: Sequence[Middleware]) -> list[Middleware]:
    return [middleware for middleware in middlewares if not middleware.disabled]


def _validation(configuration: Configuration) -> Validation:
    rules = configuration.validation
    indexes = rules.manifests.indexes
    return Validation(
        disabled=rules.disabled,
        blobs=Required(rules.manifests.blobs),
        platforms=Required(indexes.platforms),
        platform_list=tuple(
            Platform(platform.architecture, platform.os) for platform in indexes.platformlist
        ),
        urls_allow=rules.manifests.urls.allow,
        urls_deny=rules.manifests.urls.deny,
        classes=configuration.policy.repository.classes,
    )


def _web_options(configuration: Configuration) -> WebOptions:
    http = configuration.http
    return WebOptions(
        proxies=TrustedProxies(http.trustedproxies),
        urls=UrlRules(
            root=str(http.host) if http.host else "",
            relative=http.relativeurls,
            prefix=http.prefix,
        ),
        headers=tuple(
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, values in http.headers.items()
            for value in values
        ),
        limits=RequestLimits(
            manifest=http.limits.manifest,
            tags=http.limits.tags,
            tags_page=configuration.tags.maxtags,
            catalog_page=configuration.catalog.maxentries,
            referrers_page=configuration.referrers.maxentries,
        ),
        redirects=not configuration.storage.redirect.disable,
    )


# --- the services ------------------------------------------------------------------------


class Listening(Service):
    """
    Listens, and at the end lets transfers in flight end too.

    :param reactor: that watches the port.
    :param site: what is served.
    :param http: where to listen, and how long an end may take.
    """

    log = Logger()

    def __init__(self, reactor: Any, site: RegistrySite, http: HTTP) -> None:
        self._reactor = reactor
        self._site = site
        self._http = http
        self._port: IListeningPort | None = None

    def privilegedStartService(self) -> None:
        """
        Listen, while low ports may still be had.

        :raises SystemExit: if the port is taken, or may not be had.
        """
        try:
            self._port = self._listen()
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            _give_up(f"can't listen on {self._http.address}: {reason}")

    def startService(self) -> None:
        """Tell where it listens."""
        super().startService()
        if self._port is not None:
            self.log.info("listening on {address}", address=_shown(self._port))

    @deferred
    async def stopService(self) -> None:
        """Take no more connections, and wait for those that are there."""
        super().stopService()
        port, self._port = self._port, None
        if port is not None:
            await _stopped(port)
        drained = self._site.drain()
        if self._http.draintimeout:
            late = self._reactor.callLater(self._http.draintimeout, self._site.abort)
            await drained
            if late.active():
                late.cancel()
        else:
            self._site.abort()

    def _listen(self) -> IListeningPort:
        address = self._http.address
        if isinstance(address, TCPAddress):
            return listen_tcp(self._reactor, address.host, address.port, self._site)
        return listen_unix(self._reactor, address.path, self._site)


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


class StallWatching(Service):
    """
    Logs what keeps the reactor busy for too long.

    :param clock: the reactor.
    :param limit: in seconds.
    """

    log = Logger()

    def __init__(self, clock: Any, limit: float) -> None:
        self._clock = clock
        self._watch = stalls.StallWatch(clock, limit, self._stalled)

    def startService(self) -> None:
        """Begin to watch, when the reactor has begun to run."""
        super().startService()
        self._clock.callWhenRunning(self._watch.start)

    def stopService(self) -> None:
        """End."""
        super().stopService()
        self._watch.stop()

    def _stalled(self, seconds: float, stack: str) -> None:
        self._clock.callFromThread(
            self.log.warn,
            "the reactor was busy for {seconds:.3f} s:\n{stack}",
            seconds=seconds,
            stack=stack,
        )


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
                _give_up(str(error))
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
    site = build_site(reactor, configuration, registry, logs.completed)
    service = RegistryService(checked, Listening(reactor, site, configuration.http), logs, loaded)
    purging = configuration.storage.maintenance.uploadpurging
    if purging.enabled:
        _purging(reactor, driver, purging).setServiceParent(service)
    limit = _stall_limit(environ)
    if limit is not None:
        StallWatching(reactor, limit).setServiceParent(service)
    return service


def _stall_limit(environ: Mapping[str, str]) -> float | None:
    text = environ.get(stalls.VARIABLE)
    try:
        return float(text) if text else None
    except ValueError:
        raise ConfigurationError([f"{stalls.VARIABLE}: {text!r} is no number of seconds"]) from None


def _purging(reactor: Any, driver: IStorageDriver, settings: UploadPurging) -> Purging:
    purger = Purger(driver, _utc, timedelta(seconds=settings.age), settings.dryrun)
    return Purging(reactor, purger, settings.interval)


def _give_up(reason: str) -> NoReturn:
    """
    End before anything has begun, with a line that says why.

    Not through the log: by now that has ``sys.stderr``, and waits for a reactor that will never
    run.
    """
    print(f"txregistry: {reason}", file=sys.__stderr__)
    raise SystemExit(1)


@deferred
async def _stopped(port: IListeningPort) -> None:
    stopping = port.stopListening()
    if stopping is not None:
        await stopping


def _shown(port: IListeningPort) -> str:
    address = port.getHost()
    if isinstance(address, IPv4Address | IPv6Address):
        return str(TCPAddress(address.host, address.port))
    return os.fsdecode(address.name or "") if isinstance(address, UNIXAddress) else str(address)
