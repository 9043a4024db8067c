"""
Processes that come and go, for real.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon, DaemonFailed
from tests.proofs.client import Client, ConnectionBroken, Remote
from tests.proofs.content import MIB, Content
from tests.workers.kit import (
    clients_of,
    eventually,
    exists,
    processes,
    run_directories,
    state,
    worker_of,
)

CONTENT = Content(7, 2 * MIB)


class StartTests:
    """
    The beginning.
    """

    def test_processes(self, several: Daemon) -> None:
        """
        There is a process for each worker and one for background work, and new connections are
        spread over the workers.
        """
        eventually(lambda: processes(several).keys() == {"0", "1", "background"})
        seen = Counter[str]()
        clients = [Client(several.host) for _ in range(40)]
        for client in clients:
            seen[worker_of(several, client)] += 1
            client.close()
        assert seen.keys() == {"0", "1"}
        assert min(seen.values()) >= 8

    def test_no_background_work(self, make_several: MakeDaemon) -> None:
        """
        Without work in the background there is no process for it.
        """
        purging = {"uploadpurging": {"enabled": False}}
        daemon = make_several(configuration={"storage": {"maintenance": purging}})
        time.sleep(0.5)
        assert processes(daemon).keys() == {"0", "1"}

    def test_second_daemon(self, several: Daemon, make_daemon: MakeDaemon) -> None:
        """
        A second daemon on the port is refused, whether it has one worker or several.
        """
        for workers in (1, 2):
            http = {"addr": several.host}
            with pytest.raises(DaemonFailed) as failed:
                make_daemon(configuration={"http": http, "workers": workers}).start()
            assert failed.value.log == f"txregistry: can't listen on {several.host}: {IN_USE}\n"

    def test_port_taken(self, make_several: MakeDaemon) -> None:
        """
        So is one on a port that somebody else has, even if he would share it.
        """
        daemon = make_several(start=False)
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            other.bind(("127.0.0.1", daemon.port))
            other.listen()
            daemon.start(wait=False)
            assert daemon.process is not None
            assert daemon.process.wait(20) == 1
        assert daemon.log() == f"txregistry: can't listen on {daemon.host}: {IN_USE}\n"

    def test_worker_cannot_start(self, make_several: MakeDaemon) -> None:
        """
        What keeps workers from starting is said once, and ends the daemon.
        """
        daemon = make_several(start=False)
        daemon.root.write_text("no directory")
        daemon.start(wait=False)
        assert daemon.process is not None
        assert daemon.process.wait(20) == 1
        (line,) = daemon.log().splitlines()
        assert str(daemon.root) in line
        assert run_directories(daemon) == []

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
    def test_interrupted(self, make_several: MakeDaemon, number: signal.Signals) -> None:
        """
        One that is told to end while it begins ends, and leaves nothing.
        """
        daemon = make_several(start=False).start(wait=False)
        assert daemon.process is not None
        eventually(lambda: len(processes(daemon)) == 2)
        there = list(processes(daemon).values())
        os.kill(daemon.pid, number)
        assert daemon.process.wait(10) == -number
        eventually(lambda: not any(map(exists, there)))
        assert run_directories(daemon) == []

    def test_nothing_to_share(self, make_several: MakeDaemon) -> None:
        """
        Where what workers share can't be made, it is said why.
        """
        daemon = make_several(start=False)
        place = str(daemon.directory)
        while len(place) < LONGEST_PATH - 10:
            place = f"{place}/{'d' * min(200, LONGEST_PATH - 10 - len(place))}"
        os.makedirs(place)
        daemon.environment["RUNTIME_DIRECTORY"] = place
        with pytest.raises(DaemonFailed) as failed:
            daemon.start()
        (line,) = failed.value.log.splitlines()
        assert line.startswith("txregistry: can't make what workers share: ")
        assert "File name too long" in line

    @pytest.mark.parametrize("size", ["8k", "64k"])
    def test_no_room_to_share(
        self, make_several: MakeDaemon, mount_memory: Callable[[str], Path], size: str
    ) -> None:
        """
        Where there is no room for what workers share, it is said at the start: later it would be
        their end.
        """
        daemon = make_several(start=False)
        place = mount_memory(f"size={size}")
        daemon.environment["RUNTIME_DIRECTORY"] = str(place)
        with pytest.raises(DaemonFailed) as failed:
            daemon.start()
        (line,) = failed.value.log.splitlines()
        assert line.startswith("txregistry: can't make what workers share: ")
        assert "No space left on device" in line
        assert list(place.iterdir()) == []

    def test_storage_of_one_process(self, make_several: MakeDaemon) -> None:
        """
        Storage that processes can't share is refused.
        """
        storage: dict[str, Any] = {"inmemory": {}, "filesystem": None}
        with pytest.raises(DaemonFailed) as failed:
            make_several(configuration={"storage": storage})
        assert "workers: must be 1 with storage.inmemory" in failed.value.log


class EndTests:
    """
    The end of all.
    """

    def test_drain(self, make_several: MakeDaemon) -> None:
        """
        Asked to end, workers finish what clients have begun; then nothing is left.
        """
        daemon = make_several(configuration={"http": {"draintimeout": "20s"}})
        eventually(lambda: len(processes(daemon)) == 3)
        there = [daemon.pid, *processes(daemon).values()]
        with clients_of(daemon) as clients:
            pushes = [Push(client) for client in clients]
            os.kill(daemon.pid, signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(OSError):  # noqa: PT011 - whatever the kernel says
                socket.create_connection(("127.0.0.1", daemon.port), 5).close()
            for push in pushes:
                push.finish()
        assert daemon.process is not None
        assert daemon.process.wait(10) == -signal.SIGTERM
        assert not any(map(exists, there))
        assert run_directories(daemon) == []

    def test_drain_time_ends(self, make_several: MakeDaemon) -> None:
        """
        What takes longer than the drain time is dropped.
        """
        daemon = make_several(configuration={"http": {"draintimeout": "300ms"}})
        with clients_of(daemon) as clients:
            pushes = [Push(client) for client in clients]
            assert daemon.terminate(5) == -signal.SIGTERM
            for push in pushes:
                push.breaks()

    def test_again(self, make_several: MakeDaemon) -> None:
        """
        At the second signal everything ends at once.
        """
        daemon = make_several(configuration={"http": {"draintimeout": "60s"}})
        there = list(processes(daemon).values())
        with clients_of(daemon) as clients:
            push = Push(clients[0])
            os.kill(daemon.pid, signal.SIGINT)
            time.sleep(0.5)
            os.kill(daemon.pid, signal.SIGTERM)
            assert daemon.process is not None
            daemon.process.wait(5)
            push.breaks()
        assert not any(map(exists, there))
        assert run_directories(daemon) == []

    def test_ignored(self, make_several: MakeDaemon) -> None:
        """
        A signal that it was started to ignore, as a shell has its background jobs ignore SIGINT,
        is no first one: what clients have begun is finished after the next.
        """
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            daemon = make_several(configuration={"http": {"draintimeout": "20s"}})
        finally:
            signal.signal(signal.SIGINT, before)
        with clients_of(daemon) as clients:
            push = Push(clients[0])
            os.kill(daemon.pid, signal.SIGINT)
            time.sleep(0.2)
            os.kill(daemon.pid, signal.SIGTERM)
            time.sleep(0.2)
            push.finish()
        assert daemon.process is not None
        assert daemon.process.wait(10) == -signal.SIGTERM

    def test_all_told(self, make_several: MakeDaemon) -> None:
        """
        A signal to the whole group, as from a terminal or from systemd, is no different.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            daemon = make_several(configuration={"http": {"draintimeout": "20s"}})
            with clients_of(daemon) as clients:
                push = Push(clients[1])
                os.killpg(daemon.pid, number)
                time.sleep(0.5)
                push.finish()
            assert daemon.process is not None
            daemon.process.wait(10)

    def test_supervisor_killed(self, make_several: MakeDaemon) -> None:
        """
        When the supervisor is killed, the workers finish what clients have begun, and end.
        """
        daemon = make_several(configuration={"http": {"draintimeout": "20s"}})
        eventually(lambda: len(processes(daemon)) == 3)
        there = list(processes(daemon).values())
        with clients_of(daemon) as clients:
            push = Push(clients[0])
            os.kill(daemon.pid, signal.SIGKILL)
            time.sleep(0.5)
            with pytest.raises(OSError):  # noqa: PT011 - whatever the kernel says
                socket.create_connection(("127.0.0.1", daemon.port), 5).close()
            push.finish()
        eventually(lambda: not any(map(exists, there)))
        assert run_directories(daemon) == []
        assert daemon.process is not None
        daemon.process.wait()
        daemon.start()


