"""
What the tests of a connection have in common: a site, a wire, and applications to try.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from txregistry.deferreds import InlineThreads, deferred
from txregistry.web.errors import render_error
from txregistry.web.limits import Limits
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite

Dispatch = Callable[[RegistryRequest], None]


class Wire(StringTransport):
    """
    A transport that can be half closed, and notes what happens to it.
    """

    half_closed = False
    unregistered = False

    def loseWriteConnection(self) -> None:
        self.half_closed = True

    def is_paused(self) -> bool:
        """Whether the client has to wait."""
        return bool(self.producerState == "paused")

    def is_closing(self) -> bool:
        """Whether the server has nothing more to say."""
        return self.half_closed or bool(self.disconnecting) or bool(self.disconnected)


@attrs.define
class Answer:
    """
    An answer, taken apart.
    """

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class Connection:
    """
    A connection to a site of its own.

    :param dispatch: the application.
    :param limits: of the site.
    """

    def __init__(self, dispatch: Dispatch, **limits: Any) -> None:
        self.clock = Clock()
        self.finished: list[RegistryRequest] = []
        self.site = RegistrySite(
            dispatch,
            self.clock,
            InlineThreads(),
            Limits(**limits),
            finished=self.finished.append,
        )
        self.wire = Wire(
            hostAddress=IPv4Address("TCP", "127.0.0.1", 5000),
            peerAddress=IPv4Address("TCP", "192.0.2.1", 40000),
        )
        self.channel = self.site.buildProtocol(None)
        self.channel.makeConnection(self.wire)

    def send(self, data: bytes) -> Connection:
        """Send as the client."""
        self.channel.dataReceived(data)
        return self

    def split(self, data: bytes, *cuts: int) -> Connection:
        """Send in pieces, or byte by byte if no cut is given."""
        points = sorted(cuts) if cuts else range(1, len(data))
        before = 0
        for point in [*points, len(data)]:
            if data[before:point]:
                self.send(data[before:point])
            before = point
        return self

    def lose(self) -> None:
        """Vanish, as the client."""
        self.channel.connectionLost(Failure(ConnectionDone()))

    def wait(self, seconds: int) -> None:
        """Let time pass, second by second."""
        self.clock.pump([1] * seconds)

    def output(self) -> bytes:
        """All that the client got."""
        return bytes(self.wire.value())

    @property
    def answers(self) -> list[Answer]:
        """All that the client got, as answers to anything but HEAD."""
        return parse_answers(self.output())

    @property
    def statuses(self) -> list[int]:
        """The status codes of the answers."""
        return [answer.status for answer in self.answers]


def parse_answers(data: bytes) -> list[Answer]:
    """
    Take answers apart.
    """
    answers = []
    while data:
        head, _, data = data.partition(b"\r\n\r\n")
        line, *fields = head.split(b"\r\n")
        match = re.fullmatch(rb"HTTP/1\.1 (\d{3}) [\w -]*", line)
        assert match is not None, line
        headers = dict(field.split(b": ", 1) for field in fields)
        assert len(headers) == len(fields), fields
        body = b""
        if headers.get(b"Transfer-Encoding") == b"chunked":
            while True:
                size, _, data = data.partition(b"\r\n")
                length = int(size, 16)
                body += data[:length]
                assert data[length : length + 2] == b"\r\n"
                data = data[length + 2 :]
                if not length:
                    break
        elif b"Content-Length" in headers:
            length = int(headers[b"Content-Length"])
            body, data = data[:length], data[length:]
        answers.append(Answer(int(match[1]), headers, body))
    return answers


class Recorder:
    """
    An application that keeps requests unanswered.
    """

    def __init__(self) -> None:
        self.requests: list[RegistryRequest] = []

    def __call__(self, request: RegistryRequest) -> None:
        self.requests.append(request)

    @property
    def last(self) -> RegistryRequest:
        """The newest request."""
        return self.requests[-1]


def hello(request: RegistryRequest) -> None:
    """Answer at once."""
    request.respond(200, [(b"Content-Type", b"text/plain")], b"hello " + request.path)


def echo(request: RegistryRequest) -> None:
    """Answer with the body, when all of it has come; with an error if it doesn't."""
    _echo(request).addErrback(lambda failure: failure.trap(ConnectionError))


@deferred
async def _echo(request: RegistryRequest) -> None:
    try:
        body = await request.body.read_all(10_000_000)
    except Exception as error:  # noqa: BLE001 - as the application does
        request.respond(*render_error(error))
        return
    text = b" ".join((request.method, request.uri, body))
    request.respond(200, [(b"Content-Type", b"text/plain")], text)


def unread(request: RegistryRequest) -> None:
    """Refuse without a look at the body."""
    request.respond(401, [(b"Content-Type", b"text/plain")], b"no")
