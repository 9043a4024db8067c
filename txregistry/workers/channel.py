"""
How the supervisor and a process speak: over a pair of sockets, in lines of JSON.

The first line tells the process what it is for.  After that each is a list of a word and, perhaps,
more.  The process says ``ready``, ``failed`` and why, or ``ending``; the supervisor says
``cover`` and ``uncover``, each with the number of a socket.  When the channel breaks off the other
is gone.
"""
# The protocols of twisted.protocols have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any, Final

from attrs import asdict, frozen
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from txregistry.service.context import WorkerContext

CHANNEL: Final = 3
"""The descriptor of the channel in the process."""

FIRST_SOCKET: Final = CHANNEL + 1
"""The descriptor of the first listening socket in the process; the others follow, then inboxes."""

READY: Final = "ready"
FAILED: Final = "failed"
ENDING: Final = "ending"
COVER: Final = "cover"
UNCOVER: Final = "uncover"


@frozen(kw_only=True)
class Order:
    """
    What a process is for.

    :param text: the configuration.  Not the path of its file, which may have changed since the
        other processes have read it.
    :param source: what it is called in messages.
    :param reactor: the name of the reactor that twistd was told to use, if it was.
    :param sockets: how many listening sockets the process has; one without is for background work.
    :param inboxes: how many inboxes it has of workers that have sockets of their own: all or none.
        Both ends of each follow the sockets, that at which connections are taken out first.
    :param context: its place among the others.
    """

    text: str
    source: str
    reactor: str
    sockets: int
    inboxes: int
    context: WorkerContext

    @property
    def descriptors(self) -> range:
        """Those of sockets and inboxes."""
        return range(FIRST_SOCKET, FIRST_SOCKET + self.sockets + 2 * self.inboxes)

    @property
    def inbox_descriptors(self) -> list[tuple[int, int]]:
        """Those of both ends of each inbox."""
        first = FIRST_SOCKET + self.sockets
        return [(first + 2 * index, first + 2 * index + 1) for index in range(self.inboxes)]

    def encode(self) -> bytes:
        """:return: a line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Order:
        """:param line: what :meth:`encode` gave."""
        fields = json.loads(line)
        return cls(**{**fields, "context": WorkerContext(**fields["context"])})


def message(word: str, *more: Any) -> bytes:
    """:return: a line."""
    return json.dumps([word, *more]).encode() + b"\n"


def read_line(channel: socket.socket) -> bytes:
    """
    Wait for a line, and take no more than that.

    :raises EOFError: if the other is gone.
    """
    line = b""
    while not line.endswith(b"\n"):
        seen = channel.recv(65536, socket.MSG_PEEK)
        if not seen:
            raise EOFError
        line += channel.recv(seen.find(b"\n") + 1 or len(seen))
    return line


class Channel(LineOnlyReceiver):
    """
    One end, when a reactor watches it.

    :param said: called with each word, and what came with it.
    :param closed: called when the other is gone.
    """

    delimiter = b"\n"
    MAX_LENGTH = 1 << 20

    def __init__(self, said: Callable[..., None], closed: Callable[[], None]) -> None:
        self._said = said
        self._closed = closed

    def lineReceived(self, line: bytes) -> None:
        self._said(*json.loads(line))

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._closed()

    def say(self, word: str, *more: Any) -> None:
        """Tell the other something.  If he is gone, that is all."""
        if self.transport is not None:
            self.transport.write(message(word, *more))


def watch(reactor: Any, end: socket.socket, channel: Channel) -> None:
    """
    Let a reactor watch an end.

    :param end: is closed here; the reactor has its own.
    """
    with end:
        reactor.adoptStreamConnection(
            end.fileno(), socket.AF_UNIX, Factory.forProtocol(lambda: channel)
        )
