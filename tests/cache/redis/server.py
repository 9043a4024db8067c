"""
A real redis-server for tests, and its sentinels.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.daemon import free_port

PATIENCE = 10.0


class RedisServer:
    """
    A server on a port that the kernel chose.

    :param program: redis-server.
    :param directory: for its files.
    :param options: of its configuration file; ``port`` is known.
    :param tls: whether its port speaks TLS.
    """

    def __init__(
        self,
        program: Path,
        directory: Path,
        options: Mapping[str, str] | None = None,
        *,
        tls: bool = False,
        arguments: Sequence[str] = (),
    ) -> None:
        self.program = program
        self.directory = directory
        self.port = free_port()
        self.password = (options or {}).get("requirepass", "")
        self._arguments = tuple(arguments)
        self._tls = tls
        self._options = {
            "bind": "127.0.0.1",
            "dir": str(directory),
            "save": '""',
            "logfile": str(directory / "redis.log"),
            **({"port": "0", "tls-port": str(self.port)} if tls else {"port": str(self.port)}),
            **(options or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> RedisServer:
        """
        Start it, and wait until it listens.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        file = self.directory / "redis.conf"
        lines = [f"{name} {value}" for name, value in self._options.items()]
        if not file.exists():  # a sentinel rewrites its own
            file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self._process = subprocess.Popen(
            [str(self.program), str(file), *self._arguments], stdout=subprocess.DEVNULL
        )
        self.wait()
        return self

    def wait(self) -> None:
        """
        Wait until it listens.
        """
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                assert time.monotonic() < deadline, "redis-server doesn't listen"
                time.sleep(0.02)

    def kill(self) -> None:
        """
        Kill it.
        """
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """
        Let it stand still: it takes connections, and says nothing.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """
        Let it go on.
        """
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def command(self, *words: str) -> bytes:
        """
        Send a command, of a connection of its own.

        :return: the answer, as it came.
        """
        with socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE) as connection:
            connection.settimeout(PATIENCE)
            if self.password:
                _ask(connection, "AUTH", self.password)
            return _ask(connection, *words)


def _ask(connection: socket.socket, *words: str) -> bytes:
    parts = [f"*{len(words)}\r\n"]
    parts += [f"${len(word.encode())}\r\n{word}\r\n" for word in words]
    connection.sendall("".join(parts).encode())
    answer = connection.recv(65536)
    if answer.startswith(b"$") and not answer.startswith(b"$-1"):
        size = int(answer[1 : answer.index(b"\r\n")]) + answer.index(b"\r\n") + 4
        while len(answer) < size:
            answer += connection.recv(65536)
    return answer
