"""
By what those are counted who try passwords.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

SITE: Final = 64
"""The length of the prefix by which addresses of IPv6 are counted: one client has all of such a
network (RFC 6177 §2)."""


def user(name: str) -> str:
    """:return: by what a user is counted, wherever he is."""
    return f"u{name}"


def place(address: str, proxy: str) -> str:
    """
    :return: by what an address is counted: behind each proxy it is another one, so that nobody who
        can lie about his address has failed in somebody else's place.
    """
    return f"a{client(address)} {client(proxy)}" if proxy else f"a{client(address)}"


def regular(name: str, address: str, proxy: str) -> str:
    """:return: by what it is remembered that a user was right there."""
    # The user comes last: there may be anything in his name.
    return f"{client(address)} {client(proxy)} {name}"


def client(address: str) -> str:
    """:return: an address without the part that its owner can choose."""
    try:
        parsed = ip_address(address)
    except ValueError:  # it has none: it is behind a unix socket
        return address
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, SITE), strict=False))
    return str(parsed)
