"""
Our transports with real sockets, files and threads.
"""
# Most of Twisted's requests and ports has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThreadPool

from txregistry.deferreds import Threads, deferred
from txregistry.errors import ClientDisconnected, StorageFailure
from txregistry.web import filereading, transport
from txregistry.web.limits import Limits
from txregistry.web.listening import listen_inherited, listen_tcp, listen_unix
from txregistry.web.request import RegistryRequest
from txregistry.web.site import RegistrySite

REACTOR: Any = reactor
SIZE = 20_000_000


def in_thread(function: Any, *args: Any) -> Deferred[Any]:
    """Run something that blocks, as clients here do."""
    return deferToThreadPool(REACTOR, REACTOR.getThreadPool(), function, *args)


def exists(path: str) -> bool:
    """Whether there is a file."""
    return os.path.exists(path)


def stop(port: Any) -> Deferred[None]:
    """Stop listening."""
    stopped: Deferred[None] = port.stopListening()
    return stopped


def pause(seconds: float) -> Deferred[None]:
    """Let the reactor turn."""
    return deferLater(REACTOR, seconds)


class Server:
    """
    A site that serves one file, under ``/file``, on ports of any kind.

    :param path: of the file.
    """

    def __init__(self, path: Path, **limits: Any) -> None:
        self.file: BinaryIO = path.open("rb", buffering=0)
        self.size = path.stat().st_size
        self.outcomes: list[Any] = []
        self.requests: list[RegistryRequest] = []
        self.site = RegistrySite(
            self.dispatch,
            REACTOR,
            Threads(REACTOR, REACTOR.getThreadPool()),
            Limits(**limits),
        )
        self.ports: list[Any] = []

    def dispatch(self, request: RegistryRequest) -> None:
        self.requests.append(request)
        if request.path == b"/file":
            sending = self.send(request)
            sending.addBoth(self.outcomes.append)
            request.notifyFinish().addErrback(lambda _: sending.cancel())
        else:
            address: Any = request.getClientAddress()
            request.respond(200, (), str(getattr(address, "host", "")).encode())

    @deferred
    async def send(self, request: RegistryRequest) -> None:
        half = self.size // 2
        request.begin(200, [(b"Content-Length", b"%d" % (self.size + 3))])
        request.write(b"a")
        await request.send_file(self.file, 0, half)
        request.write(b"b")
        await request.send_file(self.file, half, self.size - half)
        request.write(b"c")
        request.end()

    def listen(self, port: IListeningPort) -> Any:
        """Remember a port that has to be closed."""
        self.ports.append(port)
        return port

    def tcp(self, host: str = "127.0.0.1") -> int:
        """Listen on TCP: the port's number."""
        port = self.listen(listen_tcp(REACTOR, host, 0, self.site))
        return int(port.getHost().port)

    @deferred
    async def stop(self) -> None:
        self.site.abort()
        for port in self.ports:
            await port.stopListening()
        await self.site.drain()
        self.file.close()


@attrs.frozen
class Content:
    """A file, and what is in it."""

    path: Path
    data: bytes


@pytest.fixture
def content(tmp_path: Path) -> Content:
    """A file of some size."""
    content = Content(tmp_path / "content", os.urandom(SIZE))
    content.path.write_bytes(content.data)
    return content


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    """Servers that are stopped at the end."""
    made: list[Server] = []
    yield made
    for server in made:
        pytest_twisted.blockon(server.stop())


@pytest.fixture
def server(content: Content, servers: list[Server]) -> Server:
    """A server of the file."""
    servers.append(Server(content.path))
    return servers[-1]


def connect(port: int, receive_buffer: int | None = None) -> socket.socket:
    """A client's end of a connection."""
    client = socket.socket()
    client.settimeout(10)
    if receive_buffer is not None:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(("127.0.0.1", port))
    return client


def ask(client: socket.socket, path: str = "/file", close: bool = True) -> None:
    """Send a request."""
    end = "Connection: close\r\n" if close else ""
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n{end}\r\n".encode())


def read(client: socket.socket) -> bytes:
    """Read to the end."""
    with client:
        pieces = []
        while piece := client.recv(1 << 20):
            pieces.append(piece)
        return b"".join(pieces)


def fetch(port: int, path: str = "/file") -> bytes:
    """Ask for something, and read the body."""
    client = connect(port)
    ask(client, path)
    return read(client).partition(b"\r\n\r\n")[2]


