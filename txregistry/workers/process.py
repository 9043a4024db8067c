"""
A process that the supervisor has started.
"""
# The processes of twisted.internet have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Protocol, TextIO

from attrs import frozen
from twisted.internet.error import ProcessExitedAlready, ProcessTerminated
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from txregistry.errors import CannotServe
from txregistry.workers.channel import (
    CHANNEL,
    Channel,
    Order,
    read_line,
    watch,
)

MODULE: Final = "txregistry.workers.worker"


class IsTold(Protocol):
    """
    Who is told what becomes of a process.
    """

    def said(self, process: WorkerProcess, word: str, *more: Any) -> None:
        """The process said something."""

    def ended(self, process: WorkerProcess, how: str) -> None:
        """The process is gone."""


@frozen(kw_only=True)
class Surroundings:
    """
    What all processes get.

    :param environ: the environment.
    :param log: where their output goes; ``None`` is where ours goes.
    """

    environ: Mapping[str, str]
    log: TextIO | None


class WorkerProcess(ProcessProtocol):
    """
    One process.

    :param reactor: starts it.
    :param name: what it is called in the list of processes.
    :param order: what it is for.
    :param sockets: those that it is given, in the order of :class:`Order`.
    :param told: told what becomes of it.
    """

    def __init__(
        self,
        reactor: Any,
        name: str,
        order: Order,
        sockets: Sequence[socket.socket],
        surroundings: Surroundings,
        told: IsTold,
    ) -> None:
        self.pid = 0
        self.started = reactor.seconds()
        self._reactor = reactor
        self._told = told
        self._log = surroundings.log
        self._rest = {1: b"", 2: b""}
        self._channel = Channel(self._said, lambda: None)
        self._end, theirs = socket.socketpair()
        try:
            with theirs:
                self._spawn(name, [theirs, *sockets], surroundings.environ)
            self._end.sendall(order.encode())
        except BaseException:
            self._end.close()  # if it was started it ends now
            raise

    def _spawn(
        self, name: str, sockets: Sequence[socket.socket], environ: Mapping[str, str]
    ) -> None:
        """
        :param sockets: its end of the channel, and the others.
        """
        # -P: what lies in the working directory is not ours.
        command = [sys.executable, "-P", "-m", MODULE, name]
        environ = {**environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        output = {1: 1, 2: 2} if self._log is None else {1: "r", 2: "r"}
        given = {CHANNEL + number: each.fileno() for number, each in enumerate(sockets)}
        with open(os.devnull, "rb") as nothing, _blocked(signal.SIGINT):
            descriptors = {0: nothing.fileno(), **output, **given}
            self._reactor.spawnProcess(self, command[0], command, environ, childFDs=descriptors)

    def hear(self) -> None:
        """
        Wait for what the process says next, before the reactor watches it.

        :raises CannotServe: if it is gone, or can't do what it is for.
        """
        try:
            line = read_line(self._end)
        except (EOFError, OSError):
            raise CannotServe(f"process {self.pid} ended before it could serve") from None
        self._channel.lineReceived(line)

    def fileno(self) -> int:
        """:return: the descriptor by which one sees that it says something."""
        return self._end.fileno()

    def watch(self) -> None:
        """Let the reactor watch what it says."""
        watch(self._reactor, self._end, self._channel)

    def say(self, word: str, *more: Any) -> None:
        """Tell it something."""
        self._channel.say(word, *more)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it is there."""
        process: Any = self.transport
        with suppress(ProcessExitedAlready):
            process.signalProcess(number)

    # what Twisted calls

    def connectionMade(self) -> None:
        process: Any = self.transport
        self.pid = process.pid

    def childDataReceived(self, descriptor: int, data: bytes) -> None:
        """Log what it wrote, line by line: others write there too."""
        lines, end, rest = (self._rest[descriptor] + data).rpartition(b"\n")
        self._rest[descriptor] = rest
        self._write(lines + end)

    def processEnded(self, reason: Failure) -> None:
        for rest in self._rest.values():
            self._write(rest and rest + b"\n")
        self._told.ended(self, _how(reason))

    def _write(self, data: bytes) -> None:
        if data and self._log is not None:
            self._log.write(data.decode("utf-8", "replace"))
            self._log.flush()

    def _said(self, word: str, *more: Any) -> None:
        self._told.said(self, word, *more)


@contextmanager
def _blocked(number: signal.Signals) -> Iterator[None]:
    """
    Let processes that are started here never see a signal, from their first moment on.  SIGINT
    comes from a terminal to everybody; the supervisor deals with it.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _how(reason: Failure) -> str:
    """:return: how a process ended."""
    error = reason.value
    if not isinstance(error, ProcessTerminated):
        return "ended"
    if error.signal is not None:
        return f"was ended by {_signal_name(error.signal)}"
    return f"ended with status {error.exitCode}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
