"""
From a configuration to what ports serve, and the ports themselves.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from math import ceil
from typing import Any

from twisted.application.service import Service
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort

from txregistry.configuration import HTTP, Configuration, TCPAddress
from txregistry.deferreds import Threads, deferred
from txregistry.errors import CannotServe
from txregistry.interfaces import Exchange, IAccessController, IRegistry
from txregistry.service.logs import Logs
from txregistry.web.application import RegistryApplication, WebOptions
from txregistry.web.inboxes import Inboxes
from txregistry.web.limits import Limits as ConnectionLimits
from txregistry.web.listening import (
    InboxPort,
    listen_inbox,
    listen_inherited,
    listen_tcp,
    listen_unix,
)
from txregistry.web.proxies import TrustedProxies
from txregistry.web.rates import Rates
from txregistry.web.routes import Limits as RequestLimits
from txregistry.web.shares import Shares
from txregistry.web.site import RegistrySite
from txregistry.web.tokens import TokenPages
from txregistry.web.urls import UrlRules


def build_application(
    reactor: Any,
    configuration: Configuration,
    registry: IRegistry,
    controller: IAccessController,
    logs: Logs,
    rates: Rates | None = None,
    tokens: TokenPages | None = None,
) -> RegistryApplication:
    """
    :param registry: what is served.
    :param controller: decides who may do what.
    :param logs: told of every exchange when it is over.
    :param rates: told too, where what is transferred is limited.
    :param tokens: give tokens away, where that is done here.
    """
    threads = Threads(reactor, reactor.getThreadPool())
    counting = rates is not None and rates.counts_bytes
    return RegistryApplication(
        registry,
        controller,
        threads,
        _web_options(configuration),
        logs.completed if rates is None or not counting else _both(logs, rates),
        reactor.seconds,
        logs.only_failures and not counting,
        tokens,
    )


def _both(logs: Logs, rates: Rates) -> Callable[[Exchange], None]:
    """:return: what tells logs and rates of an exchange."""

    def completed(exchange: Exchange) -> None:
        logs.completed(exchange)
        rates.completed(exchange)

    return completed


def build_site(
    reactor: Any, configuration: Configuration, application: RegistryApplication, processes: int = 1
) -> RegistrySite:
    """
    :param processes: how many of them have a part of the connections that there may be.
    :return: what ports serve.
    """
    limits = configuration.http.limits
    return RegistrySite(
        application.dispatch,
        reactor,
        Threads(reactor, reactor.getThreadPool()),
        ConnectionLimits(
            head=limits.head,
            headers=limits.headers,
            keep_alive=limits.idle,
            head_time=limits.idle,
            body_idle=limits.bodyidle,
            write_idle=limits.writeidle,
            connections=ceil(limits.connections / processes),
        ),
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


class Listening(Service):
    """
    Listens, and at the end lets transfers in flight end too.

    :param reactor: that watches the port.
    :param application: answers.
    :param site: has the connections.
    :param http: where to listen, and how long an end may take.
    :param descriptor: of a socket that listens already, and replaces that address.
    :param shares: where other processes serve too.
    :param inboxes: of all of them, if each has a socket of its own.
    """

    def __init__(
        self,
        reactor: Any,
        application: RegistryApplication,
        site: RegistrySite,
        http: HTTP,
        descriptor: int | None = None,
        shares: Shares | None = None,
        inboxes: Inboxes | None = None,
    ) -> None:
        self._reactor = reactor
        self._application = application
        self._site = site
        self._http = http
        self._descriptor = descriptor
        self._shares = shares
        self._inboxes = inboxes
        self._port: IListeningPort | None = None
        self._others: dict[int, IListeningPort] = {}
        self._inbox_ports: dict[int, InboxPort] = {}

    def privilegedStartService(self) -> None:
        """
        Listen, while low ports may still be had.

        :raises CannotServe: if the port is taken, or may not be had.
        """
        try:
            self._port = self._listen()
        except CannotListenError as error:
            reason = getattr(error.socketError, "strerror", None) or error.socketError
            raise CannotServe(f"can't listen on {self._http.address}: {reason}") from error

    def startService(self) -> None:
        """Begin to accept, from now on with the others' shares in mind."""
        super().startService()
        if self._shares is not None:
            self._site.connections.share(self._shares)
            self._take_handed_over(self._shares.index)

    @property
    def address(self) -> str:
        """Where it listens, for messages; ``""`` if it doesn't."""
        return "" if self._port is None else _shown(self._port)

    @deferred
    async def stopService(self) -> None:
        """Take no more connections, and wait for those that are there."""
        super().stopService()
        inbox_ports = self._inbox_ports.values()
        ports = [*self._others.values(), *inbox_ports, *([self._port] if self._port else [])]
        self._site.connections.keep()
        for inbox_port in inbox_ports:
            inbox_port.empty()
        self._port, self._others, self._inbox_ports = None, {}, {}
        await _stopped(ports)  # what came last is read before they are
        if self._inboxes is not None:
            self._inboxes.close()
        late = self._reactor.callLater(self._http.draintimeout, self._site.abort)
        await self._site.drain()
        if late.active():
            late.cancel()
        await self._application.settled()

    def listen_also(self, index: int, descriptor: int) -> None:
        """
        Take what comes to another process, as long as we listen at all.

        :param index: which it is.
        :param descriptor: of its socket, which listens already.
        """
        if self._port is not None and index not in self._others:
            self._others[index] = self._listen_on(descriptor)
            self._take_handed_over(index)

    @deferred
    async def no_longer(self, index: int) -> None:
        """
        Leave to another process again what comes to it.
        """
        ports = self._others.pop(index, None), self._inbox_ports.pop(index, None)
        await _stopped([port for port in ports if port is not None])

    def _take_handed_over(self, index: int) -> None:
        if self._inboxes is not None:
            port = listen_inbox(self._reactor, self._inboxes, index, self._site)
            self._inbox_ports[index] = port

    def _listen_on(self, descriptor: int) -> IListeningPort:
        return listen_inherited(self._reactor, descriptor, self._site, self._inboxes)

    def _listen(self) -> IListeningPort:
        if self._descriptor is not None:
            return self._listen_on(self._descriptor)
        address = self._http.address
        if isinstance(address, TCPAddress):
            return listen_tcp(self._reactor, address.host, address.port, self._site)
        return listen_unix(self._reactor, address.path, self._site)


@deferred
async def _stopped(ports: Sequence[IListeningPort]) -> None:
    for stopping in [port.stopListening() for port in ports]:
        if stopping is not None:
            await stopping


def _shown(port: IListeningPort) -> str:
    address = port.getHost()
    if isinstance(address, IPv4Address | IPv6Address):
        return str(TCPAddress(address.host, address.port))
    return os.fsdecode(address.name or "") if isinstance(address, UNIXAddress) else str(address)
