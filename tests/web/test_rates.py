"""
How much each client may ask for.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

import pytest
from attrs import evolve
from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer
from zope.interface.verify import verifyObject

from tests.observability.exchanges import PULL as EXCHANGE
from tests.web.test_meters import Time
from txregistry.errors import Denied, TooManyRequests, Unauthorized
from txregistry.interfaces import Grant, IAccessController
from txregistry.model.access import Access, Action, Credentials
from txregistry.places import Places
from txregistry.web.limiting import LimitedAccess
from txregistry.web.meters import SHAPE, Meters
from txregistry.web.rates import Rate, Rates

PULL = Access(Action.PULL, "a")
HERE = "192.0.2.1"


@implementer(IAccessController)
class Names:
    """
    Lets in whoever says a name, but for ``wrong``; counts how often it is asked.
    """

    asked = 0

    def authorize(self, credentials: Credentials, accesses: Sequence[Access]) -> Deferred[Grant]:
        """As :class:`IAccessController` says."""
        self.asked += 1
        if credentials.authorization == "wrong":
            return fail(Unauthorized("Basic"))
        if credentials.authorization.startswith("denied "):
            return fail(Denied(actor=credentials.authorization.removeprefix("denied ")))
        return succeed(Grant(credentials.authorization))


class Clients:
    """
    Clients of a limited registry.

    :param address: what each address may.
    :param user: what each user may.
    """

    def __init__(
        self, address: Rate | None = None, user: Rate | None = None, **exempt: Any
    ) -> None:
        self.time = Time()
        meters = Meters(Places(SHAPE, array("Q", bytes(SHAPE.size)), b"secret"), self.time)
        self.rates = Rates(meters, address or Rate(), user or Rate(), **exempt)
        self.names = Names()
        self.controller = LimitedAccess(self.names, self.rates)

    def ask(self, who: str = "", address: str = HERE, request_id: str = "1") -> int:
        """
        :return: 0 if the request is let through, else after how many seconds to come again; -1 if
            the credentials are wrong, or not good enough.
        """
        credentials = Credentials(who, address, request_id=request_id)
        found: list[int] = []
        asked = self.controller.authorize(credentials, [PULL])
        asked.addCallbacks(
            lambda grant: found.append(0 if grant.actor == who else -2),
            lambda failure: found.append(self._waits(failure.value)),
        )
        return found[0]

    def transfer(self, count: int, who: str = "", address: str = HERE) -> None:
        """
        Let a request be over, half of whose bytes went each way.
        """
        received = count // 2
        exchange = evolve(
            EXCHANGE, address=address, actor=who, received=received, written=count - received
        )
        self.rates.completed(exchange)

    def _waits(self, error: Exception) -> int:
        if isinstance(error, TooManyRequests):
            return error.retry_after
        assert isinstance(error, Unauthorized | Denied)
        return -1


TWO = Rate(requests=0.5, burst=2)
KILO = Rate(bytes=1000, bytes_burst=5000)


class RequestTests:
    """
    Requests.
    """

    def test_address(self) -> None:
        """
        An address has so many, whoever asks; others are not concerned.
        """
        clients = Clients(TWO)
        assert [clients.ask(), clients.ask("ann"), clients.ask("bob")] == [0, 0, 2]
        assert clients.ask(address="192.0.2.2") == 0
        clients.time.now += 1
        assert clients.ask() == 1
        clients.time.now += 1
        assert clients.ask() == 0

    def test_user(self) -> None:
        """
        A user has so many, wherever he is.
        """
        clients = Clients(user=TWO)
        assert [clients.ask("ann", f"192.0.2.{n}") for n in range(3)] == [0, 0, 2]
        assert clients.ask("bob") == 0
        assert [clients.ask() for _ in range(9)] == [0] * 9

    def test_before_anything(self) -> None:
        """
        Who had too many isn't even asked for his password.
        """
        clients = Clients(TWO)
        assert [clients.ask("wrong") for _ in range(4)] == [-1, -1, 2, 2]
        assert clients.names.asked == 2

    def test_not_counted(self) -> None:
        """
        What is only asked in order to choose what to show doesn't count.
        """
        clients = Clients(TWO, TWO)
        assert [clients.ask("ann", request_id="") for _ in range(9)] == [0] * 9
        assert clients.ask("ann") == 0

    def test_sites(self) -> None:
        """
        With IPv6 a whole network of 64 bits counts as one client.
        """
        clients = Clients(TWO)
        assert [clients.ask(address=f"2001:db8::{n}") for n in range(1, 4)] == [0, 0, 2]
        assert clients.ask(address="2001:db8:0:1::1") == 0

    def test_translated(self) -> None:
        """
        Who comes by a translator is the client of IPv4 that he is.
        """
        clients = Clients(TWO)
        assert [clients.ask(address=f"64:ff9b::203.0.113.{n}") for n in range(5)] == [0] * 5

    def test_no_address(self) -> None:
        """
        Who comes by a unix socket has no address, and isn't counted by it.
        """
        clients = Clients(TWO)
        assert [clients.ask(address="") for _ in range(9)] == [0] * 9


class ExemptTests:
    """
    Who may ask for anything.
    """

    def test_addresses(self) -> None:
        """
        Whoever comes from some networks.
        """
        clients = Clients(TWO, exempt_networks=[ip_network("10.0.0.0/8")])
        assert [clients.ask(address="10.1.2.3") for _ in range(9)] == [0] * 9
        assert [clients.ask(address="11.1.2.3") for _ in range(3)] == [0, 0, 2]

    def test_users(self) -> None:
        """
        Some users, also where others have used all that their address may have.
        """
        clients = Clients(TWO, TWO, exempt_users=["ann"])
        assert [clients.ask() for _ in range(3)] == [0, 0, 2]
        assert [clients.ask("ann") for _ in range(9)] == [0] * 9
        assert clients.ask("bob") == 2
        assert [clients.ask(who) for who in ("wrong", "denied bob", "denied ann")] == [2, 2, -1]
        clients.time.now += 60
        assert [clients.ask("ann") for _ in range(9)] == [0] * 9
        assert [clients.ask() for _ in range(3)] == [0, 0, 2]
        clients = Clients(KILO, KILO, exempt_users=["ann"])
        clients.transfer(10**9, "ann")
        assert clients.ask() == clients.ask("ann") == 0


class ByteTests:
    """
    Bytes.
    """

    @pytest.mark.parametrize(("limits", "who"), [("address", ""), ("user", "ann")])
    def test_both_ways(self, limits: str, who: str) -> None:
        """
        Those sent and those received count together, when a request is over; then one waits.
        """
        clients = Clients(**{limits: KILO})
        assert clients.rates.counts_bytes
        clients.transfer(5000, who)
        assert clients.ask(who) == 0
        clients.transfer(2500, who)
        assert clients.ask(who) == 3
        clients.time.now += 2.5
        assert clients.ask(who) == 0

    def test_others(self) -> None:
        """
        They are nothing to others.
        """
        clients = Clients(KILO, KILO)
        clients.transfer(9000, "ann")
        assert clients.ask("ann", "192.0.2.7") == 4
        assert clients.ask("bob", "192.0.2.7") == 0
        assert clients.ask("bob") == 4

    def test_not_wanted(self) -> None:
        """
        Where only requests are limited, nobody has to tell of bytes.
        """
        clients = Clients(TWO, TWO)
        assert not clients.rates.counts_bytes
        clients.transfer(10**12, "ann")
        assert clients.ask("ann") == 0


class InterfaceTests:
    """
    What it is.
    """

    def test_controller(self) -> None:
        """
        It is a controller as any other.
        """
        assert verifyObject(IAccessController, Clients().controller)
