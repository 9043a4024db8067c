"""
The daemon ends, or doesn't even begin: transfers may end within the time that they have, what
was begun is kept, and what is wrong is said in one line.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.client import Answer, Client, ConnectionBroken, Remote
from tests.proofs.content import MIB, Content

CONTENT = Content(13, 2 * MIB)
TRANSFER = 1.5
SOON = 5.0

#: How a process ends that was asked to: twistd, having done all, lets the signal end it.
ENDED = (0, -signal.SIGTERM)


def slowly(content: Content, seconds: float) -> Iterator[memoryview]:
    """
    The bytes of a content, spread over a time.
    """
    pieces = list(content.pieces())
    for piece in pieces:
        yield piece
        time.sleep(seconds / len(pieces))


class ShutdownTests:
    """
    SIGTERM while something is under way.
    """

    def transfer(self, daemon: Daemon) -> tuple[list[Answer | None], float, int]:
        """
        Ask the daemon to end in the middle of a push.

        :return: the answer to the push, if one came; how many seconds the daemon was there for;
            its exit status.
        """
        answers: list[Answer | None] = []
        with Client(daemon.host) as client:
            remote = Remote(client, "shut/down")
            location = remote.start()

            def push() -> None:
                body = slowly(CONTENT, TRANSFER)
                target = f"{location}?digest={CONTENT.digest}"
                try:
                    answers.append(client.request("PUT", target, body=body, length=CONTENT.size))
                except ConnectionBroken:
                    answers.append(None)

            thread = threading.Thread(target=push)
            thread.start()
            time.sleep(TRANSFER / 4)
            began = time.monotonic()
            status = daemon.terminate(TRANSFER + 2 * SOON)
            seconds = time.monotonic() - began
            thread.join()
        return answers, seconds, status

    def test_draining(self, make_daemon: MakeDaemon) -> None:
        """
        With a drain time transfers come to their end, and are acknowledged; then the daemon
        ends at once.
        """
        daemon = make_daemon(configuration={"http": {"draintimeout": "30s"}})
        (answer,), seconds, status = self.transfer(daemon)
        assert answer is not None
        assert answer.status == 201
        assert TRANSFER / 2 < seconds < TRANSFER + SOON
        assert status in ENDED
        daemon.start()
        with Client(daemon.host) as client:
            assert Remote(client, "shut/down").pull(CONTENT.digest) == (200, CONTENT.digest)

    def test_drain_time_ends(self, make_daemon: MakeDaemon) -> None:
        """
        Transfers that take longer than the drain time are dropped.
        """
        daemon = make_daemon(configuration={"http": {"draintimeout": "300ms"}})
        (answer,), seconds, status = self.transfer(daemon)
        assert answer is None
        assert seconds < TRANSFER / 2 + SOON
        assert status in ENDED

    def test_no_drain_time(self, daemon: Daemon) -> None:
        """
        Without a drain time transfers are dropped at once; the upload is there after a restart,
        and goes on where it was.
        """
        (answer,), seconds, status = self.transfer(daemon)
        assert answer is None
        assert seconds < SOON
        assert status in ENDED

    def test_no_new_connections(self, make_daemon: MakeDaemon) -> None:
        """
        While it drains, the daemon takes no new connections.
        """
        daemon = make_daemon(configuration={"http": {"draintimeout": "20s"}})
        with Client(daemon.host) as client, Client(daemon.host) as idle:
            idle.request("GET", "/v2/").expect(200)
            location = Remote(client, "shut/down").start()
            connection, _ = client.connect()
            start = f"PATCH {location} HTTP/1.1\r\nHost: {daemon.host}\r\nContent-Length: 5\r\n\r\n"
            connection.sendall(start.encode() + b"he")
            time.sleep(0.3)
            os.kill(daemon.pid, signal.SIGTERM)
            time.sleep(0.5)
            with pytest.raises(OSError):  # noqa: PT011 - whatever the kernel says
                socket.create_connection(("127.0.0.1", daemon.port), SOON).close()
            connection.sendall(b"llo")
            response = connection.recv(65536)
            assert response.startswith(b"HTTP/1.1 202"), response
            assert b"connection: close" in response.lower()
        assert daemon.process is not None
        assert daemon.process.wait(SOON) in ENDED

    def test_restart_keeps_uploads(self, daemon: Daemon) -> None:
        """
        An unfinished upload goes on after a restart, at its old URL.
        """
        with Client(daemon.host) as client:
            remote = Remote(client, "shut/down")
            location = remote.append(remote.start(), CONTENT, 0, MIB).expect(202).location
        daemon.restart()
        with Client(daemon.host) as client:
            remote = Remote(client, "shut/down")
            assert client.request("GET", location).expect(204).offset == MIB
            remote.commit(location, CONTENT, MIB).expect(201)
            assert remote.pull(CONTENT.digest) == (200, CONTENT.digest)


def twistd(daemon: Daemon) -> list[str]:
    """
    Start it as a plug-in of twistd.
    """
    return daemon.command()


def serve(daemon: Daemon) -> list[str]:
    """
    Start it by its own command.
    """
    program = str(Path(sys.executable).with_name("txregistry"))
    return [program, "serve", str(daemon.configuration_path)]


@pytest.mark.parametrize("way", [twistd, serve])
class RefusedStartTests:
    """
    A daemon that can't start.
    """

    def failure(self, daemon: Daemon, way: Callable[[Daemon], list[str]]) -> str:
        """
        Start a daemon that must end by itself.

        :return: what it wrote: one line.
        """
        if not daemon.directory.exists():
            daemon.directory.mkdir()
            daemon.configuration_path.write_text(yaml.safe_dump(daemon.configuration))
        done = subprocess.run(
            way(daemon),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=daemon.directory,
        )
        assert done.returncode not in (0, -signal.SIGKILL), done
        output = done.stdout + done.stderr
        assert "Traceback" not in output, output
        lines = [line for line in output.splitlines() if line.strip()]
        assert len(lines) == 1, output
        return lines[0]

    def test_port_taken(self, make_daemon: MakeDaemon, way: Callable[[Daemon], list[str]]) -> None:
        """
        A port that somebody has is named.
        """
        daemon = make_daemon(start=False)
        with socket.socket() as other:
            other.bind(("127.0.0.1", daemon.port))
            other.listen()
            line = self.failure(daemon, way)
        assert str(daemon.port) in line
        assert re.search("in use", line)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"http": {"addr": "nonsense"}}, ["http.addr"]),
            ({"http": {"draintimeout": "soon"}}, ["http.draintimeout"]),
            ({"storage": {"delete": {"enabled": "perhaps"}}}, ["storage.delete.enabled"]),
            ({"storage": {"s4": {}}}, ["storage", "s4"]),
            ({"log": {"level": "loud"}}, ["log.level"]),
            ({"version": 9.9}, ["version", "9.9"]),
        ],
        ids=lambda value: " ".join(value) if isinstance(value, list) else "",
    )
    def test_bad_key(
        self,
        make_daemon: MakeDaemon,
        way: Callable[[Daemon], list[str]],
        changes: dict[str, Any],
        words: list[str],
    ) -> None:
        """
        A setting that can't be is named.
        """
        daemon = make_daemon(start=False, configuration=changes)
        line = self.failure(daemon, way)
        assert all(word in line for word in words), line

    def test_no_yaml(self, make_daemon: MakeDaemon, way: Callable[[Daemon], list[str]]) -> None:
        """
        A configuration that can't be read is named, with the line.
        """
        daemon = make_daemon(start=False)
        daemon.directory.mkdir()
        daemon.configuration_path.write_text("version: 0.1\nstorage: [\n")
        line = self.failure(daemon, way)
        assert str(daemon.configuration_path) in line
        assert re.search(r"\b[23]\b", line.replace(str(daemon.configuration_path), ""))

    def test_unwritable_directory(
        self, make_daemon: MakeDaemon, way: Callable[[Daemon], list[str]], tmp_path: Path
    ) -> None:
        """
        A storage directory that can't be written is named.
        """
        file = tmp_path / "file"
        file.write_text("no directory")
        daemon = make_daemon(start=False, root=file / "storage")
        assert str(file / "storage") in self.failure(daemon, way)
