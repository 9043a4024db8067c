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
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.threadpool import ThreadPool
from zope.interface import implementer

from txregistry._version import __version__
from txregistry.configuration import Configuration, TCPAddress
from txregistry.configuration import Endpoint as EndpointSettings
from txregistry.deferreds import Threads, deferred
from txregistry.errors import ConfigurationError, Problem
from txregistry.interfaces import IMetrics, INote, ISink
from txregistry.model.event import Event, Source
from txregistry.notifications.backoff import Backoff
from txregistry.notifications.bell import BellRope
from txregistry.notifications.counting import IN_MEMORY, OUTBOXES_LOST, Counts
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
from txregistry.notifications.writer import Writer
from txregistry.service.context import WorkerContext
from txregistry.service.keeping import Keeping, outbox_place

RETRY_SECONDS: Final = 10.0
"""How often it is tried whether events can be kept on disk, where they are in memory."""


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
        self._keeping = Keeping(
            place,
            part.run,
            part.memory,
            self._ignored,
            self._settings.outbox.maxsize,
            self._tell_lost,
            lambda: reactor.callFromThread(self._tell_where),
        )
        self._pools: list[ThreadPool] = []
        self._threads = self._thread()
        self._retry = LoopingCall(self._try_disk)
        self._retry.clock = reactor
        self._retried: Deferred[Any] = succeed(None)
        self._outbox: Outbox | None = None
        self._dispatcher: Dispatcher | None = None
        self._rope: BellRope | None = None

    def privilegedStartService(self) -> None:
        """
        Have the outbox.

        :raises CannotServe: if another registry has it.
        """
        super().privilegedStartService()
        store = self._keeping.open()
        self._tell_where()
        if self._part.writes:
            writer = self._keeping.writer(store)
            self._outbox = Outbox(
                writer,
                self._thread(),
                self._reactor,
                time.time,
                lambda: self._ring(writer),
                self._metrics,
                self._give_up,
            )
        if self._part.delivers:
            self._store = store if self._outbox is None else self._keeping.another(store)
            self._dispatcher = self._make_dispatcher()

    def startService(self) -> None:
        """Deliver from now on."""
        super().startService()
        for pool in self._pools:
            pool.start()
        if self._dispatcher is not None:
            self._dispatcher.start()
            if self._keeping.in_memory:
                self._retried = self._retry.start(RETRY_SECONDS, now=False)

    @deferred
    async def stopService(self) -> None:
        """Write what waits to be written, and deliver for a few seconds."""
        super().stopService()
        if self._retry.running:
            self._retry.stop()
        await self._retried
        if self._outbox is not None:
            await self._outbox.close()
        if self._dispatcher is not None:
            await self._dispatcher.stop()
        for pool in self._pools:
            pool.stop()
        self._close_rope()
        self._keeping.close()

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        return succeed(None) if self._outbox is None else self._outbox.write(events)

    def leave(self, encoded: bytes) -> None:
        if self._outbox is not None:
            self._outbox.leave(encoded)

    def note(self, encoded: Callable[[], Sequence[bytes]]) -> INote | None:
        return None if self._outbox is None else self._outbox.note(encoded)

    def close(self) -> Deferred[None]:
        return succeed(None) if self._outbox is None else self._outbox.close()

    # inside

    def _make_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            self._reactor,
            self._store,
            self._threads,
            time.time,
            self._make_endpoint,
            list(self._manners),
            self._settings.outbox.maxage,
        )

    @deferred
    async def _try_disk(self) -> None:
        """Leave the memory, if that is possible by now."""
        try:
            if await self._threads.run(self._keeping.works):
                await self._leave_memory()
        except Exception:  # noqa: BLE001 - whatever it is, it is tried again
            self.log.failure("events can't be moved from memory to the disk; it is tried again")

    async def _leave_memory(self) -> None:
        if self._dispatcher is None:
            return
        await self._dispatcher.stop(closing=False)
        try:
            number = await self._threads.run(self._keeping.move, self._store)
            self._store = self._keeping.on_disk()
            if self._retry.running:
                self._retry.stop()
            self.log.info("events are kept on disk now; {number} were in memory", number=number)
        finally:
            self._tell_where()
            self._dispatcher = self._make_dispatcher()
            if self.running:
                self._dispatcher.start()

    def _tell_where(self) -> None:
        self._metrics.level(IN_MEMORY, {}, int(self._keeping.in_memory))

    def _tell_lost(self, reason: str) -> None:
        """In a thread."""
        count = self._metrics.count
        self._reactor.callFromThread(count, OUTBOXES_LOST, {"reason": reason})

    def _give_up(self, names: Sequence[str], size: int) -> None:
        for name in names:
            Counts(self._metrics, name).given_up(1)
        self.log.error(
            "an event of {size} bytes is too large for the outbox, and given up; a larger "
            "notifications.outbox.maxsize lets the next one pass (endpoints: {names})",
            size=size,
            names=", ".join(names),
        )

    def _thread(self) -> Threads:
        """:return: a thread of its own, since a disk may make it wait for long."""
        pool = ThreadPool(0, 1, name="outbox")
        self._pools.append(pool)
        return Threads(self._reactor, pool)

    def _ring(self, writer: Writer) -> None:
        """Wake who delivers."""
        if self._dispatcher is not None:
            self._dispatcher.wake()
        elif (directory := writer.directory) is not None:
            if self._rope is None or self._rope.path != directory.bell:
                self._close_rope()
                self._rope = BellRope(directory.bell)
            self._rope.ring()

    def _close_rope(self) -> None:
        if self._rope is not None:
            self._rope.close()
            self._rope = None

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
