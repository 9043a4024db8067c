"""
Looking up the names of servers of others.
"""
# ruff: noqa: N802, N803 - Twisted's names

from __future__ import annotations

import socket
from threading import Event
from typing import Any

from twisted.internet import reactor
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from zope.interface import implementer
from zope.interface.verify import verifyObject

from txregistry.remotes import Lookups

V4 = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 80))
V6 = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 80, 0, 0))
OTHER = (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "/nowhere")


@implementer(IResolutionReceiver)
class Receiver:
    """
    Waits for addresses.
    """

    def __init__(self) -> None:
        self.found: list[IAddress] = []
        self.complete: Deferred[list[IAddress]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self.resolution = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        self.found.append(address)

    def resolutionComplete(self) -> None:
        self.complete.callback(self.found)


class NameServer:
    """
    Answers when it is let.
    """

    def __init__(self, *answers: Any) -> None:
        self.asked: list[str] = []
        self.let = Event()
        self._answers = answers

    def __call__(self, name: str, *_: object) -> Any:
        self.asked.append(name)
        self.let.wait(10)
        if not self._answers:
            raise socket.gaierror(socket.EAI_NONAME, "nobody knows it")
        return list(self._answers)


def ask(lookups: Lookups, name: str) -> Receiver:
    """
    Ask for a name.
    """
    receiver = Receiver()
    verifyObject(IHostResolution, lookups.resolveHostName(receiver, name, 80))
    return receiver


class LookupsTests:
    """
    ``Lookups``.
    """

    async def test_found(self) -> None:
        """
        All addresses of a name are told, of either kind.
        """
        server = NameServer(V4, V6, OTHER)
        server.let.set()
        receiver = ask(Lookups(reactor, server), "example.com")
        expected = [IPv4Address("TCP", "192.0.2.1", 80), IPv6Address("TCP", "2001:db8::1", 80)]
        assert await receiver.complete == expected

    async def test_unknown(self) -> None:
        """
        A name that nobody knows has no address.
        """
        server = NameServer()
        server.let.set()
        assert await ask(Lookups(reactor, server), "example.com").complete == []

    async def test_asked_again(self) -> None:
        """
        While a name is looked up, who asks for it too waits with the first; afterwards it is
        looked up again.
        """
        server = NameServer(V4)
        lookups = Lookups(reactor, server)
        receivers = [ask(lookups, "example.com") for _ in range(100)]
        other = ask(lookups, "example.org")
        server.let.set()
        for receiver in [*receivers, other]:
            assert len(await receiver.complete) == 1
        assert sorted(server.asked) == ["example.com", "example.org"]
        await ask(lookups, "example.com").complete
        assert server.asked.count("example.com") == 2

    async def test_real(self) -> None:
        """
        The system knows who is here.
        """
        found = await ask(Lookups(reactor), "127.0.0.1").complete
        assert found == [IPv4Address("TCP", "127.0.0.1", 80)]
