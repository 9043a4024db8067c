"""
Connections that workers hand over to each other, for real.
"""
# Most of Twisted's services has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import io
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import attrs
import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.client import answer_from
from tests.workers.kit import eventually, processes, run_directories, state
from txregistry import configuration
from txregistry.configuration import TCPAddress
from txregistry.service.daemon import RegistryService, build_service
from txregistry.web.inboxes import Ends
from txregistry.web.shares import ABSENT
from txregistry.workers.rundir import RunDirectory
from txregistry.workers.sockets import open_inboxes, open_sockets

REACTOR: Any = reactor
ANYWHERE = TCPAddress("127.0.0.1", 0)

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

        def come() -> bool:
            time.sleep(0.05)
            if numbers(daemon).coming[0] >= 2:
                return True
            # By chance most have come to the first one's socket, and wait there.
            self.clients.append(self.stack.enter_context(ask(daemon)))
            return False

        eventually(come)
        time.sleep(0.2)

    def end(self) -> None:
        """
        All are answered.
        """
        with self.stack:
            assert [answered(client) for client in self.clients] == [200] * len(self.clients)


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """
    One in this process.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in open_sockets(ANYWHERE, 2)]
        inboxes = open_inboxes(2)
        for ends in inboxes:
            for end in ends:
                stack.enter_context(end)
        context = RunDirectory({"XDG_RUNTIME_DIR": str(tmp_path)}, 2).context(0)
        service = build_service(
            REACTOR,
            configuration.parse("version: 0.1\nstorage: {inmemory: {}}\n", {}),
            {},
            io.StringIO(),
            io.StringIO(),
            descriptor=sockets[0].fileno(),
            context=context,
            inboxes=[
                Ends(taking=os.dup(taking.fileno()), giving=os.dup(giving.fileno()))
                for taking, giving in inboxes
            ],
        )
        service.open()
        service.startService()
        yield Worker(service, sockets, [giving for _, giving in inboxes], stack)
        if service.running:
            pytest_twisted.blockon(service.stopService())


@attrs.frozen
class Worker:
    """
    The first of two workers.

    :param giving: the ends of inboxes at which somebody hands over.
    """

    service: RegistryService
    sockets: list[socket.socket]
    giving: list[socket.socket]
    stack: ExitStack

    def hand_over(self, index: int) -> socket.socket:
        """
        Put somebody into an inbox who has asked already: his end.
        """
        with socket.create_server(("127.0.0.1", 0)) as door:
            client = self.stack.enter_context(socket.create_connection(door.getsockname()))
            client.setblocking(False)
            client.sendall(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
            with door.accept()[0] as accepted:
                socket.send_fds(self.giving[index], [b"\0"], [accepted.fileno()])
        return client


async def becomes_answered(client: socket.socket) -> None:
    """
    Something comes within a few turns of the reactor.
    """
    for _ in range(100):
        if readable([client]):
            break
        await deferLater(REACTOR, 0.01)
    assert client.recv(12) == b"HTTP/1.1 200"


class WorkerTests:
    """
    A worker and inboxes.
    """

    async def test_own(self, worker: Worker) -> None:
        """
        It serves those in its own.
        """
        await becomes_answered(worker.hand_over(0))

    async def test_last_look(self, worker: Worker) -> None:
        """
        When it is told to end it looks once more; who is there is answered.
        """
        client = worker.hand_over(0)
        stopping = worker.service.stopService()
        left = worker.hand_over(0)
        await stopping
        assert client.recv(12) == b"HTTP/1.1 200"
        assert not readable([left])

    async def test_covered(self, worker: Worker) -> None:
        """
        While another is missing it serves those in that one's too, and then leaves them to the
        successor.
        """
        client = worker.hand_over(1)
        await deferLater(REACTOR, 0.05)
        assert not readable([client])
        for _ in range(2):
            worker.service.listening.listen_also(1, worker.sockets[1].fileno())
            await becomes_answered(client)
            gone = worker.service.listening.no_longer(1)
            client = worker.hand_over(1)
            await gone
            await deferLater(REACTOR, 0.05)
            assert not readable([client])

    async def test_covered_at_once_again(self, worker: Worker) -> None:
        """
        One that is missing again at once is covered again.
        """
        descriptor = worker.sockets[1].fileno()
        worker.service.listening.listen_also(1, descriptor)
        gone = worker.service.listening.no_longer(1)
        worker.service.listening.listen_also(1, descriptor)
        await gone
        await becomes_answered(worker.hand_over(1))


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
        Nor does the end of all: only who was not accepted yet by anybody may have to come again.
        """
        with stopped(several):
            waiting = Waiting(several)
            seen = numbers(several)
            os.kill(several.pid, signal.SIGTERM)
            time.sleep(0.2)
        served = 0
        with waiting.stack:
            for client in waiting.clients:
                with suppress(ConnectionResetError):
                    served += answered(client) == 200
        assert served >= seen.counts[1] + seen.coming[0]
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
