"""
Sending files where the kernel can't, addresses, and counting connections.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred

from tests.web.kit import Connection, Recorder
from txregistry.deferreds import InlineThreads
from txregistry.errors import ClientDisconnected, StorageFailure
from txregistry.web import filereading
from txregistry.web.addresses import to_address
from txregistry.web.connections import Connections
from txregistry.web.filereading import copy_file

GET = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[BinaryIO]:
    """A file of some size."""
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    with path.open("rb", buffering=0) as file:
        yield file


def outcome(waiting: Deferred[None]) -> list[Any]:
    """What a Deferred has come to so far: nothing, None, or the type of an error."""
    found: list[Any] = []
    waiting.addCallbacks(found.append, lambda failure: found.append(failure.type))
    return found


class Reader:
    """
    A consumer that takes one piece at a time.
    """

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.waiting: Deferred[None] | None = None

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def ready(self) -> Deferred[None]:
        self.waiting = Deferred()
        return self.waiting

    def take(self) -> None:
        """Let one piece come."""
        assert self.waiting is not None
        self.waiting.callback(None)


class CopyFileTests:
    """
    Files for transports that can't send them.
    """

    def test_as_fast_as_it_is_taken(self, file: BinaryIO) -> None:
        """
        A piece is read when the one before it has been taken.
        """
        reader = Reader()
        done = outcome(copy_file(InlineThreads(), file, 10, len(CONTENT) - 20, reader))
        count = 0
        while not done:
            assert len(reader.pieces) == count
            reader.take()
            count += 1
        assert done == [None]
        assert count > 1
        assert b"".join(reader.pieces) == CONTENT[10:-10]

    def test_client_gone(self, file: BinaryIO) -> None:
        """
        If the client goes away, whoever sends hears of it.
        """
        reader = Reader()
        done = outcome(copy_file(InlineThreads(), file, 0, len(CONTENT), reader))
        assert reader.waiting is not None
        reader.waiting.errback(ClientDisconnected())
        assert done == [ClientDisconnected]

    def test_too_short(self, file: BinaryIO) -> None:
        """
        A file that is shorter than was said is an error.
        """
        reader = Reader()
        done = outcome(copy_file(InlineThreads(), file, len(CONTENT) - 5, 6, reader))
        reader.take()
        assert b"".join(reader.pieces) == CONTENT[-5:]
        reader.take()
        assert done == [StorageFailure]

    def test_unreadable(self, tmp_path: Path) -> None:
        """
        A file that can't be read is an error.
        """
        reader = Reader()
        with (tmp_path / "write-only").open("wb") as file:
            done = outcome(copy_file(InlineThreads(), file, 0, 1, reader))
            reader.take()
        assert done == [StorageFailure]


class SendFileTests:
    """
    Answers with files.
    """

    def test_with_a_length(self, file: BinaryIO) -> None:
        """
        A file is a piece of an answer like others.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, [(b"Content-Length", b"%d" % (len(CONTENT) + 2))])
        recorder.last.write(b"a")
        assert outcome(recorder.last.send_file(file, 0, len(CONTENT))) == [None]
        recorder.last.write(b"b")
        recorder.last.end()
        assert connection.answers[0].body == b"a" + CONTENT + b"b"
        assert recorder.last.sentLength == len(CONTENT) + 2

    def test_in_chunks(self, file: BinaryIO) -> None:
        """
        If the length of the answer is unknown, the file is a chunk.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, ())
        assert outcome(recorder.last.send_file(file, 5, 300)) == [None]
        assert outcome(recorder.last.send_file(file, 5, 0)) == [None]
        recorder.last.end()
        assert connection.answers[0].body == CONTENT[5:305]

    def test_head(self, file: BinaryIO) -> None:
        """
        Nothing is sent to who asked for the head only.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET.replace(b"GET", b"HEAD"))
        recorder.last.begin(200, [(b"Content-Length", b"%d" % len(CONTENT))])
        assert outcome(recorder.last.send_file(file, 0, len(CONTENT))) == [None]
        recorder.last.end()
        assert connection.output().endswith(b"\r\n\r\n")
        assert not connection.wire.is_closing()

    def test_too_short(self, file: BinaryIO) -> None:
        """
        A file that is too short cuts the connection.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, [(b"Content-Length", b"%d" % (len(CONTENT) + 1))])
        assert outcome(recorder.last.send_file(file, 0, len(CONTENT) + 1)) == [StorageFailure]
        assert connection.wire.disconnected

    def test_gone(self, file: BinaryIO) -> None:
        """
        Nothing can be sent to a client that is gone.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        connection.lose()
        assert outcome(recorder.last.send_file(file, 0, 1)) == [ClientDisconnected]


class MemoryTests:
    """
    What is in memory.
    """

    def test_unknown(self, file: BinaryIO, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where the system can't say it, nothing is taken to be in memory.
        """
        monkeypatch.setattr(filereading, "_NOWAIT", None)
        assert not filereading.in_memory(file.fileno(), 0, 10)

    def test_no_file(self) -> None:
        """
        Nor is what can't be read.
        """
        assert not filereading.in_memory(-1, 0, 10)
        filereading.read_ahead(-1, 0, 10)


class AddressTests:
    """
    Addresses of TCP sockets.
    """

    @pytest.mark.parametrize(
        ("name", "address"),
        [
            (("192.0.2.1", 80), IPv4Address("TCP", "192.0.2.1", 80)),
            (("::ffff:192.0.2.1", 80, 0, 0), IPv4Address("TCP", "192.0.2.1", 80)),
            (("2001:db8::1", 80, 0, 0), IPv6Address("TCP", "2001:db8::1", 80)),
            (("::ffff:0:1", 80, 0, 0), IPv6Address("TCP", "::ffff:0:1", 80)),
        ],
    )
    def test_address(self, name: tuple[Any, ...], address: object) -> None:
        """
        An IPv4 address in the form of IPv6 is an IPv4 address.
        """
        assert to_address(name) == address


class Port:
    """
    A port that can be paused.
    """

    def __init__(self) -> None:
        self.told: list[str] = []

    def startReading(self) -> None:
        self.told.append("start")

    def stopReading(self) -> None:
        self.told.append("stop")


class ConnectionsTests:
    """
    Limits on the number of connections.
    """

    def test_pause(self) -> None:
        """
        A port that was paused goes on when a connection ends.
        """
        connections = Connections(1)
        port = Port()
        connections.opened()
        assert connections.room == 0
        connections.pause(port)
        assert port.told == ["stop"]
        connections.closed()
        assert port.told == ["stop", "start"]
        assert connections.room == 1

    def test_forget(self) -> None:
        """
        A port that was closed meanwhile doesn't.
        """
        connections = Connections(1)
        port = Port()
        connections.opened()
        connections.pause(port)
        connections.forget(port)
        connections.closed()
        assert port.told == ["stop"]
