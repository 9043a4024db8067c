"""
``txregistry events``, with a real daemon beside it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.notifications.listener import Listener, error, take
from tests.notifications.test_delivery import push, tags, telling


def events(daemon: Daemon, *arguments: str) -> subprocess.CompletedProcess[str]:
    """
    Run the command.
    """
    program = str(Path(sys.executable).with_name("txregistry"))
    command = [program, "events", *arguments, str(daemon.configuration_path)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def status_of(daemon: Daemon) -> dict[str, object]:
    """
    :return: what is told of the only endpoint.
    """
    (endpoint,) = json.loads(events(daemon, "status", "--json").stdout)["endpoints"]
    found: dict[str, object] = endpoint
    return found


class StatusTests:
    """
    ``status``.
    """

    def test_waiting(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        It tells what waits and why, while the registry runs and afterwards, and no secret.
        """
        listener.answer = error
        configuration = telling(listener, secret="hunter2", headers={"X-A": ["hunter2"]})
        (endpoint,) = configuration["notifications"]["endpoints"]
        endpoint["url"] = endpoint["url"].replace("http://", "http://user:hunter2@")
        daemon = make_daemon(configuration=configuration)
        assert push(daemon.port, "a/b", "one")
        listener.wait_for(lambda it: it.refused >= 2)
        time.sleep(0.6)
        shown = events(daemon, "status")
        assert shown.returncode == 0, shown.stderr
        assert "a registry delivers" in shown.stdout
        assert "it answered 500 Internal Server Error" in shown.stdout
        assert "hunter2" not in shown.stdout + daemon.log()
        assert status_of(daemon)["pending"] == 1
        daemon.terminate()
        assert "no registry runs" in events(daemon, "status").stdout
        assert status_of(daemon)["pending"] == 1

    def test_nothing_there(self, make_daemon: MakeDaemon) -> None:
        """
        Where there is no outbox it says so.
        """
        daemon = make_daemon()
        refused = events(daemon, "status")
        assert refused.returncode == 1
        assert "there is no outbox" in refused.stderr


class ReplayTests:
    """
    ``replay`` and ``dead-letters``.
    """

    def test_replay(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What was delivered is delivered once more, with the ids that it had.
        """
        daemon = make_daemon(configuration=telling(listener))
        for number in range(5):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: len(it.accepted) == 5)
        time.sleep(0.5)
        first = [event["id"] for event in listener.accepted]
        done = events(daemon, "replay", "--endpoint", "0", "--since", "1h")
        assert done.stdout == "5 events are delivered to 0 once more\n", done.stderr
        listener.wait_for(lambda it: len(it.accepted) == 10, seconds=3)
        assert [event["id"] for event in listener.accepted] == first * 2

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            (("--endpoint", "x", "--since", "1h"), "there is no endpoint 'x'; there are: 0"),
            (("--endpoint", "0", "--since", "x"), "no moment"),
        ],
    )
    def test_mistakes(
        self, make_daemon: MakeDaemon, listener: Listener, arguments: tuple[str, ...], text: str
    ) -> None:
        """
        An endpoint that there isn't, and what is no moment, are told.
        """
        daemon = make_daemon(configuration=telling(listener))
        refused = events(daemon, "replay", *arguments)
        assert refused.returncode == 1
        assert text in refused.stderr

    def test_dead_letters(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What was given up is shown, and delivered after all.
        """
        listener.answer = error
        daemon = make_daemon(configuration=telling(listener, outbox={"maxage": "1s"}))
        for number in range(3):
            assert push(daemon.port, "a/b", f"t{number}")
        deadline = time.monotonic() + 20
        while len(events(daemon, "dead-letters").stdout.splitlines()) < 2:
            assert time.monotonic() < deadline
        daemon.terminate()
        daemon.configuration = {**daemon.configuration, **telling(listener)}
        listener.answer = take
        daemon.start()
        done = events(daemon, "dead-letters", "--replay")
        assert done.stdout == "2 dead letters are tried again\n", done.stderr
        listener.wait_for(lambda it: set(tags(it)) == {"t0", "t1", "t2"})
        assert events(daemon, "dead-letters").stdout == ""
