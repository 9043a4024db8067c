"""
Sockets of all kinds, with one worker and with several.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon, free_port
from tests.proofs.client import answer_from
from tests.workers.kit import eventually, processes

SERVING = 20
"""Connections that are open at once."""

SLACK = 0.3
"""The difference between shares, where the machine is busy with other things."""


def ask(address: Any, family: int) -> socket.socket:
    """
    Connect, and ask for something; what comes is read later.
    """
    connection = socket.socket(family, socket.SOCK_STREAM)
    connection.settimeout(20)
    connection.connect(address)
    connection.sendall(b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n")
    return connection


def answered(connection: socket.socket) -> int:
    """
    The status of the answer.
    """
    with connection.makefile("rb") as stream:
        return answer_from(stream).status


def served(daemon: Daemon) -> Counter[str]:
    """
    How many requests each worker has answered, as the log says.
    """
    lines = [line for line in daemon.log().splitlines() if '"response completed"' in line]
    return Counter(line.rpartition("worker=")[2] for line in lines)


@contextmanager
def connections(address: Any, family: int, count: int = SERVING) -> Iterator[None]:
    """
    Some clients, all of them served.
    """
    with ExitStack() as clients:
        for _ in range(count):
            assert answered(clients.enter_context(ask(address, family))) == 200
        yield


def unix(path: Path) -> dict[str, Any]:
    """
    The configuration of a daemon on a unix socket.
    """
    return {"http": {"addr": str(path), "net": "unix"}}


class UnixTests:
    """
    A unix socket, which there can be only one of.
    """

    def start(self, daemon: Daemon, path: Path) -> None:
        """
        Start it, and wait until it listens.
        """
        before = daemon.log().count("listening on")
        daemon.start(wait=False)
        eventually(lambda: daemon.log().count("listening on") > before)
        assert stat.S_IMODE(path.stat().st_mode) == 0o666

    def shares(self, daemon: Daemon, path: Path, count: int) -> Counter[str]:
        """
        How many of so many connections each worker gets.
        """
        before = served(daemon)
        with connections(str(path), socket.AF_UNIX, count):
            eventually(lambda: (served(daemon) - before).total() == count)
        return served(daemon) - before

    def test_shared(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        All workers accept from it, and each has its share, however many connections there are.
        """
        path = tmp_path / "socket"
        daemon = make_several(start=False, configuration=unix(path))
        self.start(daemon, path)
        for count in (2, 3, SERVING):
            shares = self.shares(daemon, path, count)
            assert abs(shares["0"] - shares["1"]) <= max(1, SLACK * count), count
        daemon.terminate()
        assert not path.exists()

    def test_left_behind(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        The file that a killed daemon left is replaced; one on which somebody listens is not.
        """
        path = tmp_path / "socket"
        daemon = make_several(start=False, configuration=unix(path))
        self.start(daemon, path)
        second = make_several(start=False, configuration=unix(path)).start(wait=False)
        assert second.process is not None
        assert second.process.wait(20) == 1
        assert second.log() == f"txregistry: can't listen on {path}: {os.strerror(98)}\n"
        daemon.kill()
        assert path.exists()
        self.start(daemon, path)
        with connections(str(path), socket.AF_UNIX, 1):
            pass

    def test_stopped_worker(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        A worker that doesn't come round to accepting keeps nobody waiting.
        """
        path = tmp_path / "socket"
        daemon = make_several(start=False, configuration=unix(path))
        self.start(daemon, path)
        pid = processes(daemon)["0"]
        os.kill(pid, 19)
        with connections(str(path), socket.AF_UNIX):
            pass
        os.kill(pid, 18)

    def test_killed_worker(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        Nor does one that is replaced, and its successor gets its share.
        """
        path = tmp_path / "socket"
        daemon = make_several(start=False, configuration=unix(path))
        self.start(daemon, path)
        os.kill(processes(daemon)["0"], 9)
        with connections(str(path), socket.AF_UNIX):
            pass
        eventually(lambda: daemon.log().count("worker 0 (process") == 2)
        shares = self.shares(daemon, path, SERVING)
        assert abs(shares["0"] - shares["1"]) <= SLACK * SERVING


class InternetTests:
    """
    TCP by its two kinds of addresses.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    def test_ipv6(self, make_several: MakeDaemon, workers: int) -> None:
        """
        An IPv6 address is listened on.
        """
        port = free_port()
        http = {"addr": f"[::1]:{port}"}
        daemon = make_several(start=False, configuration={"http": http, "workers": workers})
        daemon.start(wait=False)
        eventually(lambda: f"listening on [::1]:{port}" in daemon.log())
        with connections(("::1", port), socket.AF_INET6):
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    def test_all_interfaces(self, make_several: MakeDaemon) -> None:
        """
        Without a host both kinds are, on all sockets; a client by IPv4 has an IPv4 address.
        """
        port = free_port()
        daemon = make_several(start=False, configuration={"http": {"addr": f":{port}"}})
        daemon.start(wait=False)
        eventually(lambda: "listening on" in daemon.log())
        with (
            connections(("::1", port), socket.AF_INET6),
            connections(("127.0.0.1", port), socket.AF_INET),
        ):
            pass
        assert "remoteaddr=127.0.0.1" in daemon.log()
        assert "::ffff:" not in daemon.log()

    def test_any_port(self, make_several: MakeDaemon) -> None:
        """
        Where the system chooses the port, it is the same for all workers, and is told.
        """
        daemon = make_several(
            start=False, configuration={"http": {"addr": "127.0.0.1:0"}, "workers": 3}
        )
        daemon.start(wait=False)
        eventually(lambda: "listening on" in daemon.log())
        port = int(daemon.log().partition("listening on 127.0.0.1:")[2].split()[0])
        with connections(("127.0.0.1", port), socket.AF_INET, 60):
            pass
        eventually(lambda: served(daemon).keys() == {"0", "1", "2"})


def activated(daemon: Daemon, *options: str) -> None:
    """
    Start a daemon by systemd's own program, which makes the sockets.
    """
    program = shutil.which("systemd-socket-activate")
    if program is None:
        pytest.skip("component: systemd-socket-activate (not there)")
    path = f"PATH={os.environ['PATH']}"
    daemon.wrapper = (program, *options, "-E", path, "-E", "PYTHONUNBUFFERED=1")
    daemon.start(wait=False)


class ActivationTests:
    """
    A socket that systemd has made.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    @pytest.mark.parametrize("net", ["tcp", "unix"])
    def test_activated(
        self, make_several: MakeDaemon, tmp_path: Path, workers: int, net: str
    ) -> None:
        """
        It is used, and what is configured isn't.
        """
        daemon = make_several(start=False, configuration={"workers": workers})
        path, port = tmp_path / "socket", free_port()
        address: Any = ("127.0.0.1", port) if net == "tcp" else str(path)
        family = socket.AF_INET if net == "tcp" else socket.AF_UNIX
        activated(daemon, "-l", f"127.0.0.1:{port}" if net == "tcp" else str(path))
        eventually(lambda: "Listening on" in daemon.log())
        with connections(address, family, 1):  # this is what starts it
            pass
        eventually(lambda: "listening on" in daemon.log())
        with connections(address, family, SERVING):
            eventually(lambda: served(daemon).total() == SERVING + 1)
        if workers == 2:
            assert abs(served(daemon)["0"] - served(daemon)["1"]) <= SLACK * SERVING
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", daemon.port))

    @pytest.mark.parametrize("workers", [1, 2])
    def test_two_sockets(self, make_several: MakeDaemon, workers: int) -> None:
        """
        More sockets than one are refused.
        """
        daemon = make_several(start=False, configuration={"workers": workers})
        ports = free_port(), free_port()
        activated(daemon, "-l", str(ports[0]), "-l", str(ports[1]))
        eventually(lambda: "Listening on" in daemon.log())
        socket.create_connection(("127.0.0.1", ports[0]), 5).close()
        assert daemon.process is not None
        assert daemon.process.wait(20) == 1
        assert "txregistry: LISTEN_FDS=2: there must be exactly one socket" in daemon.log()

    def test_datagrams(self, make_several: MakeDaemon) -> None:
        """
        So is one that isn't for connections.
        """
        daemon = make_several(start=False)
        port = free_port()
        activated(daemon, "-d", "-l", str(port))
        eventually(lambda: "Listening on" in daemon.log())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("127.0.0.1", port))
        assert daemon.process is not None
        assert daemon.process.wait(20) == 1
        assert "no stream socket that listens" in daemon.log()

    def test_of_somebody_else(self, make_several: MakeDaemon) -> None:
        """
        What was meant for another process is ignored.
        """
        daemon = make_several(start=False)
        daemon.environment.update(LISTEN_PID="1", LISTEN_FDS="2")
        daemon.start()


class LogTests:
    """
    The logs of several processes.
    """

    def test_whole_lines(self, make_several: MakeDaemon) -> None:
        """
        Each line is whole, and says which worker wrote it.
        """
        daemon = make_several(
            configuration={"log": {"formatter": "json", "accesslog": {"disabled": True}}}
        )
        self.read_while_written(daemon)

    def test_pipe(self, make_several: MakeDaemon) -> None:
        """
        The same is true where the logs go into a pipe.
        """
        daemon = make_several(
            start=False,
            configuration={"log": {"formatter": "json", "accesslog": {"disabled": True}}},
        )
        daemon.wrapper = ("sh", "-c", '"$@" 2>&1 | cat', "sh")
        daemon.start()
        self.read_while_written(daemon)

    def read_while_written(self, daemon: Daemon) -> None:
        """
        Let both workers write at once.
        """
        long = "x" * 700
        clients = [socket.create_connection(("127.0.0.1", daemon.port), 20) for _ in range(20)]
        for client in clients:
            client.sendall(f"GET /v2/?{long} HTTP/1.1\r\nHost: a\r\n\r\n".encode() * 50)
        eventually(lambda: daemon.log().count(long) == 1000)
        for client in clients:
            client.close()
        lines = [json.loads(line) for line in daemon.log().splitlines()]
        told = Counter(line.get("worker") for line in lines if long in line.get(URI, ""))
        assert told.keys() == {"0", "1"}

    def test_log_file(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        twistd's log file has the logs of all processes.
        """
        daemon = make_several(start=False)
        file = tmp_path / "log"
        daemon.start(wait=False)
        daemon.terminate()
        command = daemon.command()
        command[1:1] = ["--logfile", str(file)]
        process = subprocess.Popen(command, cwd=daemon.directory)
        try:
            daemon.process = process
            daemon.wait_ready()
            with connections(("127.0.0.1", daemon.port), socket.AF_INET, 20):
                pass
            eventually(lambda: file.read_text().count('"GET /v2/ HTTP/1.1" 200') >= 20)
            assert {"worker=0", "worker=1"} <= set(file.read_text().split())
            assert "worker 0 (process" in file.read_text()
        finally:
            daemon.terminate()

    def test_daemonized(self, make_several: MakeDaemon, tmp_path: Path) -> None:
        """
        twistd leaves the terminal when the workers serve.
        """
        daemon = make_several(start=False)
        daemon.start(wait=False)
        daemon.terminate()
        program, config = daemon.command()[0], daemon.command()[-1]
        pid_file = tmp_path / "pid"
        command = [program, "--logfile", str(tmp_path / "log"), "--pidfile", str(pid_file)]
        subprocess.run([*command, "txregistry", config], check=True, cwd=tmp_path, timeout=60)
        with connections(("127.0.0.1", daemon.port), socket.AF_INET, 1):
            pass
        os.kill(int(pid_file.read_text()), 15)
        eventually(lambda: not pid_file.exists())


URI = "http.request.uri"
