"""
The names of sockets.
"""
# The addresses of Twisted have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address


def unmapped(name: tuple[Any, ...]) -> tuple[Any, ...]:
    """
    :param name: the name of a TCP socket, as Python has it.
    :return: the same, in the form of IPv4 if it is an IPv4 address in the form of IPv6.
    """
    if name[0].startswith("::ffff:") and "." in name[0]:
        return (name[0][7:], name[1])
    return name


def to_address(name: tuple[Any, ...]) -> IPv4Address | IPv6Address:
    """
    :param name: the name of a TCP socket, as Python has it.
    """
    name = unmapped(name)
    kind = IPv4Address if len(name) == 2 else IPv6Address
    return kind("TCP", *name)
