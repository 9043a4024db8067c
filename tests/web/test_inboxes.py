"""
Connections that are handed over.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import attrs
import pytest

from txregistry.web.inboxes import PER_SECOND, Ends, Inboxes
from txregistry.web.shares import ABSENT, Shares


@attrs.define
class Office:
    """
    Two processes in one: both have the inboxes of both, the first one a door too.
    """

    inboxes: list[Inboxes]
    door: socket.socket
    now: float = 0
    clients: list[socket.socket] = attrs.Factory(list)
    served: list[socket.socket] = attrs.Factory(list)

    @property
    def shares(self) -> list[Shares]:
        """
        Those of both.
        """
        return [each.shares for each in self.inboxes]

    def connect(self, count: int = 1) -> None:
        """
        Let clients come.
        """
        for _ in range(count):
            self.clients.append(socket.create_connection(self.door.getsockname()))

    def accept(self) -> socket.socket | None:
        """
        Accept one at the door.
        """
        return self._accepted(self.door)

    def take(self, index: int) -> socket.socket | None:
        """
        Take one out of an inbox.
        """
        with self.inboxes[0].inbox(index) as inbox:
            return self._accepted(inbox)

    def _accepted(self, place: socket.socket) -> socket.socket | None:
        try:
            connection, name = place.accept()
        except BlockingIOError:
            return None
        assert connection.getpeername() == name
        self.served.append(connection)
        return connection


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """
    Where the first has one connection, and the second none.
    """
    path = str(tmp_path / "shares")
    Shares.make(path, 2)
    with ExitStack() as stack:
        pairs = [socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(2)]
        for pair in pairs:
            for end in pair:
                stack.enter_context(end).setblocking(False)

        def inboxes(index: int) -> Inboxes:
            ends = [Ends(taking=os.dup(a.fileno()), giving=os.dup(b.fileno())) for a, b in pairs]
            return Inboxes(Shares(path, index), ends, lambda: made.now)

        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=1000))
        made = Office([], stack.enter_context(listening))
        made.inboxes = both = [inboxes(0), inboxes(1)]
        made.door = stack.enter_context(both[0].door(listening.fileno()))
        made.shares[0].tell(1)
        made.shares[1].tell(0)
        yield made
        for connection in (*made.clients, *made.served):
            connection.close()
        for each in both:
            each.close()


class InboxesTests:
    """
    Who has more than another hands over.
    """

    def test_kept(self, office: Office) -> None:
        """
        A connection stays where it came if the other would get as many by it.
        """
        office.shares[0].tell(0)
        office.connect()
        assert office.accept() is not None
        assert office.take(1) is None
        assert office.accept() is None

    def test_handed_over(self, office: Office) -> None:
        """
        It is the other's if he has two less; he knows who the client is, and can answer him.
        """
        office.connect()
        assert office.accept() is None
        connection = office.take(1)
        assert connection is not None
        assert connection.getpeername() == office.clients[0].getsockname()
        connection.sendall(b"x")
        connection.close()
        assert office.clients[0].recv(2) == b"x"
        assert office.clients[0].recv(2) == b""

    def test_one_by_one(self, office: Office) -> None:
        """
        Those on their way count, until all of them have arrived.
        """
        office.connect(2)
        assert office.accept() is not None
        assert office.take(1) is not None
        office.shares[1].sent(1)
        office.connect()
        assert office.accept() is not None
        assert office.take(1) is None
        office.connect()
        assert office.accept() is None

    def test_many(self, office: Office) -> None:
        """
        Only so many are handed over in a second; then the next may be.
        """
        office.shares[0].tell(10_000)
        office.connect(2 * PER_SECOND)
        assert len(list(iter(office.accept, None))) == PER_SECOND
        office.connect()
        assert office.accept() is not None
        assert len(list(iter(partial(office.take, 1), None))) == PER_SECOND
        office.now += 1
        office.connect()
        assert office.accept() is None
        assert office.take(1) is not None

    def test_full(self, office: Office) -> None:
        """
        Where there is no room for more the rest is kept; nobody gets lost.
        """
        office.shares[0].tell(10_000)
        count = 500
        office.connect(count)
        kept = 0
        while office.accept() is not None:
            kept += 1
            office.now += 1
        assert 0 < kept < count
        while office.take(1) is not None:
            kept += 1
        assert kept == count

    def test_gone(self, office: Office) -> None:
        """
        A client who is gone already is dropped; the next has his turn.
        """
        office.shares[0].tell(10)
        office.connect(2)
        assert office.accept() is None
        gone = office.clients.pop(0)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()
        connection = office.take(1)
        assert connection is not None
        assert connection.getpeername() == office.clients[0].getsockname()
        assert office.take(1) is None

    def test_no_descriptors(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        A message that comes without a connection, as where a process may have no more of them, is
        passed over.
        """
        office.shares[0].tell(10)
        send = socket.socket.sendmsg
        with monkeypatch.context() as patched:
            patched.setattr(socket, "send_fds", lambda end, data, _: send(end, data))
            office.connect()
            assert office.accept() is None
        office.connect()
        assert office.accept() is None
        connection = office.take(1)
        assert connection is not None
        assert connection.getpeername() == office.clients[1].getsockname()

    def test_cannot_be_sent(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Whatever keeps it from being handed over, it is kept, and the other is told of none.
        """

        def refuse(*_: object) -> None:
            raise OSError(errno.ETOOMANYREFS, "too many")

        monkeypatch.setattr(socket, "send_fds", refuse)
        office.connect(2)
        assert office.accept() is not None
        assert office.shares[0].behind == 1

    def test_absent(self, office: Office) -> None:
        """
        Nobody is handed over to a process that isn't there, or by one that ends.
        """
        office.connect(2)
        office.shares[1].tell(ABSENT)
        assert office.accept() is not None
        office.shares[1].tell(0)
        office.shares[0].tell(ABSENT)
        assert office.accept() is not None

    @pytest.mark.parametrize("last_look", ["before", "after"])
    def test_left_meanwhile(
        self, office: Office, monkeypatch: pytest.MonkeyPatch, last_look: str
    ) -> None:
        """
        If the other leaves just then a connection is served by one of both, whether it came before
        or after he looked for the last time.
        """
        send = socket.send_fds
        taken: list[socket.socket | None] = []

        def send_to_leaving(*args: object) -> None:
            if last_look == "before":
                office.shares[1].tell(ABSENT)
                taken.append(office.take(1))
            send(*args)  # type: ignore[arg-type]  # just what it was called with
            if last_look == "after":
                office.shares[1].tell(ABSENT)
                taken.append(office.take(1))

        monkeypatch.setattr(socket, "send_fds", send_to_leaving)
        office.connect()
        connection = office.accept()
        assert [connection is None, taken == [None]] == [
            last_look == "after",
            last_look == "before",
        ]
        served = connection or taken[0]
        assert served is not None
        assert served.getpeername() == office.clients[0].getsockname()
        assert office.take(1) is None
