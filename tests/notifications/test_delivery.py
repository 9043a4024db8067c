"""
Real daemons, which tell listeners of what happens, whatever happens to these or to themselves.
"""

from __future__ import annotations

import http.client
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.notifications.listener import Listener, close, error, hang, reset, sending, take

T = TypeVar("T")
Scale = Callable[[T, T], T]
Figure = Callable[[str, object], None]

MANIFEST = "application/vnd.oci.image.index.v1+json"


def telling(*listeners: Listener, outbox: dict[str, Any] | None = None, **more: Any) -> Any:
    """
    :return: the configuration of a daemon that tells listeners, who are called by their numbers.
    """
    endpoints = [
        {"name": str(number), "url": each.url, "timeout": "500ms", "backoff": "200ms", **more}
        for number, each in enumerate(listeners)
    ]
    return {"notifications": {"endpoints": endpoints, "outbox": outbox or {}}}


def push(port: int, name: str, tag: str) -> bool:
    """
    Push a manifest.

    :return: whether that was acknowledged.
    """
    body = b'{"schemaVersion":2,"mediaType":"%b","manifests":[],"annotations":{"tag":"%b"}}' % (
        MANIFEST.encode(),
        tag.encode(),
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        path = f"/v2/{name}/manifests/{tag}"
        connection.request("PUT", path, body, {"Content-Type": MANIFEST})
        return connection.getresponse().status == 201
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def tags(listener: Listener) -> list[str]:
    """
    :return: the tags of the pushes that a listener has, each once, in the order in which they first
        came.
    """
    found = [event["target"].get("tag", "") for event in list(listener.accepted)]
    return list(dict.fromkeys(found))


def outbox_of(daemon: Daemon) -> Path:
    """
    :return: the directory of its outbox.
    """
    return daemon.root / ".txregistry" / "outbox"


class StormTests:
    """
    A listener with every fault, and a daemon that is killed again and again.
    """

    @pytest.mark.timeout(600)
    @pytest.mark.parametrize("workers", [1, 2])
    def test_nothing_is_lost(
        self,
        make_daemon: MakeDaemon,
        listener: Listener,
        scale: Scale[int],
        figure: Figure,
        workers: int,
    ) -> None:
        """
        Every acknowledged push is delivered at least once, in order, and none that was not tried.
        """
        pushes, kills = scale(150, 1000), scale(4, 20)
        # So short that it is tried again and again between two pushes.
        configuration = telling(listener, backoff="10ms", timeout="50ms")
        daemon = make_daemon(configuration={**configuration, "workers": workers})
        chance = random.Random(workers)
        killed = set(chance.sample(range(pushes), kills))
        answers = [take, error, hang, reset, close]
        acknowledged: list[str] = []
        told = 0
        for number in range(pushes):
            if number % 7 == 0:
                listener.answer = chance.choice(answers)
                if chance.random() < 0.2:
                    listener.stop()
                else:
                    listener.begin()
            if number in killed:
                # Each of its lives is to tell something, with whatever outcome.
                listener.begin()
                listener.wait_for(lambda it: len(it.heads) > told)  # noqa: B023 - it is called here
                daemon.kill()
                told = len(listener.heads)
                daemon.start()
            if push(daemon.port, "a/b", f"t{number}"):
                acknowledged.append(f"t{number}")
        listener.begin()
        listener.answer = take
        assert len(acknowledged) == pushes
        listener.wait_for(lambda it: set(acknowledged) <= set(tags(it)), seconds=60)
        assert tags(listener) == acknowledged
        figure(
            "pushes, kills, messages refused, events repeated",
            (
                pushes,
                kills,
                listener.refused,
                len(listener.accepted) - pushes,
            ),
        )

    @pytest.mark.timeout(300)
    def test_killed_while_pushing(
        self, make_daemon: MakeDaemon, listener: Listener, scale: Scale[int]
    ) -> None:
        """
        A push that was acknowledged at the moment of a kill is not lost, and one that was not tried
        is not told of.
        """
        daemon = make_daemon(configuration=telling(listener))
        tried: list[str] = []
        acknowledged: list[str] = []
        for kill in range(scale(4, 20)):
            killer = subprocess.Popen(["sh", "-c", f"sleep 0.3; kill -9 -{daemon.pid}"])
            number = 0
            while daemon.alive:
                tag = f"k{kill}-{number}"
                tried.append(tag)
                if push(daemon.port, "a/b", tag):
                    acknowledged.append(tag)
                number += 1
            killer.wait()
            daemon.process = None
            daemon.start()
        listener.wait_for(lambda it: set(acknowledged) <= set(tags(it)), seconds=60)
        told = tags(listener)
        assert [tag for tag in told if tag in set(acknowledged)] == acknowledged
        assert set(told) <= set(tried)


class ListenerTests:
    """
    Listeners that are not as they should be.
    """

    def test_dead_one_is_in_nobodys_way(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        While one listener hangs the other is told at once; when it is back, it is told all.
        """
        dead = Listener()
        dead.answer = hang
        daemon = make_daemon(configuration=telling(listener, dead))
        for number in range(20):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: len(it.accepted) == 20, seconds=5)
        assert not dead.accepted
        dead.answer = take
        dead.wait_for(lambda it: len(it.accepted) == 20)
        assert tags(dead) == tags(listener)
        dead.stop()

    @pytest.mark.parametrize(
        "answer",
        [
            sending(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
            sending(b"HTTP/1.1 200 OK\r\n", b"x" * 65536),
            sending(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", b"X", 1.0),
            sending(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
            sending(b"no HTTP at all\r\n", b"\r\n" * 1000),
            sending(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/\r\n", b"\r\n"),
        ],
        ids=["headers", "header", "drip", "continue", "garbage", "elsewhere"],
    )
    def test_hostile_head(self, make_daemon: MakeDaemon, listener: Listener, answer: Any) -> None:
        """
        What never answers costs a bounded time and memory, and its events wait.
        """
        listener.answer = answer
        daemon = make_daemon(configuration=telling(listener))
        assert push(daemon.port, "a/b", "first")
        listener.wait_for(lambda it: it.refused >= 4)
        assert daemon.peak_memory() < 200 * 1024 * 1024
        assert push(daemon.port, "a/b", "second")
        listener.answer = take
        listener.wait_for(lambda it: tags(it) == ["first", "second"])

    @pytest.mark.parametrize(
        ("begin", "more", "pause"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n", b"x" * 65536, 0.0),
            (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 65536, 0.0),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"x", 0.2),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", 0.0),
        ],
        ids=["10 GB", "endless", "drip", "chunks"],
    )
    def test_hostile_body(
        self, make_daemon: MakeDaemon, listener: Listener, begin: bytes, more: bytes, pause: float
    ) -> None:
        """
        An answer that says 200 is enough: the rest of it is dropped, and not for long.
        """
        listener.answer = sending(begin, more, pause)
        daemon = make_daemon(configuration=telling(listener))
        for number in range(3):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: it.refused >= 3, seconds=10)
        time.sleep(0.7)
        assert listener.refused == 3, "an event that was taken came again"
        assert daemon.peak_memory() < 200 * 1024 * 1024


class OutboxTests:
    """
    What becomes of the outbox.
    """

    def test_eight_workers(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        The events of eight workers are in one outbox, and those that follow on each other come so.
        """
        daemon = make_daemon(configuration={**telling(listener, batch=7), "workers": 8})
        for number in range(60):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: len(it.accepted) == 60)
        assert tags(listener) == [f"t{number}" for number in range(60)]
        assert len({event["source"]["instanceID"] for event in listener.accepted}) == 1

    def test_kept_over_a_restart(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What could not be delivered before the end is delivered after the next start.
        """
        listener.stop()
        daemon = make_daemon(configuration=telling(listener))
        assert push(daemon.port, "a/b", "before")
        daemon.terminate()
        listener.begin()
        daemon.start()
        listener.wait_for(lambda it: tags(it) == ["before"])

    def test_taken_away(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What waited for an endpoint that is configured no more is nobody's: a warning tells.
        """
        listener.stop()
        daemon = make_daemon(configuration=telling(listener, listener))
        assert push(daemon.port, "a/b", "first")
        daemon.stop()
        daemon.configuration["notifications"]["endpoints"].pop(0)
        listener.begin()
        daemon.start()
        listener.wait_for(lambda it: tags(it) == ["first"])
        assert "the endpoint 0 is no more in notifications.endpoints; 1 events" in daemon.log()

    def test_damaged(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        A file that is no outbox any more is put aside with an error, and the service goes on.
        """
        daemon = make_daemon(configuration=telling(listener))
        assert push(daemon.port, "a/b", "one")
        listener.wait_for(lambda it: tags(it) == ["one"])
        for file in outbox_of(daemon).glob("events.db*"):
            file.write_bytes(b"nonsense" * 5000)
        number = 0
        while "is damaged" not in daemon.log():
            assert push(daemon.port, "a/b", f"between{number}")
            number += 1
        assert push(daemon.port, "a/b", "two")
        listener.wait_for(lambda it: tags(it)[-1] == "two")
        assert list(outbox_of(daemon).glob("events.db.damaged-*"))

    def test_damaged_at_the_start(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        The same, when the registry starts.
        """
        daemon = make_daemon(configuration=telling(listener), start=False)
        outbox_of(daemon).mkdir(parents=True)
        (outbox_of(daemon) / "events.db").write_bytes(b"nonsense" * 5000)
        daemon.start()
        assert push(daemon.port, "a/b", "one")
        listener.wait_for(lambda it: tags(it) == ["one"])

    def test_not_for_two(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        A second registry with the same outbox doesn't start, and says why.
        """
        first = make_daemon(configuration=telling(listener))
        second = make_daemon(configuration=telling(listener), root=first.root, start=False)
        second.start(wait=False)
        assert second.process is not None
        assert second.process.wait(30) != 0
        assert "belongs to another registry" in second.log()

    @pytest.mark.parametrize("workers", [1, 2])
    def test_no_place(self, make_daemon: MakeDaemon, listener: Listener, workers: int) -> None:
        """
        With no place to write it says so at the start, and delivers from memory.
        """
        outbox = {"path": "/proc/no/such/place"}
        configuration = {**telling(listener, outbox=outbox), "workers": workers}
        daemon = make_daemon(configuration=configuration)
        assert "events can't be written to /proc/no/such/place" in daemon.log()
        for number in range(10):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: tags(it) == [f"t{number}" for number in range(10)])

    def test_dead_letters(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What waits for too long becomes a dead letter, and is counted in the log.
        """
        listener.answer = error
        daemon = make_daemon(configuration=telling(listener, outbox={"maxage": "1s"}))
        for number in range(3):
            assert push(daemon.port, "a/b", f"t{number}")
        letters = outbox_of(daemon) / "dead-letters.jsonl"
        deadline = time.monotonic() + 20
        while not letters.exists() or len(letters.read_text().splitlines()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert "events are given up" in daemon.log()
        listener.answer = take
        assert push(daemon.port, "a/b", "later")
        listener.wait_for(lambda it: "later" in tags(it))
        assert "t0" not in tags(listener)

    def test_elsewhere(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        Another outbox may be named.
        """
        daemon = make_daemon(start=False)
        path = daemon.directory / "elsewhere"
        daemon.configuration.update(telling(listener, outbox={"path": str(path)}))
        daemon.start()
        assert push(daemon.port, "a/b", "one")
        listener.wait_for(lambda it: tags(it) == ["one"])
        assert (path / "events.db").exists()
        assert not outbox_of(daemon).exists()

    @pytest.mark.parametrize("workers", [1, 2])
    def test_pulls(self, make_daemon: MakeDaemon, listener: Listener, workers: int) -> None:
        """
        Pulls are told of too, and those that went before a push before it.
        """
        daemon = make_daemon(configuration={**telling(listener), "workers": workers})
        assert push(daemon.port, "a/b", "one")
        for _ in range(5):
            with urlopen(f"{daemon.url}/v2/a/b/manifests/one", timeout=10) as answer:
                assert answer.status == 200
        listener.wait_for(lambda it: len(it.accepted) == 6)
        assert [each["action"] for each in listener.accepted] == ["push", *["pull"] * 5]

    def test_end_delivers(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        What was done right before the end is delivered before it, if the listener takes it.
        """
        daemon = make_daemon(configuration={**telling(listener), "workers": 1})
        for number in range(50):
            assert push(daemon.port, "a/b", f"t{number}")
        daemon.terminate()
        assert tags(listener) == [f"t{number}" for number in range(50)]

    def test_end_is_bounded(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        A listener that hangs doesn't keep the registry from ending, and gets it all afterwards.
        """
        listener.answer = hang
        daemon = make_daemon(configuration=telling(listener, timeout="1h", batch=1))
        assert push(daemon.port, "a/b", "one")
        listener.wait_for(lambda it: it.refused == 1)
        began = time.monotonic()
        daemon.terminate()
        assert time.monotonic() - began < 15
        listener.answer = take
        daemon.start()
        listener.wait_for(lambda it: tags(it) == ["one"])
