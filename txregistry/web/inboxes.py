"""
Connections that are handed over from one process to another.

The kernel divides connections among the sockets of several processes by chance.  That is even
enough for thousands, but not for a few clients who stay.  So a process that has accepted one and
has more than another hands it over to that one's inbox: a pair of sockets that outlives both of
them, so that what lies in it waits for a successor as it would in the queue of a listening socket.

Both ends look like listening sockets here: one accepts only what is to be served in this process,
the other accepts what lies in the inbox.  So ports need not know.
"""

from __future__ import annotations

import array
import os
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from attrs import frozen

from txregistry.web.shares import Shares

PER_SECOND: Final = 100
"""
How many connections a process hands over in a second: few enough to cost nothing that could be
measured.  Where more come, such as from clients who open one for each request, chance divides well.
"""

_SPACE: Final = socket.CMSG_SPACE(array.array("i").itemsize)

_MESSAGE: Final = b"\0"
"""Nothing is said, but a descriptor travels with a byte at least."""

Accepted = tuple[socket.socket, Any]
"""A connection and the name of the client."""


@frozen(kw_only=True)
class Ends:
    """
    The descriptors of an inbox: of a pair of sockets that keep the borders of messages and don't
    block.

    :param taking: where its owner takes connections out.
    :param giving: where the others put them in.
    """

    taking: int
    giving: int


class Inboxes:
    """
    The inboxes of all processes that serve.

    :param shares: says who has how many connections.
    :param ends: of each process's, which has the same place here and there.
    :param clock: tells the time in seconds.
    """

    def __init__(
        self, shares: Shares, ends: Sequence[Ends], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.shares = shares
        self._clock = clock
        self._since = clock()
        self._left = PER_SECOND
        self._taking = [Inbox(shares, index, each.taking) for index, each in enumerate(ends)]
        self._giving = [socket.socket(fileno=each.giving) for each in ends]

    def door(self, descriptor: int) -> Door:
        """
        :param descriptor: of a socket that listens.  It is copied.
        :return: the same, with some of those who come handed over.
        """
        return Door(self, os.dup(descriptor))

    def inbox(self, index: int) -> Inbox:
        """
        :param index: whose.
        :return: where to accept what was handed over to it.
        """
        return Inbox(self.shares, index, os.dup(self._taking[index].fileno()))

    def close(self) -> None:
        """Take no part any more.  What lies in an inbox is for whoever has it too."""
        for end in (*self._taking, *self._giving):
            end.close()

    def spread(self, accepted: Accepted) -> Accepted | None:
        """
        Hand a connection over if another process has fewer, and can take it.

        :return: what is to be served here: mostly this one, or none.
        """
        if not self._may_send():
            return accepted
        other = self.shares.behind
        if other is None or not self._send(accepted[0], other):
            return accepted
        accepted[0].close()
        return None if self.shares.present(other) else self._back(other)

    def _may_send(self) -> bool:
        if self._left <= 0:
            now = self._clock()
            if now < self._since + 1:
                return False
            self._since, self._left = now, PER_SECOND
        return True

    def _send(self, connection: socket.socket, other: int) -> bool:
        # First the number, then the connection: who takes the last one says that none is left.
        self.shares.sent(other)
        self._left -= 1
        try:
            socket.send_fds(self._giving[other], [_MESSAGE], [connection.fileno()])
        except OSError:  # there is no room in it, or too much is on its way
            self.shares.arrived(other)
            return False
        return True

    def _back(self, other: int) -> Accepted | None:
        """
        Take one back from a process that has left meanwhile: it may have looked for the last time
        before that came.  If it hasn't, there is nothing.
        """
        try:
            return self._taking[other].accept()
        except BlockingIOError:
            return None


class Door(socket.socket):
    """
    Listens, and accepts only those that are to be served here.

    :param inboxes: where the others go.
    :param descriptor: is closed with it.
    """

    def __init__(self, inboxes: Inboxes, descriptor: int) -> None:
        super().__init__(fileno=descriptor)
        self.setblocking(False)
        self._inboxes = inboxes

    def accept(self) -> Accepted:
        """:raises BlockingIOError: if there is nobody."""
        while True:
            accepted = self._inboxes.spread(super().accept())
            if accepted is not None:
                return accepted


class Inbox(socket.socket):
    """
    Accepts what was handed over.

    :param shares: count what is on its way.
    :param index: of the process whose it is.
    :param descriptor: is closed with it.
    """

    def __init__(self, shares: Shares, index: int, descriptor: int) -> None:
        super().__init__(fileno=descriptor)
        self.setblocking(False)
        self._shares = shares
        self._index = index

    def accept(self) -> Accepted:
        """:raises BlockingIOError: if there is nobody."""
        while True:
            connection = self._take()
            try:
                return connection, connection.getpeername()
            except OSError:  # the client is gone
                connection.close()

    def _take(self) -> socket.socket:
        while True:
            try:
                descriptor = self._receive()
            except BlockingIOError:
                self._shares.all_arrived(self._index)
                raise
            self._shares.arrived(self._index)
            if descriptor is not None:
                return socket.socket(fileno=descriptor)

    def _receive(self) -> int | None:
        """:return: nothing, if this process may have no more descriptors: then one is lost."""
        message, ancillary, _, _ = self.recvmsg(1, _SPACE, socket.MSG_CMSG_CLOEXEC)
        if not message:
            raise BlockingIOError  # nobody has the other end any more
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        return descriptors[0] if descriptors else None
