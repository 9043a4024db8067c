"""
The sockets that workers accept from.
"""

from __future__ import annotations

import os
import socket
from typing import Final

from twisted.internet.abstract import isIPv6Address

from txregistry.configuration import TCPAddress, UnixAddress
from txregistry.errors import CannotServe
from txregistry.web.sockets import ANY, BACKLOG, NO_IPV6, remove_stale

_UNIX_MODE: Final = 0o666

Pair = tuple[socket.socket, socket.socket]


def open_sockets(address: TCPAddress | UnixAddress, count: int) -> list[socket.socket]:
    """
    Listen.

    :param count: how many sockets are wanted.
    :return: so many, or one, where there can't be more.
    :raises CannotServe: if the address is taken, or may not be had.
    """
    try:
        if isinstance(address, UnixAddress):
            return [_unix_socket(address.path)]
        return _tcp_sockets(address.host, address.port, count)
    except OSError as error:
        raise CannotServe(f"can't listen on {address}: {error.strerror or error}") from error


def open_inboxes(count: int) -> list[Pair]:
    """
    :param count: how many are wanted.
    :return: where workers find connections that others hand over to them: both ends of each, that
        at which they are taken out first.
    :raises CannotServe: if they may not be had.
    """
    try:
        return [_inbox() for _ in range(count)]
    except OSError as error:
        raise CannotServe(f"can't have so many workers: {error.strerror or error}") from error


def _inbox() -> Pair:
    # What is put in stays one message, and waits even if nobody is there who could take it.
    ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in ends:
        end.setblocking(False)  # for all who have it: nobody ever waits here
    return ends


def _tcp_sockets(host: str, port: int, count: int) -> list[socket.socket]:
    """
    One socket for each process, among which the kernel divides those who come.  One for all of them
    would starve all but one.
    """
    first = _first_tcp_socket(host, port)
    # It has the port to itself, by which a second daemon finds out.  Now it lets others in: those
    # of the same user that ask for it as we do.
    first.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return [first, *(_copy(first) for _ in range(count - 1))]


def _first_tcp_socket(host: str, port: int) -> socket.socket:
    try:
        return _listening(*_resolved(host or ANY, port))
    except OSError as error:
        if host or error.errno not in NO_IPV6:
            raise
    return _listening(*_resolved("0.0.0.0", port))  # noqa: S104 - that is what was configured


def _resolved(host: str, port: int) -> tuple[int, tuple[object, ...]]:
    family = socket.AF_INET6 if isIPv6Address(host) else socket.AF_INET
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM)
    return family, found[0][4]


def _copy(other: socket.socket) -> socket.socket:
    return _listening(other.family, other.getsockname(), share=True)


def _listening(family: int, name: tuple[object, ...], share: bool = False) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if share:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, name[0] != ANY)
        made.bind(name)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made


def _unix_socket(path: str) -> socket.socket:
    remove_stale(path)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.bind(path)
        os.chmod(path, _UNIX_MODE)
        made.listen(BACKLOG)
    except BaseException:
        made.close()
        raise
    return made