class WorkerTests:
    """
    The end of one worker.
    """

    def test_killed(self, several: Daemon) -> None:
        """
        A worker that is killed takes its own connections with it and nobody else's, and is
        replaced; nobody who comes meanwhile has to wait for that.
        """
        before = processes(several)
        with clients_of(several) as (lost, kept):
            os.kill(before["0"], signal.SIGKILL)
            with pytest.raises(ConnectionBroken):
                lost.request("GET", "/v2/")
            slowest = 0.0
            for _ in range(40):
                with Client(several.host) as client:
                    began = time.monotonic()
                    client.request("GET", "/v2/").expect(200)
                    slowest = max(slowest, time.monotonic() - began)
            kept.request("GET", "/v2/").expect(200)
        assert slowest < 1
        eventually(lambda: processes(several).get("0", before["0"]) != before["0"])
        with clients_of(several):
            pass
        assert processes(several)["1"] == before["1"]
        assert "worker 0 was ended by SIGKILL" in several.log()

    def test_waiting_connections(self, several: Daemon) -> None:
        """
        Connections that a worker had not accepted yet when it was killed are answered by another.
        """
        before = processes(several)
        os.kill(before["0"], signal.SIGSTOP)
        eventually(lambda: state(before["0"]) == "T")
        answered = [Pinger(several.host) for _ in range(20)]
        time.sleep(0.5)
        assert any(pinger.thread.is_alive() for pinger in answered)
        os.kill(before["0"], signal.SIGKILL)
        for pinger in answered:
            pinger.thread.join(10)
        assert [pinger.status for pinger in answered] == [200] * 20

    def test_asked_to_end(self, make_several: MakeDaemon) -> None:
        """
        A worker that is asked to end finishes what its clients have begun, while its successor
        takes what comes.
        """
        daemon = make_several(configuration={"http": {"draintimeout": "30s"}})
        before = processes(daemon)
        with clients_of(daemon) as (leaving, _):
            push = Push(leaving)
            os.kill(before["0"], signal.SIGTERM)
            eventually(lambda: "worker 0 (process" in daemon.log() and "is ending" in daemon.log())
            with clients_of(daemon):
                pass
            assert exists(before["0"])
            push.finish()
        eventually(lambda: not exists(before["0"]))

    def test_fails_again_and_again(self, several: Daemon) -> None:
        """
        While a worker can't be replaced the others serve on, whoever comes, and the log says why.
        """
        several.root.rename(several.directory / "elsewhere")
        several.root.write_text("no directory")
        os.kill(processes(several)["0"], signal.SIGKILL)
        eventually(lambda: several.log().count("worker 0 can't serve") >= 3)
        for _ in range(20):
            with Client(several.host, patience=5) as client:
                assert worker_of(several, client) == "1"
        several.root.unlink()
        eventually(lambda: several.log().count("worker 0 (process") == 2)
        with clients_of(several):
            pass

    def test_all_killed(self, several: Daemon) -> None:
        """
        When all are killed at once all are replaced.
        """
        before = processes(several)
        for pid in before.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: "0" in processes(several) and "1" in processes(several))
        with clients_of(several):
            pass
        assert not set(before.values()) & set(processes(several).values())

    def test_configuration_has_changed(self, several: Daemon) -> None:
        """
        A worker's successor has the configuration that the others have, whatever the file says.
        """
        several.configuration_path.write_text("nonsense: [")
        os.kill(processes(several)["0"], signal.SIGKILL)
        eventually(lambda: several.log().count("worker 0 (process") == 2)
        with clients_of(several):
            pass