class SendFileTests:
    """
    Files that the kernel sends.
    """

    async def test_whole(self, server: Server, content: Content) -> None:
        """
        A file arrives between what was written before and after it.
        """
        body = await in_thread(fetch, server.tcp())
        half = SIZE // 2
        assert body == b"a" + content.data[:half] + b"b" + content.data[half:] + b"c"
        assert server.outcomes == [None]

    async def test_many_at_once(self, server: Server, content: Content) -> None:
        """
        Several clients get it at once.
        """
        port = server.tcp()
        waiting = [in_thread(fetch, port) for _ in range(4)]
        bodies = [await body for body in waiting]
        assert {len(body) for body in bodies} == {SIZE + 3}
        assert len(set(bodies)) == 1

    async def test_pipelined(self, server: Server) -> None:
        """
        Two answers with files come one after the other.
        """
        client = connect(server.tcp())
        ask(client, close=False)
        ask(client)
        data = await in_thread(read, client)
        assert data.count(b"HTTP/1.1 200 OK\r\n") == 2
        assert len(data) > 2 * SIZE

    async def test_unix(self, server: Server, tmp_path: Path) -> None:
        """
        It works through a unix socket too.
        """
        path = str(tmp_path / "socket")
        server.listen(listen_unix(REACTOR, path, server.site))
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        ask(client)
        assert len(await in_thread(read, client)) > SIZE

    async def test_cold(
        self, server: Server, content: Content, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        What is not in memory is read in a thread before it is sent.
        """
        read_ahead: list[tuple[int, int]] = []

        def note(descriptor: int, offset: int, size: int) -> None:
            read_ahead.append((offset, size))
            original(descriptor, offset, size)

        original = filereading.read_ahead
        monkeypatch.setattr(transport, "read_ahead", note)
        monkeypatch.setattr(transport, "in_memory", lambda *_: False)
        body = await in_thread(fetch, server.tcp())
        assert body[1 : SIZE // 2 + 1] == content.data[: SIZE // 2]
        covered = 0
        for offset, size in read_ahead:
            assert offset <= covered
            covered = max(covered, offset + size)
        assert covered == SIZE

    async def test_slow_client(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A client that reads slowly gets everything, and others are served meanwhile.
        """
        port = server.tcp()
        client = connect(port, receive_buffer=4096)
        ask(client)
        await pause(0.05)
        assert await in_thread(fetch, port, "/") == b"127.0.0.1"
        assert not server.outcomes
        data = await in_thread(read, client)
        assert len(data) > SIZE
        assert server.outcomes == [None]

    async def test_vanished(self, server: Server) -> None:
        """
        If the client vanishes, whoever sends hears of it.
        """
        client = connect(server.tcp(), receive_buffer=4096)
        ask(client)
        await pause(0.05)
        client.close()
        for _ in range(200):
            await pause(0.01)
            if server.outcomes:
                break
        (failure,) = server.outcomes
        assert isinstance(failure.value, ClientDisconnected)

    async def test_cancelled(self, server: Server) -> None:
        """
        Sending may be cancelled; the connection is cut.
        """
        outcomes: list[Any] = []
        server.site.dispatch = server.requests.append
        client = connect(server.tcp(), receive_buffer=4096)
        ask(client)
        await pause(0.05)
        request = server.requests[-1]
        request.begin(200, [(b"Content-Length", b"%d" % SIZE)])
        sending = request.send_file(server.file, 0, SIZE)
        sending.addBoth(outcomes.append)
        await pause(0.05)
        sending.cancel()
        assert outcomes[0].check(CancelledError)
        with pytest.raises(ConnectionResetError):
            await in_thread(read, client)

    async def test_too_short(self, server: Server) -> None:
        """
        A file that is shorter than was said cuts the connection, and is an error.
        """
        server.size += 10
        client = connect(server.tcp())
        ask(client)
        with pytest.raises(ConnectionResetError):
            await in_thread(read, client)
        (failure,) = server.outcomes
        assert isinstance(failure.value, StorageFailure)

    async def test_unreadable(self, server: Server) -> None:
        """
        A file that can't be read cuts the connection, and is an error.
        """
        server.file.close()
        server.file = os.fdopen(os.open("/proc/self/mem", os.O_RDONLY), "rb", buffering=0)
        client = connect(server.tcp())
        ask(client)
        with pytest.raises(ConnectionResetError):
            await in_thread(read, client)
        (failure,) = server.outcomes
        assert isinstance(failure.value, StorageFailure)

    def test_memory(self, content: Content) -> None:
        """
        What was just written is in memory, and so is what was read ahead.
        """
        with content.path.open("rb") as file:
            filereading.read_ahead(file.fileno(), 0, SIZE)
            if not filereading.in_memory(file.fileno(), 0, SIZE):
                pytest.skip("this file system can't tell what is in memory")
            assert filereading.in_memory(file.fileno(), SIZE - 1, 1)
            filereading.read_ahead(file.fileno(), SIZE, 100)


class EarlyAnswerTests:
    """
    Answers that come while the client is still sending.
    """

    async def test_stubborn_client(self, server: Server) -> None:
        """
        A client that sends all of its body before it reads can read the answer.
        """

        def upload(port: int) -> bytes:
            client = connect(port)
            client.sendall(b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (200 << 20))
            for _ in range(200):
                client.sendall(bytes(1 << 20))
            return read(client)

        answer = await in_thread(upload, server.tcp())
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nConnection: close\r\n" in answer


class SlowClientTests:
    """
    Clients whose connections are not read.
    """

    async def test_vanished_while_paused(self, server: Server) -> None:
        """
        A client that is reset while it had to wait is noticed soon.
        """
        server.site.dispatch = server.requests.append
        client = connect(server.tcp())
        client.sendall(
            b"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n" + bytes(9000)
        )
        await pause(0.05)
        lost: list[object] = []
        server.requests[0].notifyFinish().addErrback(lost.append)
        client.sendall(bytes(100_000))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
        for _ in range(30):
            await pause(0.1)
            if lost:
                break
        assert lost


class ListenTests:
    """
    Ports.
    """

    async def test_both_families(self, server: Server) -> None:
        """
        An empty host takes IPv4 and IPv6, and IPv4 addresses look like IPv4 addresses.
        """
        port = server.tcp("")
        assert await in_thread(fetch, port, "/") == b"127.0.0.1"
        if socket.has_ipv6:
            with socket.create_connection(("::1", port)) as client:
                ask(client, "/")
                assert (await in_thread(read, client)).endswith(b"\r\n\r\n::1")

    async def test_no_ipv6(self, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where there is no IPv6, IPv4 will do.
        """
        original = socket.socket

        def no_ipv6(family: int = socket.AF_INET, *args: Any) -> socket.socket:
            if family == socket.AF_INET6:
                raise OSError(errno.EAFNOSUPPORT, "no IPv6 here")
            return original(family, *args)

        monkeypatch.setattr(socket, "socket", no_ipv6)
        port = server.tcp("")
        monkeypatch.undo()
        assert await in_thread(fetch, port, "/") == b"127.0.0.1"

    async def test_taken(self, server: Server) -> None:
        """
        A port that is taken is an error.
        """
        port = server.tcp("")
        with pytest.raises(CannotListenError):
            listen_tcp(REACTOR, "", port, server.site)

    async def test_stale_unix(self, server: Server, tmp_path: Path) -> None:
        """
        The file of a unix socket that a killed process left is replaced, and removed at the end.
        """
        path = tmp_path / "socket"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        port = listen_unix(REACTOR, str(path), server.site, mode=0o660)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        await stop(port)
        assert not path.exists()

    async def test_taken_unix(self, server: Server, tmp_path: Path) -> None:
        """
        A unix socket on which somebody listens is left to him.
        """
        path = str(tmp_path / "socket")
        server.listen(listen_unix(REACTOR, path, server.site))
        with pytest.raises(CannotListenError):
            listen_unix(REACTOR, path, server.site)

    async def test_no_socket(self, server: Server, tmp_path: Path) -> None:
        """
        A file that is no socket is never removed.
        """
        path = tmp_path / "socket"
        path.write_bytes(b"precious")
        with pytest.raises(CannotListenError):
            listen_unix(REACTOR, str(path), server.site)
        assert path.read_bytes() == b"precious"

    async def test_inherited(self, server: Server) -> None:
        """
        A TCP socket may come from elsewhere, and stays open there.
        """
        with socket.create_server(("127.0.0.1", 0)) as inherited:
            server.listen(listen_inherited(REACTOR, inherited.fileno(), server.site))
            port = inherited.getsockname()[1]
            assert await in_thread(fetch, port, "/") == b"127.0.0.1"
            await server.ports.pop().stopListening()
            connect(port).close()

    async def test_inherited_unix(self, server: Server, tmp_path: Path) -> None:
        """
        So may a unix socket, whose file is left alone.
        """
        path = str(tmp_path / "socket")
        with socket.socket(socket.AF_UNIX) as inherited:
            inherited.bind(path)
            inherited.listen()
            port = listen_inherited(REACTOR, inherited.fileno(), server.site)
            client = socket.socket(socket.AF_UNIX)
            client.connect(path)
            ask(client, "/")
            assert (await in_thread(read, client)).startswith(b"HTTP/1.1 200 OK")
            await stop(port)
            assert exists(path)

    async def test_limit(self, content: Content, servers: list[Server]) -> None:
        """
        Who comes when there are too many connections waits, and gets his turn.
        """
        server = Server(content.path, connections=2)
        servers.append(server)
        port = server.tcp()
        first, second, third = (connect(port) for _ in range(3))
        await pause(0.05)
        assert server.site.connections.count == 2
        ask(third, "/")
        await pause(0.05)
        assert not server.requests
        first.close()
        assert (await in_thread(read, third)).endswith(b"127.0.0.1")
        second.close()
        await pause(0.05)
        assert server.site.connections.count == 0
