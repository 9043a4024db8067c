"""
By what clients are counted.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

SITE: Final = 64
"""The length of the prefix by which addresses of IPv6 are counted: one client has all of such a
network (RFC 6177 §2)."""

TRANSLATED: Final = IPv6Network("64:ff9b::/96")
"""What translators make of addresses of IPv4, which stand at the end (RFC 6052 §2.1)."""

TRANSLATED_HERE: Final = IPv6Network("64:ff9b:1::/48")
"""What they make of them within one operator's networks.  Where in it the other one stands is the
operator's to choose, and the rest is always the same (RFC 8215 §5, RFC 6052 §2.2)."""


def counted_as(address: str) -> str:
    """
    :param address: an address, or any other text where somebody has none.
    :return: the address without the part that its owner can choose.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    return str(parsed) if isinstance(parsed, IPv4Address) else _counted_as(parsed)


def _counted_as(address: IPv6Address) -> str:
    if address in TRANSLATED:
        return str(IPv4Address(int(address) & 0xFFFF_FFFF))
    if address in TRANSLATED_HERE:
        return str(address)
    # What a socket for both families makes of an address of IPv4 (RFC 4291 §2.5.5.2).
    mapped = address.ipv4_mapped
    return str(mapped or ip_network((address, SITE), strict=False))
