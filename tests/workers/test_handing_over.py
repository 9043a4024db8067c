"""
Connections that workers hand over to each other, for real.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import attrs
import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.client import answer_from
from tests.workers.kit import eventually, processes, run_directories, state
from txregistry.web.shares import ABSENT

COUNT = 16
"""Connections that are open at once."""


@attrs.frozen
class Numbers:
    """
    What the workers tell each other.

    :param counts: how many connections each has.
    :param coming: how many are on their way to each.
    """

    counts: list[int]
    coming: list[int]


def numbers(daemon: Daemon) -> Numbers:
    """
    What they say now.
    """
    (name,) = run_directories(daemon)
    data = (Path(daemon.directory) / name / "shares").read_bytes()
    all_ = list(struct.unpack(f"={len(data) // 8}q", data))
    half = len(all_) // 2
    return Numbers(all_[:half], all_[half:])


def ask(daemon: Daemon, close: bool = False) -> socket.socket:
    """
    Connect and ask; what comes is read later.
    """
    client = socket.create_connection(("127.0.0.1", daemon.port), 20)
    more = "Connection: close\r\n" if close else ""
    client.sendall(f"GET /v2/ HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())
    return client


def answered(client: socket.socket) -> int:
    """
    The status of the answer.
    """
    with client.makefile("rb") as stream:
        return answer_from(stream).status


def idle(daemon: Daemon, workers: int) -> None:
    """
    Wait until nobody is there any more.
    """
    eventually(lambda: numbers(daemon) == Numbers([0] * workers, [0] * workers))


@contextmanager
def stopped(daemon: Daemon) -> Iterator[int]:
    """
    The first of two workers, that does nothing for a while.
    """
    idle(daemon, 2)
    pid = processes(daemon)["0"]
    os.kill(pid, signal.SIGSTOP)
    eventually(lambda: state(pid) == "T")
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)


class SpreadTests:
    """
    Few connections are divided as well as many.
    """

    @pytest.mark.parametrize("workers", [2, 4])
    def test_even(self, make_several: MakeDaemon, workers: int) -> None:
        """
        Each worker has its part of connections that are opened one by one, again and again.
        """
        daemon = make_several(configuration={"workers": workers})
        for _ in range(3):
            idle(daemon, workers)
            with ExitStack() as clients:
                for _ in range(COUNT):
                    assert answered(clients.enter_context(ask(daemon))) == 200
                counts = numbers(daemon).counts
                assert sum(counts) == COUNT
                assert max(counts) - min(counts) <= 1

    def test_at_once(self, make_several: MakeDaemon) -> None:
        """
        Those that come at once are divided too, if not as well, and all are answered.
        """
        daemon = make_several(configuration={"workers": 4})
        idle(daemon, 4)
        with ExitStack() as stack:
            clients = [stack.enter_context(ask(daemon)) for _ in range(10 * COUNT)]
            assert {answered(client) for client in clients} == {200}
            counts = numbers(daemon).counts
            assert sum(counts) == 10 * COUNT
            assert max(counts) - min(counts) <= COUNT // 2

    def test_client_address(self, make_several: MakeDaemon) -> None:
        """
        Whoever serves him, a client has his own address in the log.
        """
        log = {"accesslog": {"disabled": True}}
        daemon = make_several(configuration={"workers": 4, "log": log})
        with ExitStack() as stack:
            clients = [stack.enter_context(ask(daemon)) for _ in range(COUNT)]
            assert {answered(client) for client in clients} == {200}
        eventually(lambda: daemon.log().count('"response completed"') >= COUNT)
        lines = [line for line in daemon.log().splitlines() if '"response completed"' in line]
        assert all("remoteaddr=127.0.0.1" in line for line in lines)

    def test_limit(self, make_several: MakeDaemon) -> None:
        """
        No worker has more than its part of those that there may be.  Who comes then waits, and has
        his turn when others have gone.
        """
        limits = {"limits": {"connections": 8}}
        daemon = make_several(configuration={"http": limits})
        idle(daemon, 2)
        with ExitStack() as stack:
            clients = [stack.enter_context(ask(daemon)) for _ in range(COUNT)]
            eventually(lambda: sum(numbers(daemon).counts) >= 7)
            while clients:
                assert max(numbers(daemon).counts) <= 4
                for client in eventually(lambda: readable(clients)):
                    assert answered(client) == 200
                    client.close()
                    clients.remove(client)
        idle(daemon, 2)

    def test_one_socket(self, make_several: MakeDaemon) -> None:
        """
        Where workers accept from one socket there is nothing to hand over.
        """
        daemon = make_several(start=False)
        daemon.configuration["http"] = {"addr": str(daemon.directory / "socket"), "net": "unix"}
        daemon.start(wait=False)
        eventually(lambda: "listening on" in daemon.log())
        for pid in (daemon.pid, processes(daemon)["0"]):
            kinds = Path(f"/proc/{pid}/net/unix").read_text(encoding="ascii").splitlines()
            packets = {line.split()[6] for line in kinds[1:] if line.split()[4] == "0005"}
            links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()]
            assert not {f"socket:[{inode}]" for inode in packets} & set(links)


def readable(clients: Sequence[socket.socket]) -> list[socket.socket]:
    """
    Those for whom something has come.
    """
    found, _, _ = select.select(clients, [], [], 0)
    return found


class Waiting:
    """
    Clients of a daemon with two workers, of whom some wait in the inbox of the first, and some at
    its socket.
    """

    def __init__(self, daemon: Daemon) -> None:
        self.stack = ExitStack()
        self.clients = [self.stack.enter_context(ask(daemon)) for _ in range(COUNT)]
        eventually(lambda: numbers(daemon).coming[0] >= 2)
        time.sleep(0.2)

    def end(self) -> None:
        """
        All are answered.
        """
        with self.stack:
            assert [answered(client) for client in self.clients] == [200] * len(self.clients)


class EndTests:
    """
    What lies in an inbox outlives its worker.
    """

    def test_killed(self, several: Daemon) -> None:
        """
        When a worker is killed all are answered whom others have handed over to it.
        """
        with stopped(several) as pid:
            waiting = Waiting(several)
            os.kill(pid, signal.SIGKILL)
        waiting.end()
        eventually(lambda: several.log().count("worker 0 (process") == 2)
        idle(several, 2)

    def test_all_killed(self, several: Daemon) -> None:
        """
        When all are killed the successors answer.
        """
        with stopped(several) as pid:
            waiting = Waiting(several)
            ready = readable(waiting.clients)
            assert len(ready) == numbers(several).counts[1] < COUNT
            for each in (processes(several)["1"], pid):
                os.kill(each, signal.SIGKILL)
        for client in ready:
            client.close()
            waiting.clients.remove(client)
        waiting.end()
        idle(several, 2)

    def test_asked_to_end(self, several: Daemon) -> None:
        """
        A worker that is asked to end leaves nobody waiting.
        """
        with stopped(several) as pid:
            waiting = Waiting(several)
            os.kill(pid, signal.SIGTERM)
        waiting.end()
        eventually(lambda: processes(several)["0"] != pid)
        eventually(lambda: numbers(several).counts[0] != ABSENT)

    def test_all_end(self, several: Daemon) -> None:
        """
        Nor does the end of all.
        """
        with stopped(several):
            waiting = Waiting(several)
            os.kill(several.pid, signal.SIGTERM)
            time.sleep(0.2)
        waiting.end()
        assert several.process is not None
        several.process.wait(20)

    def test_comes_back(self, several: Daemon) -> None:
        """
        A worker that is slow to come round to them serves them then.
        """
        with stopped(several):
            waiting = Waiting(several)
        waiting.end()
        idle(several, 2)

    def test_client_gone(self, several: Daemon) -> None:
        """
        Clients who have gone meanwhile are no trouble.
        """
        with stopped(several):
            waiting = Waiting(several)
            for client in waiting.clients[::2]:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            del waiting.clients[::2]
        waiting.end()
        idle(several, 2)
