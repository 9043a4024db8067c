"""
From where somebody may come: networks, looked up by address.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Final

Network = IPv4Network | IPv6Network

KNOWN_ADDRESSES: Final = 4096
"""How many addresses are remembered: what an attacker may have of them doesn't fill memory."""


class Places:
    """
    All networks that rules name.

    Thousands of addresses come from the same few of them, and a decision depends on these only.

    :param networks: them.
    """

    def __init__(self, networks: Iterable[Network]) -> None:
        self._by_length: dict[tuple[int, int], dict[int, Network]] = {}
        for network in networks:
            key = (network.version, network.prefixlen)
            self._by_length.setdefault(key, {})[int(network.network_address)] = network
        self.of = lru_cache(maxsize=KNOWN_ADDRESSES)(self._look_up) if self._by_length else _nowhere

    def _look_up(self, address: str) -> frozenset[Network]:
        """:return: the networks that an address is in; none where it is no address."""
        try:
            parsed = ip_address(address)
        except ValueError:
            return frozenset()
        number = int(parsed)
        found = []
        for (version, length), networks in self._by_length.items():
            if version == parsed.version:
                start = number >> (parsed.max_prefixlen - length) << (parsed.max_prefixlen - length)
                if (network := networks.get(start)) is not None:
                    found.append(network)
        return frozenset(found)


def _nowhere(_: str) -> frozenset[Network]:
    return frozenset()
