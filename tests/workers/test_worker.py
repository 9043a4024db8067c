"""
A process that a supervisor starts, without the supervisor.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from txregistry.service.context import WorkerContext
from txregistry.workers.channel import CHANNEL, FAILED, Order, read_line
from txregistry.workers.process import MODULE

COMMAND = [sys.executable, "-P", "-m", MODULE, "0"]

MOVE = f"""
import os, sys
os.dup2(int(sys.argv[1]), {CHANNEL})
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def order(tmp_path: Path) -> Order:
    """
    One that can't be carried out.
    """
    run = tmp_path / "run"
    run.mkdir()
    context = WorkerContext(
        index=0,
        count=1,
        run_directory=str(run),
        epochs_path=str(run / "epochs"),
        shares_path=str(run / "shares"),
    )
    text = "version: 7"
    return Order(text=text, source="x", reactor="", sockets=0, inboxes=0, context=context)


def start(channel: socket.socket) -> subprocess.Popen[bytes]:
    """
    Start one at the other end of a channel.
    """
    return subprocess.Popen(
        [sys.executable, "-c", MOVE, str(channel.fileno()), *COMMAND],
        pass_fds=[channel.fileno()],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


class FailureTests:
    """
    A process that can't do what it is for.
    """

    def test_supervisor_is_there(self, order: Order) -> None:
        """
        It says why, and leaves the directory of the run to the supervisor.
        """
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = start(theirs)
            ours.sendall(order.encode())
            word, why = json.loads(read_line(ours))
            assert process.wait(20) == 1
        assert word == FAILED
        assert "version" in why
        assert Path(order.context.run_directory).exists()

    def test_supervisor_is_gone(self, order: Order) -> None:
        """
        If the supervisor is gone it leaves no directory of the run: nobody else may be left who
        would remove what it has made there.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            ours.sendall(order.encode())
            ours.close()
            process = start(theirs)
        assert process.wait(20) == 1
        assert not Path(order.context.run_directory).exists()
