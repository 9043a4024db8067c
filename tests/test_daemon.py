"""
The real daemon that tests take from their fixtures.
"""

from __future__ import annotations

import signal

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon, DaemonFailed, merged


class MergedTests:
    """
    Configurations laid over each other.
    """

    def test_merged(self) -> None:
        """
        Sections are merged, other values replaced, and None takes a key out.
        """
        base = {"a": {"b": 1, "c": 2}, "d": [1], "e": 1}
        changes = {"a": {"b": 3}, "d": [2], "e": None, "f": {"g": 1}}
        assert merged(base, changes) == {"a": {"b": 3, "c": 2}, "d": [2], "f": {"g": 1}}


class DaemonTests:
    """
    A process that serves.
    """

    def test_life(self, daemon: Daemon) -> None:
        """
        It answers when it has started, ends when it is asked to, and can come back.
        """
        daemon.wait_ready()
        assert daemon.peak_memory() > 10 << 20
        assert daemon.terminate() == -signal.SIGTERM
        assert not daemon.alive
        daemon.start()
        daemon.kill()
        daemon.restart()
        assert daemon.troubles() == []

    def test_bad_configuration(self, make_daemon: MakeDaemon) -> None:
        """
        One that doesn't start says why, without a traceback.
        """
        with pytest.raises(DaemonFailed) as failed:
            make_daemon(configuration={"storage": {"filesystem": {"maxthreads": "many"}}})
        assert "maxthreads" in failed.value.log

    def test_two_on_a_port(self, daemon: Daemon, make_daemon: MakeDaemon) -> None:
        """
        A second daemon on the port ends and says that it is taken.
        """
        second = make_daemon(start=False, configuration={"http": {"addr": daemon.host}})
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(20) != 0
        assert str(daemon.port) in second.log()
