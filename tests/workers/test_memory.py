"""
What several workers cost.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.workers.kit import eventually, processes

MIB = 1024 * 1024


def proportional(pid: int) -> int:
    """
    The memory of a process, of what it shares with others its part, in bytes.
    """
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    found = re.search(r"^Pss:\s+(\d+) kB$", rollup, re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


class SupervisorTests:
    """
    The supervisor is small.
    """

    def test_imports(self) -> None:
        """
        It has no web server in its memory, nor the rules of storage.
        """
        script = (
            "import sys, txregistry.cli, txregistry.tap, txregistry.workers.supervisor\n"
            "print(*sys.modules)"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], capture_output=True, text=True, check=True
        )
        loaded = set(done.stdout.split())
        heavy = {
            "klein",
            "treq",
            "werkzeug",
            "httptools",
            "twisted.web",
            "twisted.internet.reactor",
        }
        assert not loaded & heavy
        rooms = {name for name in loaded if re.match(r"txregistry\.(storage|drivers|web)\.", name)}
        assert rooms <= {"txregistry.web.shares", "txregistry.web.sockets"}

    def test_memory(self, several: Daemon, figure: Callable[[str, object], None]) -> None:
        """
        All processes together take less than so many alone.
        """
        eventually(lambda: len(processes(several)) == 3)
        time.sleep(0.5)
        parts = {"supervisor": proportional(several.pid)}
        parts.update((name, proportional(pid)) for name, pid in processes(several).items())
        told = ", ".join(f"{name} {size / MIB:.0f}" for name, size in parts.items())
        figure("memory of two workers and what they need (PSS, MiB)", told)
        assert sum(parts.values()) < 250 * MIB


class StartTests:
    """
    The beginning is quick.
    """

    def test_seconds(self, make_several: MakeDaemon, figure: Callable[[str, object], None]) -> None:
        """
        Measures how long it takes to the first answer.  What else the machine does counts too, so
        that the limit is far away.
        """
        for workers in (1, 2):
            daemon = make_several(start=False, configuration={"workers": workers})
            seconds = []
            for _ in range(3):
                began = time.monotonic()
                daemon.start()
                seconds.append(time.monotonic() - began)
                daemon.terminate()
            figure(f"seconds to the first answer, workers: {workers}", f"{min(seconds):.2f}")
            assert min(seconds) < 10


def without_epoll(pid: int) -> bool:
    """
    Whether a process has no epoll descriptor.
    """
    links = [os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()]
    return not any("eventpoll" in link for link in links)


class ReactorTests:
    """
    The reactor that twistd is told to use.
    """

    def test_chosen(self, make_several: MakeDaemon) -> None:
        """
        Workers use it too.
        """
        daemon = make_several(start=False)
        daemon.start(wait=False)
        daemon.terminate()
        program, *rest = daemon.command()
        daemon.process = subprocess.Popen([program, "--reactor=poll", *rest], cwd=daemon.directory)
        daemon.wait_ready()
        for pid in (daemon.pid, processes(daemon)["0"]):
            # The supervisor waits for the others' start with a selector of its own.
            eventually(partial(without_epoll, pid))
        daemon.terminate()
