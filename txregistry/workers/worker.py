"""
What a process does that the supervisor has started: ``python -m txregistry.workers.worker``.
"""
# Most of Twisted's reactors and services has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger, globalLogBeginner

from txregistry import configuration
from txregistry.deferreds import deferred
from txregistry.errors import CannotServe, ConfigurationError
from txregistry.workers import rundir
from txregistry.workers.channel import (
    CHANNEL,
    COVER,
    ENDING,
    FAILED,
    FIRST_SOCKET,
    READY,
    UNCOVER,
    Channel,
    Order,
    message,
    read_line,
    watch,
)


class Worker:
    """
    A service, run as the supervisor wants it.

    It ends when it is told to by SIGTERM, and when the supervisor is gone: in the same way, for
    whoever is being served is not to blame.

    :param reactor: on which it runs.
    :param service: what is run.
    :param order: what this process is for.
    :ivar channel: by which the supervisor speaks with it.
    """

    log = Logger()

    def __init__(self, reactor: Any, service: Any, order: Order) -> None:
        self._reactor = reactor
        self._service = service
        self._order = order
        self.channel = Channel(self._said, self._leave)
        self._ending = False

    def run(self, end: socket.socket) -> None:
        """
        Serve, until the end.

        :param end: our end of the channel.
        """
        watch(self._reactor, end, self.channel)
        self._reactor.callWhenRunning(self._begin)
        self._reactor.addSystemEventTrigger("before", "shutdown", self._end)
        self._reactor.run()

    def _begin(self) -> None:
        # Twisted's own would complain of the second one: systemd may send one to each process of a
        # service, and the supervisor sends one too.
        signal.signal(signal.SIGTERM, lambda *_: self._reactor.callFromThread(self._leave))
        self._service.startService()
        self.channel.say(READY)

    def _leave(self) -> None:
        if not self._ending:
            self._ending = True
            self._reactor.stop()

    @deferred
    async def _end(self) -> None:
        self.channel.say(ENDING)
        stopping: Deferred[None] = self._service.stopService()
        for number in range(self._order.sockets):
            os.close(FIRST_SOCKET + number)
        await stopping

    def _said(self, word: str, number: int) -> None:
        if self._ending:
            return
        if word == COVER:
            self._cover(number)
        elif word == UNCOVER:
            self._service.listening.no_longer(number)

    def _cover(self, number: int) -> None:
        try:
            self._service.listening.listen_also(number, FIRST_SOCKET + number)
        except OSError as error:  # whoever comes there waits for the successor
            text = "can't accept for worker {n} too: {error}"
            self.log.warn(text, n=number, error=error)  # noqa: G010 - Twisted's logger has no other


def main() -> int:
    """
    Do what the supervisor says on the channel.

    :return: the exit status.
    """
    end = socket.socket(fileno=CHANNEL)
    try:
        order = Order.decode(read_line(end))
    except EOFError:
        return 1
    for number in (CHANNEL, *order.descriptors):
        os.set_inheritable(number, False)
    reactor = _reactor(order.reactor)
    try:
        with rundir.held(order.context.run_directory):
            service = _build(reactor, order)
            service.open()
            globalLogBeginner.beginLoggingTo([service.logs.events])
            Worker(reactor, service, order).run(end)
    except (CannotServe, ConfigurationError, OSError) as error:
        with suppress(OSError):  # nobody is there who would want to know
            end.sendall(message(FAILED, str(error)))
        return 1
    return 0


def _reactor(name: str) -> Any:
    if name:
        from twisted.application.reactors import installReactor  # noqa: PLC0415 - seldom needed

        installReactor(name)
    from twisted.internet import reactor  # noqa: PLC0415 - it is chosen above

    return reactor


def _build(reactor: Any, order: Order) -> Any:
    """
    :return: the service that was ordered.
    :raises ConfigurationError: if it can't be built.
    """
    loaded = configuration.parse(order.text, os.environ, order.source)
    if not order.sockets:
        from txregistry.service.background import build_background  # noqa: PLC0415 - one of both

        return build_background(reactor, loaded, os.environ, sys.stderr, sys.stdout, order.context)
    from txregistry.service.daemon import build_service  # noqa: PLC0415 - one of both
    from txregistry.web.inboxes import Ends  # noqa: PLC0415 - for that one

    own = order.context.index if order.sockets > 1 else 0
    return build_service(
        reactor,
        loaded,
        os.environ,
        sys.stderr,
        sys.stdout,
        descriptor=FIRST_SOCKET + own,
        context=order.context,
        inboxes=[Ends(taking=taking, giving=giving) for taking, giving in order.inbox_descriptors],
    )


if __name__ == "__main__":
    sys.exit(main())
