"""
A real daemon for tests: ``twistd txregistry`` in a process of its own.

Tests take it from the fixtures ``daemon`` and ``make_daemon``, which end it and look through
its log afterwards.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

START_SECONDS = 30.0
STOP_SECONDS = 30.0

#: How many workers daemons have whose tests don't say.  Every test holds with several too, but for
#: those that look at the process.
WORKERS = int(os.environ.get("TXREGISTRY_WORKERS", "1"))

#: What must not be in the log of a daemon that is well.
TROUBLE = re.compile(r"Traceback \(most recent call last\)|Unhandled|Unexpected error in main loop")


class DaemonFailed(Exception):
    """
    The daemon didn't start, or ended before its time.

    :param log: what it wrote.
    """

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"{what}; its log:\n{log}")
        self.log = log


def free_port() -> int:
    """
    Ask the kernel for a TCP port of the loopback address that nobody has.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """
    Lay one configuration over another.

    :param changes: sections are merged, everything else replaces; ``None`` takes a key out.
    """
    result = dict(base)
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


class Daemon:
    """
    One registry on a port that the kernel chose, with a storage directory of its own.

    It isn't started yet when it is made.  The configuration may be changed between a stop and
    a start; the port and the directories stay.

    :param directory: for its configuration, its log and, unless ``root`` is given, its storage.
    :param configuration: laid over the base (see :func:`merged`): a filesystem storage that
        allows deletes, and an address.
    :param environment: variables for it, beside ours without the ``REGISTRY_`` ones.
    :param root: the storage directory.
    :param wrapper: a program and arguments to run it under, such as ``strace -f -o file``.
    :ivar tolerant: whether its log may have tracebacks in it.
    """

    def __init__(
        self,
        directory: Path,
        *,
        configuration: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        root: Path | None = None,
        wrapper: Sequence[str] = (),
    ) -> None:
        self.directory = directory
        self.root = root or directory / "storage"
        self.log_path = directory / "daemon.log"
        self.configuration_path = directory / "config.yml"
        self.port = free_port()
        self.environment = dict(environment or {})
        self.wrapper = tuple(wrapper)
        self.tolerant = False
        self.process: subprocess.Popen[bytes] | None = None
        self.configuration = merged(self._base(), configuration or {})

    def _base(self) -> dict[str, Any]:
        return {
            "version": 0.1,
            "log": {"level": "info"},
            "storage": {
                "filesystem": {"rootdirectory": str(self.root)},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"127.0.0.1:{self.port}"},
            "workers": WORKERS,
        }

    @property
    def host(self) -> str:
        """
        What clients call it: host and port, without a scheme.
        """
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """
        Its address, without a slash at the end.
        """
        return f"http://{self.host}"

    @property
    def pid(self) -> int:
        """
        The process id; with a wrapper, the wrapper's.
        """
        return self._running().pid

    @property
    def alive(self) -> bool:
        """
        Whether the process is there.
        """
        return self.process is not None and self.process.poll() is None

    def log(self) -> str:
        """
        All that it wrote since it was first started.
        """
        if not self.log_path.exists():
            return ""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def troubles(self) -> list[str]:
        """
        The lines of the log that must not be there.
        """
        return [line for line in self.log().splitlines() if TROUBLE.search(line)]

    def command(self) -> list[str]:
        """
        How it is started.
        """
        twistd = str(Path(sys.executable).with_name("twistd"))
        options = ["--nodaemon", "--pidfile="]
        config = ["--config", str(self.configuration_path)]
        return [*self.wrapper, twistd, *options, "txregistry", *config]

    def start(self, *, wait: bool = True) -> Daemon:
        """
        Write the configuration and start the process.

        :param wait: return when it answers; else at once, see :meth:`wait_ready`.
        :raises DaemonFailed: it ended instead, or didn't answer in time.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(self.configuration, sort_keys=False)
        self.configuration_path.write_text(text, encoding="utf-8")
        ours = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                cwd=self.directory,
                env={**ours, "PYTHONUNBUFFERED": "1", **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """
        Wait until it answers ``GET /v2/``.

        :raises DaemonFailed: it ended instead, or didn't answer in time.
        """
        deadline = time.monotonic() + seconds
        while not self._answers():
            if not self.alive:
                raise DaemonFailed("the daemon ended while starting", self.log())
            if time.monotonic() > deadline:
                self.kill()
                raise DaemonFailed(f"no answer within {seconds} seconds", self.log())
            time.sleep(0.05)

    def _answers(self) -> bool:
        prefix = str(self.configuration["http"].get("prefix", "/"))
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", prefix.rstrip("/") + "/v2/")
            return connection.getresponse().status in (200, 401)
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def terminate(self, seconds: float = STOP_SECONDS) -> int:
        """
        Ask it to end (SIGTERM), and wait for that.

        :return: the exit status: -15, for twistd ends by the signal that it was sent.
        :raises DaemonFailed: it was still there after so many seconds, and was killed.
        """
        process = self._running()
        if self.wrapper:
            self._signal_all(signal.SIGTERM)
        else:
            process.terminate()
        try:
            status = process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise DaemonFailed(f"still there {seconds} s after SIGTERM", self.log()) from None
        self.process = None
        return status

    def kill(self) -> None:
        """
        End it and its children at once (SIGKILL).
        """
        process = self._running()
        self._signal_all(signal.SIGKILL)
        process.wait()
        self.process = None

    def restart(self) -> None:
        """
        Terminate it if it runs, and start it again.
        """
        if self.alive:
            self.terminate()
        self.start()

    def stop(self) -> None:
        """
        Terminate it, if it is there at all.
        """
        if self.alive:
            self.terminate()

    def peak_memory(self) -> int:
        """
        The most memory that the process ever had resident, in bytes.
        """
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status, re.MULTILINE)
        assert found is not None, status
        return int(found[1]) * 1024

    def reset_peak_memory(self) -> None:
        """
        Begin to measure :meth:`peak_memory` anew.
        """
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")

    def remove(self) -> None:
        """
        Remove what it stored.
        """
        shutil.rmtree(self.root, ignore_errors=True)

    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None, "the daemon isn't running"
        return self.process

    def _signal_all(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._running().pid, number)
