"""
How much each client may ask for: requests and bytes, by address and by user.

Requests are counted before anything else is done for them.  Bytes are counted in both directions
when a request is over, since before nobody knows how many they are: who has used too many waits
before his next request.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from attrs import frozen

from txregistry.interfaces import Exchange
from txregistry.model.clients import counted_as
from txregistry.web.meters import Meters

Network = IPv4Network | IPv6Network


@frozen(kw_only=True)
class Rate:
    """
    How much one client may have.

    :param requests: in a second; 0 for any number.
    :param burst: requests at once.
    :param bytes: in a second, both ways together; 0 for any number.
    :param bytes_burst: bytes at once.
    """

    requests: float = 0
    burst: float = 0
    bytes: float = 0
    bytes_burst: float = 0


class Rates:
    """
    What everybody has used of what he may.

    :param meters: know that.
    :param address: what each address may have.
    :param user: what each user may have.
    :param exempt_networks: from where anything may be had.
    :param exempt_users: who may have anything, wherever he is.

    :ivar exempt_users: these.
    """

    def __init__(
        self,
        meters: Meters,
        address: Rate,
        user: Rate,
        exempt_networks: Sequence[Network] = (),
        exempt_users: Sequence[str] = (),
    ) -> None:
        self._meters = meters
        self._address = address
        self._user = user
        self._exempt_networks = tuple(exempt_networks)
        self.exempt_users = frozenset(exempt_users)
        self._client = lru_cache(maxsize=4096)(self._find_client)

    @property
    def counts_bytes(self) -> bool:
        """Whether :meth:`completed` has to be told of every exchange."""
        return bool(self._address.bytes or self._user.bytes)

    def wait_of_address(self, address: str) -> float:
        """
        Count a request.

        :return: 0 if it may be; else after how many seconds it might.
        """
        client = self._client(address)
        return self._wait(f"a{client}", f"b{client}", self._address) if client else 0.0

    def give_back(self, address: str) -> None:
        """Count a request no longer: it was somebody's who is exempt."""
        client = self._client(address)
        if client and self._address.requests:
            self._meters.add(f"a{client}", -1 / self._address.requests)

    def wait_of_user(self, user: str) -> float:
        """
        Count a request of somebody who is known.

        :return: 0 if it may be; else after how many seconds it might.
        """
        return self._wait(f"u{user}", f"v{user}", self._user) if user else 0.0

    def completed(self, exchange: Exchange) -> None:
        """Count what was transferred."""
        if exchange.actor in self.exempt_users:
            return
        count = exchange.received + exchange.written
        if not count:
            return
        if self._address.bytes and (client := self._client(exchange.address)):
            self._meters.add(f"b{client}", count / self._address.bytes)
        if self._user.bytes and exchange.actor:
            self._meters.add(f"v{exchange.actor}", count / self._user.bytes)

    def _wait(self, requests: str, transferred: str, rate: Rate) -> float:
        """
        :param requests: the meter of these.
        :param transferred: the meter of bytes.
        """
        if rate.bytes:
            over = self._meters.ahead(transferred) - rate.bytes_burst / rate.bytes
            if over > 0:
                return over
        if not rate.requests:
            return 0.0
        return self._meters.use(requests, 1 / rate.requests, rate.burst / rate.requests)

    def _find_client(self, address: str) -> str:
        """:return: by what an address is counted; ``""`` where it is not."""
        try:
            parsed = ip_address(address)
        except ValueError:  # it has none: it is behind a unix socket, and of this machine
            return ""
        if any(parsed in network for network in self._exempt_networks):
            return ""
        return counted_as(address)
