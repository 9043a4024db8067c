"""
Looking at the processes of a daemon with several workers.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from tests.daemon import Daemon
from tests.proofs.client import Client

PATIENCE = 30.0


def eventually(what: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """
    Wait until something is true.

    :return: what it is then.
    """
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)
    return found


def exists(pid: int) -> bool:
    """
    Whether there is such a process, and it is no zombie.
    """
    return state(pid) not in ("", "Z")


def state(pid: int) -> str:
    """
    The state of a process as ps(1) has it: ``S`` sleeps, ``T`` is stopped; ``""`` isn't there.
    """
    try:
        found = re.search(r"^State:\t(\w)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return found[1] if found else ""


def processes(daemon: Daemon) -> dict[str, int]:
    """
    The processes that the supervisor has started, by what they are called: ``0``, ``1``,
    ``background``.  Of a worker and its successor the later.
    """
    children = Path(f"/proc/{daemon.pid}/task/{daemon.pid}/children").read_text(encoding="ascii")
    found = {}
    for pid in map(int, children.split()):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if "txregistry.workers.worker" in command:
            found[command[-2]] = pid
    return found


def worker_of(daemon: Daemon, client: Client) -> str:
    """
    Which worker a client is connected to, as the log says.
    """
    target = f"/v2/?{uuid4()}"
    client.request("GET", target).expect(200)
    line = re.compile(rf"http\.request\.uri=\S*{re.escape(target[4:])}.* worker=(\w+)")
    found: re.Match[str] = eventually(lambda: line.search(daemon.log()))
    return found[1]


@contextmanager
def clients_of(daemon: Daemon, count: int = 2) -> Iterator[list[Client]]:
    """
    A client of each worker.
    """
    clients: dict[str, Client] = {}

    def come() -> bool:
        client = Client(daemon.host)
        if clients.setdefault(worker_of(daemon, client), client) is not client:
            client.close()
        return len(clients) == count

    try:
        eventually(come)
        yield [clients[str(number)] for number in range(count)]
    finally:
        for client in clients.values():
            client.close()


def run_directories(daemon: Daemon) -> list[str]:
    """
    What is there of directories of runs, which tests let be made in the daemon's own.
    """
    return [name for name in os.listdir(daemon.directory) if name.startswith("txregistry-")]
