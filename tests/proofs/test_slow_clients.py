"""
A thousand clients that hardly send, or hardly read: they cost little memory, and others are
served as if they weren't there.
"""

from __future__ import annotations

import selectors
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Self

import pytest

from tests.daemon import Daemon
from tests.proofs.client import Client, Remote, image
from tests.proofs.content import KIB, MIB, Content, mebibytes
from tests.proofs.memory import resident

Scale = Callable[[int, int], int]
Figure = Callable[[str, object], None]

CONFIG = Content(12, 300)
BLOB = Content(120, 32 * MIB)
THOUSAND = 1000
LIMIT = 20 * MIB
#: What a process may take for other reasons: with few clients it counts.
SLACK = 2 * MIB
#: For how many seconds they are watched, and how often each does something meanwhile.
SECONDS = 3.0
ROUNDS = 10
PAUSE = 0.002


class Crowd:
    """
    Many connections that do little.

    :param address: of the registry.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._host, _, port = address.rpartition(":")
        self._port = int(port)
        self._connections: list[tuple[socket.socket, Iterator[bytes]]] = []
        self._turn = 0
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def join(self, sent: bytes, then: bytes = b"") -> None:
        """
        Open one connection more and send something on it.

        :param then: what is sent afterwards, a byte at a time.
        """
        connection = socket.socket()
        self._stack.callback(connection.close)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KIB)
        connection.connect((self._host, self._port))
        connection.sendall(sent)
        connection.setblocking(False)
        self._connections.append((connection, iter(then[i : i + 1] for i in range(len(then)))))

    def some(self) -> list[tuple[socket.socket, Iterator[bytes]]]:
        """
        Choose those whose turn it is: never all of them in one moment.
        """
        share = max(1, int(len(self._connections) * ROUNDS * PAUSE / SECONDS))
        self._turn = (self._turn + share) % len(self._connections)
        return self._connections[self._turn : self._turn + share]

    def trickle(self) -> None:
        """
        Send a byte on some connections.
        """
        for connection, then in self.some():
            if byte := next(then, b""):
                connection.send(byte)

    def sip(self) -> None:
        """
        Read a little from some connections.
        """
        with selectors.DefaultSelector() as selector:
            for connection, _ in self.some():
                selector.register(connection, selectors.EVENT_READ)
            for key, _ in selector.select(0):
                assert isinstance(key.fileobj, socket.socket)
                assert key.fileobj.recv(100), "the registry closed the connection"


@contextmanager
def measured(
    daemon: Daemon, figure: Figure, what: str, limit: int
) -> Iterator[Callable[[Callable[[], None]], None]]:
    """
    Measure memory, and the service that others get.

    :return: to be called with what the crowd does in each moment.
    """
    before = resident(daemon.pid)
    seconds: list[float] = []
    peak = 0

    def go_on(act: Callable[[], None]) -> None:
        nonlocal peak
        with Client(daemon.host) as other:
            other.request("GET", "/v2/").expect(200)  # after the rush of their arrival
            end = time.monotonic() + SECONDS
            while time.monotonic() < end:
                act()
                start = time.perf_counter()
                other.request("HEAD", f"/v2/slow/clients/blobs/{BLOB.digest}").expect(200)
                seconds.append(time.perf_counter() - start)
                peak = max(peak, resident(daemon.pid))
                time.sleep(PAUSE)

    yield go_on
    figure(f"memory that {what} take", mebibytes(peak - before))
    typical, slow = statistics.median(seconds), statistics.quantiles(seconds, n=100)[-1]
    figure(
        f"others are answered beside {what}",
        f"in {typical:.4f} s, 99 of 100 within {slow:.4f} s",
    )
    assert slow < 0.1
    assert peak - before < limit


class SlowClientTests:
    """
    Clients that take their time.
    """

    @pytest.fixture
    def repository(self, watched_daemon: Daemon) -> Iterator[Remote]:
        """
        A repository with a large blob, a large manifest, and a daemon that has been used before.
        """
        with Client(watched_daemon.host) as client:
            remote = Remote(client, "slow/clients")
            remote.push(CONFIG).expect(201)
            remote.push(BLOB).expect(201)
            remote.put_manifest("large", image(CONFIG, [], note="n" * 3 * MIB)).expect(201)
            for _ in range(50):
                remote.pull(CONFIG.digest)
                remote.push_chunked(CONFIG)
                remote.get_manifest("large").expect(200)
            yield remote

    def test_slow_heads(
        self, repository: Remote, watched_daemon: Daemon, scale: Scale, figure: Figure
    ) -> None:
        """
        Many clients send their requests' heads a byte at a time.
        """
        count = scale(200, THOUSAND)
        limit = scale(LIMIT // 5 + SLACK, LIMIT)
        with (
            measured(watched_daemon, figure, f"{count} slow heads", limit) as go_on,
            Crowd(watched_daemon.host) as crowd,
        ):
            for _ in range(count):
                start = f"GET /v2/ HTTP/1.1\r\nHost: {watched_daemon.host}\r\nX-Word: "
                crowd.join(start.encode(), b"a" * 100)
            go_on(crowd.trickle)

    def test_slow_senders(
        self, repository: Remote, watched_daemon: Daemon, scale: Scale, figure: Figure
    ) -> None:
        """
        Many clients send their uploads a byte at a time.
        """
        count = scale(200, THOUSAND)
        limit = scale(LIMIT // 5 + SLACK, LIMIT)
        uploads = [repository.start() for _ in range(count)]
        with (
            measured(watched_daemon, figure, f"{count} slow senders", limit) as go_on,
            Crowd(watched_daemon.host) as crowd,
        ):
            for upload in uploads:
                start = f"PATCH {upload} HTTP/1.1\r\nHost: {watched_daemon.host}\r\n"
                framing = "Content-Length: 1000000\r\n\r\n"
                crowd.join((start + framing).encode() + b"a" * 1000, b"a" * 100)
            go_on(crowd.trickle)

    @pytest.mark.parametrize("what", ["blob", "manifest", "pipelined blobs"])
    def test_slow_readers(
        self, repository: Remote, watched_daemon: Daemon, scale: Scale, figure: Figure, what: str
    ) -> None:
        """
        Many clients read a few bytes at a time of something large.
        """
        count = scale(200, THOUSAND)
        limit = scale(LIMIT // 5 + SLACK, LIMIT)
        kind = "manifests/large" if what == "manifest" else f"blobs/{BLOB.digest}"
        request = (
            f"GET {repository.base}/{kind} HTTP/1.1\r\nHost: {watched_daemon.host}\r\n\r\n".encode()
        )
        with (
            measured(watched_daemon, figure, f"{count} slow readers of {what}", limit) as go_on,
            Crowd(watched_daemon.host) as crowd,
        ):
            for _ in range(count):
                crowd.join(request * (50 if what == "pipelined blobs" else 1))
            go_on(crowd.sip)
        assert repository.pull(BLOB.digest) == (200, BLOB.digest)
