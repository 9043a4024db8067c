"""
Notifications: the outbox, and the one process that delivers what is in it.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final
from uuid import NAMESPACE_OID, uuid5

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from txregistry._version import __version__
from txregistry.configuration import Configuration, TCPAddress
from txregistry.configuration import Endpoint as EndpointSettings
from txregistry.deferreds import Threads, deferred
from txregistry.errors import CannotServe, ConfigurationError, Problem
from txregistry.interfaces import IMetrics, ISink
from txregistry.model.event import Event, Source
from txregistry.notifications.backoff import Backoff
from txregistry.notifications.bell import BellRope
from txregistry.notifications.counting import Counts
from txregistry.notifications.database import Unusable
from txregistry.notifications.directory import InUse, OutboxDirectory, Ownership
from txregistry.notifications.dispatch import Dispatcher
from txregistry.notifications.endpoint import Endpoint, Manner
from txregistry.notifications.formats.choice import Wanted, choose_format
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.listening.layers import LayerTypes
from txregistry.notifications.listening.recorder import Recorder
from txregistry.notifications.listening.report import Telling
from txregistry.notifications.outbox import Outbox
from txregistry.notifications.poster import Destination, Poster
from txregistry.notifications.proxying import BadProxy, proxy_for
from txregistry.notifications.reading import Reading
from txregistry.notifications.store import Store
from txregistry.notifications.tls import BadFile, load_tls
from txregistry.service.context import WorkerContext

MEMORY_BYTES: Final = 16 * 1024 * 1024
"""What events may take where there is no place for them but memory."""

OWNER_SECONDS: Final = 3.0
"""How long it is waited for another registry to end, which has the outbox and may be ending."""

STATE_DIRECTORY: Final = "/var/lib/txregistry"


@frozen(kw_only=True)
class Part:
    """
    What a process does of it.

    :param writes: whether it puts events into the outbox.
    :param delivers: whether it takes them out.
    :param run: a name for all processes of this registry, and for no other.
    :param memory: a directory in memory that they share; ``""`` where there is one process.
    """

    writes: bool
    delivers: bool
    run: str
    memory: str = ""

    @classmethod
    def of(cls, context: WorkerContext | None) -> Part:
        """:return: what a process does that serves."""
        if context is None:
            return cls(writes=True, delivers=True, run=f"{os.getpid()} {os.urandom(8).hex()}")
        return cls(
            writes=True, delivers=False, run=context.run_directory, memory=context.run_directory
        )

    @classmethod
    def background(cls, context: WorkerContext) -> Part:
        """:return: what the process for background work does."""
        return evolve(cls.of(context), writes=False, delivers=True)


@implementer(ISink)
class Notifying(Service):
    """
    Takes events, and delivers them, as far as that is this process's part.

    :param reactor: on which everything runs.
    :param configuration: names endpoints, and where the outbox is.
    :param part: what this process does.
    :param place: a directory for the outbox, ``""`` for none.
    :param metrics: where it is counted what becomes of events.
    :param environ: may name proxies.
    """

    log = Logger()

    def __init__(
        self,
        reactor: Any,
        configuration: Configuration,
        part: Part,
        place: str,
        metrics: IMetrics,
        environ: Mapping[str, str],
    ) -> None:
        self._reactor = reactor
        self._settings = configuration.notifications
        self._part = part
        self._place = place
        self._metrics = metrics
        self._manners = {each.name: _manner(each) for each in self._settings.enabled}
        self._destinations = {
            each.name: _destination(each, index, environ)
            for index, each in enumerate(self._settings.endpoints)
            if not each.disabled
        }
        self._ignored = {
            each.name: Ignored(each.ignored_media_types, frozenset(each.ignore.actions))
            for each in self._settings.enabled
        }
        self._pools: list[ThreadPool] = []
        self._ownership: Ownership | None = None
        self._outbox: Outbox | None = None
        self._dispatcher: Dispatcher | None = None
        self._rope: BellRope | None = None

    def privilegedStartService(self) -> None:
        """
        Have the outbox.

        :raises CannotServe: if another registry has it.
        """
        super().privilegedStartService()
        store = self._open_store()
        if self._part.writes:
            self._outbox = Outbox(
                store,
                self._thread(),
                self._reactor,
                time.time,
                self._ring_of(store),
                self._metrics,
            )
        if self._part.delivers:
            self._dispatcher = Dispatcher(
                self._reactor,
                # What is in memory is there only once.
                store if store.directory is None or self._outbox is None else self._another(store),
                self._thread(),
                time.time,
                self._make_endpoint,
                list(self._manners),
                self._settings.outbox.maxage,
            )

    def startService(self) -> None:
        """Deliver from now on."""
        super().startService()
        for pool in self._pools:
            pool.start()
        if self._dispatcher is not None:
            self._dispatcher.start()

    @deferred
    async def stopService(self) -> None:
        """Write what waits to be written, and deliver for a few seconds."""
        super().stopService()
        if self._outbox is not None:
            await self._outbox.close()
        if self._dispatcher is not None:
            await self._dispatcher.stop()
        for pool in self._pools:
            pool.stop()
        if self._rope is not None:
            self._rope.close()
        if self._ownership is not None:
            self._ownership.release()

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        return succeed(None) if self._outbox is None else self._outbox.write(events)

    def close(self) -> Deferred[None]:
        return succeed(None) if self._outbox is None else self._outbox.close()

    # inside

    def _open_store(self) -> Store:
        if self._place:
            directory = OutboxDirectory(self._place)
            try:
                directory.make()
                self._own(directory)
                return self._opened(directory, self._settings.outbox.maxsize)
            except (OSError, Unusable) as error:
                self.log.error(  # noqa: TRY400 - Twisted's logger has no other
                    "events can't be written to {place} ({error}): they are kept in memory until "
                    "they are delivered, {size} bytes of them at most, and don't outlive the "
                    "registry; notifications.outbox.path names another place",
                    place=self._place,
                    error=error,
                    size=MEMORY_BYTES,
                )
        shared = OutboxDirectory(f"{self._part.memory}/outbox") if self._part.memory else None
        return self._opened(shared, min(self._settings.outbox.maxsize, MEMORY_BYTES))

    def _opened(self, directory: OutboxDirectory | None, maxsize: int) -> Store:
        store = Store(directory, list(self._manners), maxsize)
        store.open()
        for endpoint, number in store.left.items():
            if number:
                self.log.warn(  # noqa: G010 - Twisted's logger has no other
                    "the endpoint {endpoint} is no more in notifications.endpoints; {number} "
                    "events waited for it, which nobody will get",
                    endpoint=endpoint,
                    number=number,
                )
        return store

    def _another(self, store: Store) -> Store:
        return Store(store.directory, list(self._manners), store.maxsize)

    def _own(self, directory: OutboxDirectory) -> None:
        ownership = Ownership(directory, self._part.run)
        deadline = time.monotonic() + OWNER_SECONDS
        while True:
            try:
                ownership.take()
            except InUse as error:
                if time.monotonic() > deadline:
                    raise CannotServe(str(error)) from error
                # Nothing runs yet that would have to wait.
                time.sleep(0.1)
            else:
                self._ownership = ownership
                return

    def _thread(self) -> Threads:
        """:return: a thread of its own, since a disk may make it wait for long."""
        pool = ThreadPool(0, 1, name="outbox")
        self._pools.append(pool)
        return Threads(self._reactor, pool)

    def _ring_of(self, store: Store) -> Callable[[], None]:
        if store.directory is None or self._part.delivers:
            return lambda: self._dispatcher.wake() if self._dispatcher else None
        self._rope = BellRope(store.directory.bell)
        return self._rope.ring

    def _make_endpoint(
        self, name: str, store: Store, threads: Threads, changed: Callable[[], None]
    ) -> Endpoint:
        counts = Counts(self._metrics, name)
        return Endpoint(
            name,
            self._manners[name],
            Reading(store, threads, name, self._ignored[name], counts),
            Poster(self._reactor, self._destinations[name]),
            self._reactor,
            counts,
            changed,
        )


def build_notifying(
    reactor: Any,
    configuration: Configuration,
    part: Part,
    environ: Mapping[str, str],
    metrics: IMetrics,
) -> Notifying | None:
    """
    :param part: what this process does.
    :return: what takes events and delivers them, if there is an endpoint.
    :raises ConfigurationError: if the files for TLS are not what they should be.
    """
    if not configuration.notifications.enabled:
        return None
    place = outbox_place(configuration, environ)
    return Notifying(reactor, configuration, part, place, metrics, environ)


def outbox_place(configuration: Configuration, environ: Mapping[str, str]) -> str:
    """
    :return: the directory of the outbox; ``""`` where events are no more durable than what they
        are about.
    """
    storage = configuration.storage
    if configuration.notifications.outbox.path:
        return os.path.abspath(configuration.notifications.outbox.path)
    if storage.driver == "inmemory":
        return ""
    if storage.driver == "filesystem":
        # Beside the tree, where distribution doesn't look.
        root = str(storage.parameters.get("rootdirectory") or "/var/lib/registry")
        return f"{os.path.abspath(root)}/.txregistry/outbox"
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return f"{state or STATE_DIRECTORY}/outbox"


def _manner(settings: EndpointSettings) -> Manner:
    wanted = Wanted(settings.format, settings.version, settings.mode, settings.batch)
    return Manner(
        format=choose_format(wanted),
        batch=settings.batch,
        secret=settings.secret.encode(),
        backoff=Backoff(settings.threshold, settings.backoff, random.random),
    )


def _destination(settings: EndpointSettings, index: int, environ: Mapping[str, str]) -> Destination:
    tls = settings.tls
    try:
        creator = load_tls(tls.certificate, tls.key, tls.rootcas)
    except BadFile as error:
        key = f"notifications.endpoints[{index}].tls"
        raise ConfigurationError([Problem(key=key, text=str(error))]) from error
    try:
        proxy = proxy_for(settings.url, environ)
    except BadProxy as error:
        key = f"notifications.endpoints[{index}].url"
        raise ConfigurationError([Problem(key=key, text=f"can't be reached: {error}")]) from error
    return Destination(
        url=settings.url,
        headers=tuple(
            (name.encode("latin-1"), value.encode("latin-1"))
            for name, values in settings.headers.items()
            for value in values
        ),
        timeout=settings.timeout,
        tls=creator,
        agent_name=f"txregistry/{__version__}".encode(),
        proxy=proxy,
    )


def build_telling(
    reactor: Any, configuration: Configuration, notifying: Notifying, part: Part, metrics: IMetrics
) -> Telling:
    """
    :return: how it is told what happens.
    """
    notifications = configuration.notifications
    choosy = any(each.ignored_media_types for each in notifications.enabled)
    return Telling(
        Recorder(notifying, _source(configuration, part), metrics),
        Threads(reactor, reactor.getThreadPool()),
        notifications.events.includereferences,
        LayerTypes() if choosy else None,
        pulls=any("pull" not in each.ignore.actions for each in notifications.enabled),
    )


def _source(configuration: Configuration, part: Part) -> Source:
    """
    :return: who tells: this registry, from its start to its end, whichever of its processes.
    """
    address, host = configuration.http.address, socket.gethostname()
    if isinstance(address, TCPAddress):
        host = f"{host}:{address.port}"
    return Source(host, str(uuid5(NAMESPACE_OID, part.run)))
