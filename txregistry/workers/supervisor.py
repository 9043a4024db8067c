"""
What twistd runs where there are several workers.
"""
# The services of twisted.application have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from types import FrameType
from typing import Any, Final, NoReturn, TextIO

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from txregistry._version import __version__
from txregistry.configuration import TCPAddress
from txregistry.deferreds import deferred
from txregistry.errors import CannotServe
from txregistry.service.ending import give_up
from txregistry.service.files import raise_open_files
from txregistry.service.logs import Logs, build_logs
from txregistry.workers import rundir
from txregistry.workers.crew import Crew, Task
from txregistry.workers.rundir import RunDirectory
from txregistry.workers.sockets import Pair, open_inboxes, open_sockets

ENDING_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

MORE_SECONDS: Final = 10.0
"""How much longer than ``http.draintimeout`` the end of a process may take."""


class Supervisor(Service):
    """
    Has the sockets, and the processes that serve on them.

    :param reactor: starts and watches these.
    :param task: what they are to serve.
    :param logs: where it is told what happens.
    :param count: how many workers there are to be.
    :param descriptor: of a socket that listens already, to be used instead of the address that is
        configured.
    """

    log = Logger()

    def __init__(
        self, reactor: Any, task: Task, logs: Logs, count: int, descriptor: int | None = None
    ) -> None:
        self._reactor = reactor
        self._task = task
        self._logs = logs
        self._count = count
        self._descriptor = descriptor
        self._sockets: list[socket.socket] = []
        self._inboxes: list[Pair] = []
        self._run_directory: RunDirectory | None = None
        self._crew: Crew | None = None
        self._told_to_end = False

    def setServiceParent(self, parent: Any) -> None:
        """Join twistd's application, and write its log in the way that is configured."""
        self._logs.join(parent)
        super().setServiceParent(parent)

    def privilegedStartService(self) -> None:
        """
        Listen, while low ports may still be had.

        :raises SystemExit: if the port is taken, or may not be had.
        """
        super().privilegedStartService()
        raise_open_files()  # each worker takes some
        try:
            if self._descriptor is not None:
                self._sockets = [socket.socket(fileno=self._descriptor)]
            else:
                self._sockets = open_sockets(self._task.configuration.http.address, self._count)
            if len(self._sockets) == self._count:
                self._inboxes = open_inboxes(self._count)
        except CannotServe as reason:
            give_up(str(reason))

    def startService(self) -> None:
        """
        Serve.

        :raises SystemExit: if that can't be.
        """
        super().startService()
        self.log.info("txregistry {version}", version=__version__)
        for warning in self._task.loaded.warnings:
            self.log.warn("{warning}", warning=warning)  # noqa: G010 - Twisted's logger has no other
        try:
            self._begin()
        except (CannotServe, _Received) as reason:
            self._remove_run_directory()
            self._remove_socket_file()
            _end_for(reason)
        address = _shown(self._sockets[0])
        self.log.info(
            "listening on {address} with {count} workers", address=address, count=self._count
        )
        self._reactor.callWhenRunning(self._running)

    def _begin(self) -> None:
        try:
            self._run_directory = RunDirectory(self._task.environ, self._count)
        except OSError as error:
            raise CannotServe(f"can't make what workers share: {error}") from error
        self._crew = Crew(
            self._reactor,
            self._task,
            self._count,
            self._sockets,
            self._inboxes,
            self._run_directory,
        )
        with _raising_signals():
            self._crew.begin()

    @deferred
    async def stopService(self) -> None:
        """End what clients have begun, and all processes."""
        super().stopService()
        for each in chain(self._sockets, *self._inboxes):
            each.close()
        self._remove_socket_file()
        if self._crew is not None:
            await self._end(self._crew)
        self._remove_run_directory()
        self._logs.flush()

    async def _end(self, crew: Crew) -> None:
        seconds = self._task.configuration.http.draintimeout + MORE_SECONDS
        late: IDelayedCall = self._reactor.callLater(seconds, self._kill)
        await crew.stop()
        if late.active():
            late.cancel()

    def _running(self) -> None:
        if self._crew is not None:
            self._crew.begin_background()
        for number in ENDING_SIGNALS:
            self._watch(number)

    def _watch(self, number: signal.Signals) -> None:
        """
        Do at the first signal what twistd does, and hurry at the second.

        What is ignored goes on to be: shells have their background jobs ignore SIGINT.
        """
        first = signal.getsignal(number)
        if not callable(first):
            return

        def received(number: int, frame: FrameType | None) -> None:
            again, self._told_to_end = self._told_to_end, True
            if again:
                self._reactor.callFromThread(self._kill)
            else:
                first(number, frame)

        signal.signal(number, received)

    def _kill(self) -> None:
        if self._crew is not None:
            text = "not all processes have ended; they are killed"
            self.log.warn(text)  # noqa: G010 - Twisted's logger has no other
            self._crew.kill()

    def _remove_run_directory(self) -> None:
        if self._run_directory is not None:
            rundir.remove(self._run_directory.path)

    def _remove_socket_file(self) -> None:
        address = self._task.configuration.http.address
        if self._descriptor is None and not isinstance(address, TCPAddress):
            with suppress(OSError):  # it may be gone, or not ours to remove any more
                os.unlink(address.path)


def build_supervisor(
    reactor: Any,
    task: Task,
    count: int,
    descriptor: int | None,
    stream: TextIO,
    access_stream: TextIO,
) -> Supervisor:
    """
    Build what runs several workers.

    :param stream: where the log of events goes.
    :param access_stream: where the log of accesses would go.
    """
    logs = build_logs(reactor, task.configuration.log, stream, access_stream)
    return Supervisor(reactor, task, logs, count, descriptor)


class _Received(BaseException):
    """
    A signal came before the reactor ran.

    :param number: of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def _raising_signals() -> Iterator[None]:
    """Make an exception of a signal to end."""

    def received(number: int, _: FrameType | None) -> None:
        raise _Received(number)

    heard = [each for each in ENDING_SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
    before = {number: signal.signal(number, received) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_for(reason: CannotServe | _Received) -> NoReturn:
    """End as one who can't begin, or by the signal that came."""
    if isinstance(reason, _Received):
        signal.signal(reason.number, signal.SIG_DFL)
        os.kill(os.getpid(), reason.number)
    give_up(str(reason))


def _shown(listening: socket.socket) -> str:
    name = listening.getsockname()
    if isinstance(name, tuple):
        return str(TCPAddress(name[0], name[1]))
    return os.fsdecode(name)
