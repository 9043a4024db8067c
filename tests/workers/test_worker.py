"""
A process that a supervisor starts, without the supervisor.
"""
# Twisted's protocols have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import errno
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from txregistry.service.context import WorkerContext
from txregistry.workers import rundir
from txregistry.workers.channel import CHANNEL, COVER, FAILED, Order, message, read_line
from txregistry.workers.process import MODULE
from txregistry.workers.worker import Worker

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
        rundir.hold(order.context.run_directory)
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


class Full:
    """
    A service that may have no more descriptors.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    @property
    def listening(self) -> Full:
        """
        It is that too.
        """
        return self

    def listen_also(self, number: int, descriptor: int) -> None:
        """
        It can't be.
        """
        self.asked.append((number, descriptor))
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


class CoverTests:
    """
    Looking after another's socket.
    """

    def test_cannot(self, order: Order) -> None:
        """
        A worker that can't goes on with its own, and listens to what the supervisor says next.
        """
        service = Full()
        worker = Worker(Clock(), service, order)
        channel = worker.channel
        transport = StringTransport()
        channel.makeConnection(transport)
        channel.dataReceived(message(COVER, 1) + message(COVER, 2))
        assert service.asked == [(1, 5), (2, 6)]
        assert not transport.disconnecting