class Push:
    """
    A push that is half done.
    """

    def __init__(self, client: Client) -> None:
        location = Remote(client, "some/where").start()
        self.connection, self.stream = client.connect()
        head = f"PUT {location}?digest={CONTENT.digest} HTTP/1.1\r\nHost: a\r\n"
        self.connection.sendall(f"{head}Content-Length: {CONTENT.size}\r\n\r\n".encode())
        for piece in CONTENT.pieces(0, MIB):
            self.connection.sendall(piece)
        time.sleep(0.2)

    def finish(self) -> None:
        """
        Send the rest; it is acknowledged.
        """
        for piece in CONTENT.pieces(MIB):
            self.connection.sendall(piece)
        assert self.stream.readline().startswith(b"HTTP/1.1 201")

    def breaks(self) -> None:
        """
        The connection is gone.
        """
        with suppress(ConnectionResetError):
            assert self.stream.read(1) == b""


class Pinger:
    """
    A request in a thread.
    """

    def __init__(self, host: str) -> None:
        self.status = 0
        self.host = host
        self.thread = threading.Thread(target=self.ping)
        self.thread.start()

    def ping(self) -> None:
        """
        Ask.
        """
        with Client(self.host) as client:
            self.status = client.request("GET", "/v2/").status


LONGEST_PATH = 4095

IN_USE = os.strerror(98)
