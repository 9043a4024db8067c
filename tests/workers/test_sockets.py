"""
Sockets that listen.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from txregistry.configuration import TCPAddress, UnixAddress
from txregistry.errors import CannotServe
from txregistry.workers.sockets import open_inboxes, open_sockets

Open = Callable[..., list[socket.socket]]


@pytest.fixture
def opened() -> Iterator[Open]:
    """
    Opens some, and closes them at the end.
    """
    with ExitStack() as stack:

        def opened(address: TCPAddress | UnixAddress, count: int = 1) -> list[socket.socket]:
            return [stack.enter_context(made) for made in open_sockets(address, count)]

        yield opened


class TCPTests:
    """
    TCP sockets.
    """

    def test_divided(self, opened: Open) -> None:
        """
        The kernel divides connections among all of them.
        """
        sockets = opened(TCPAddress("127.0.0.1", 0), 4)
        with ExitStack() as stack:
            for _ in range(100):
                stack.enter_context(socket.create_connection(sockets[0].getsockname()))
            ready, _, _ = select.select(sockets, [], [], 0)
            assert ready == sockets

    @pytest.mark.parametrize("count", [1, 3])
    def test_taken(self, opened: Open, count: int) -> None:
        """
        Nobody else gets the port, in the same way or in another.
        """
        first = opened(TCPAddress("127.0.0.1", 0), count)
        port = first[0].getsockname()[1]
        for other in (1, 3):
            with pytest.raises(CannotServe, match=f"can't listen on 127.0.0.1:{port}"):
                opened(TCPAddress("127.0.0.1", port), other)
        with pytest.raises(OSError, match="in use"):
            socket.create_server(first[0].getsockname())

    def test_again_at_once(self, opened: Open) -> None:
        """
        A port on which connections have just ended can be had.
        """
        with ExitStack() as stack:
            first = open_sockets(TCPAddress("127.0.0.1", 0), 2)
            port = first[0].getsockname()[1]
            clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(10)]
            for each in first:
                stack.enter_context(each)
                while select.select([each], [], [], 0)[0]:
                    each.accept()[0].close()
            for client in clients:
                client.close()
        opened(TCPAddress("127.0.0.1", port), 2)

    def test_unknown_host(self, opened: Open) -> None:
        """
        A host that there isn't is named.
        """
        with pytest.raises(CannotServe, match=r"can't listen on 192\.0\.2\.1:80"):
            opened(TCPAddress("192.0.2.1", 80), 2)


class UnixTests:
    """
    Unix sockets.
    """

    def test_one(self, opened: Open, tmp_path: Path) -> None:
        """
        There is one, however many are wanted, and nobody else gets it.
        """
        address = UnixAddress(str(tmp_path / "socket"))
        assert len(opened(address, 3)) == 1
        with pytest.raises(CannotServe, match="in use"):
            opened(address)

    def test_something_else(self, opened: Open, tmp_path: Path) -> None:
        """
        A file that is no socket stays.
        """
        path = tmp_path / "file"
        path.write_text("precious")
        with pytest.raises(CannotServe, match="not a socket"):
            opened(UnixAddress(str(path)))
        assert path.read_text() == "precious"
        with pytest.raises(CannotServe, match=os.strerror(2)):
            opened(UnixAddress(str(tmp_path / "nowhere" / "socket")))


def fill(end: socket.socket) -> None:
    """
    Send until there is no room.
    """
    while end.send(b"a"):
        pass


class InboxTests:
    """
    Inboxes.
    """

    def test_messages(self) -> None:
        """
        What is put in is taken out piece by piece, and nobody waits, neither for something nor for
        room.
        """
        ((taking, giving),) = open_inboxes(1)
        with taking, giving:
            for each in (b"a", b"b"):
                giving.send(each)
            assert [taking.recv(10), taking.recv(10)] == [b"a", b"b"]
            with pytest.raises(BlockingIOError):
                taking.recv(10)
            with pytest.raises(BlockingIOError):
                fill(giving)
