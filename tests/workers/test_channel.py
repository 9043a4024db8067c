"""
What the supervisor and a process say to each other.
"""
# The protocols of twisted.protocols have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from twisted.internet.testing import StringTransport

from txregistry.service.context import WorkerContext
from txregistry.workers.channel import Channel, Order, message, read_line

CONTEXT = WorkerContext(index=1, count=2, run_directory="/run/x", epochs_path="/run/x/epochs")


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """
    Both ends.
    """
    here, there = socket.socketpair()
    with here, there:
        yield here, there


class OrderTests:
    """
    The first line.
    """

    def test_there_and_back(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """
        An order arrives as it was sent, however long its configuration is; what comes behind it
        stays where it is.
        """
        text = "é\n" * 500_000
        order = Order(text=text, source="x", reactor="", sockets=2, inboxes=2, context=CONTEXT)
        sent = order.encode() + message("cover", 1)
        sender = threading.Thread(target=ends[0].sendall, args=[sent])
        sender.start()
        assert Order.decode(read_line(ends[1])) == order
        sender.join()
        assert ends[1].recv(100) == message("cover", 1)

    def test_descriptors(self) -> None:
        """
        Each socket and each end of an inbox has a descriptor of its own, after the channel's.
        """
        order = Order(text="", source="", reactor="", sockets=2, inboxes=2, context=CONTEXT)
        assert list(order.descriptors) == [4, 5, 6, 7, 8, 9]
        assert order.inbox_descriptors == [(6, 7), (8, 9)]

    def test_gone(self, ends: tuple[socket.socket, socket.socket]) -> None:
        """
        That the other is gone is told.
        """
        ends[0].sendall(b"half")
        ends[0].close()
        with pytest.raises(EOFError):
            read_line(ends[1])


class ChannelTests:
    """
    All other lines.
    """

    def test_words(self) -> None:
        """
        Words are told with what came with them, and said in the same way.
        """
        told: list[tuple[object, ...]] = []
        channel = Channel(lambda *words: told.append(words), lambda: told.append(()))
        transport = StringTransport()
        channel.say("nobody hears this")
        channel.makeConnection(transport)
        channel.say("cover", 3)
        channel.dataReceived(transport.value() + message("failed", "a\nb"))
        channel.connectionLost()
        assert told == [("cover", 3), ("failed", "a\nb"), ()]
