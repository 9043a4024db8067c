"""
Real daemons whose outbox is not there, not yet, or not any more.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.notifications.listener import Listener, error, take
from tests.notifications.test_command import events
from tests.notifications.test_delivery import MANIFEST, outbox_of, push, tags, telling
from txregistry.model.digest import Digest


def wait_for(daemon: Daemon, text: str, times: int = 1) -> None:
    """
    Wait for something in the log.
    """
    deadline = time.monotonic() + 30
    while daemon.log().count(text) < times:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.05)


def put(daemon: Daemon, tag: str, document: dict[str, Any]) -> bytes:
    """
    Push a manifest.

    :return: its bytes.
    """
    body = json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, **document}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    connection.request("PUT", f"/v2/a/b/manifests/{tag}", body, {"Content-Type": MANIFEST})
    assert connection.getresponse().status == 201
    connection.close()
    return body


class FallbackTests:
    """
    No place at the start.
    """

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("workers", [1, 3])
    def test_disk_works_later(
        self, make_daemon: MakeDaemon, listener: Listener, tmp_path: Path, workers: int
    ) -> None:
        """
        Events are delivered from memory; when the disk works what waits moves there, in its order
        and once, and outlives the registry.
        """
        (tmp_path / "place").touch()
        outbox = {"path": str(tmp_path / "place" / "outbox")}
        daemon = make_daemon(configuration={**telling(listener, outbox=outbox), "workers": workers})
        wait_for(daemon, "they are kept in memory", workers + (workers > 1))
        pushed = [f"t{number}" for number in range(60)]
        for tag in pushed[:10]:
            assert push(daemon.port, "a/b", tag)
        listener.wait_for(lambda it: tags(it) == pushed[:10])
        listener.answer = error
        for tag in pushed[10:40]:
            assert push(daemon.port, "a/b", tag)
        (tmp_path / "place").unlink()
        wait_for(daemon, "events are kept on disk now")
        for tag in pushed[40:]:
            assert push(daemon.port, "a/b", tag)
        assert (tmp_path / "place" / "outbox" / "events.db").exists()
        daemon.kill()
        listener.answer = take
        daemon.start()
        listener.wait_for(lambda it: tags(it) == pushed)
        assert len(listener.accepted) == len(pushed)
        assert daemon.log().count("they are kept in memory") == workers + (workers > 1)

    @pytest.mark.timeout(120)
    def test_delivered_after_the_move(
        self, make_daemon: MakeDaemon, listener: Listener, tmp_path: Path
    ) -> None:
        """
        Nobody has to start anything for what was moved to be delivered, nor to wait for what comes
        then.
        """
        (tmp_path / "place").touch()
        outbox = {"path": str(tmp_path / "place" / "outbox")}
        daemon = make_daemon(configuration={**telling(listener, outbox=outbox), "workers": 2})
        listener.answer = error
        for number in range(20):
            assert push(daemon.port, "a/b", f"t{number}")
        (tmp_path / "place").unlink()
        wait_for(daemon, "events are kept on disk now; 20 were in memory")
        listener.answer = take
        listener.wait_for(lambda it: len(tags(it)) == 20)
        for number in range(20, 40):
            assert push(daemon.port, "a/b", f"t{number}")
            listener.wait_for(lambda it: tags(it)[-1] == f"t{number}", seconds=3)  # noqa: B023 - it is called here
        assert tags(listener) == [f"t{number}" for number in range(40)]


class VanishedTests:
    """
    Somebody removes the outbox.
    """

    @pytest.mark.timeout(120)
    @pytest.mark.parametrize("workers", [1, 2])
    def test_removed(self, make_daemon: MakeDaemon, listener: Listener, workers: int) -> None:
        """
        An error says that what waited there is lost; what comes then is delivered, and the outbox
        is still this registry's.
        """
        daemon = make_daemon(configuration={**telling(listener), "workers": workers})
        assert push(daemon.port, "a/b", "before")
        listener.wait_for(lambda it: tags(it) == ["before"])
        shutil.rmtree(outbox_of(daemon))
        time.sleep(0.6)
        for number in range(30):
            assert push(daemon.port, "a/b", f"t{number}")
        listener.wait_for(lambda it: len(tags(it)) == 31)
        assert tags(listener) == ["before", *(f"t{number}" for number in range(30))]
        wait_for(daemon, "was not there any more")
        assert daemon.log().count("was not there any more") == 1
        time.sleep(5.5)
        assert push(daemon.port, "a/b", "soon")
        listener.wait_for(lambda it: tags(it)[-1] == "soon", seconds=2)
        other = make_daemon(configuration=telling(listener), root=daemon.root, start=False)
        other.start(wait=False)
        assert other.process is not None
        assert other.process.wait(30) != 0
        assert "belongs to another registry" in other.log()


class LargeEventTests:
    """
    Events that are larger than the outbox.
    """

    def test_in_nobodys_way(self, make_daemon: MakeDaemon, listener: Listener) -> None:
        """
        A push with an event that the outbox will never take succeeds; the event is a dead letter,
        the log says so, and those before and after it are delivered.
        """
        configuration = {**telling(listener, outbox={"maxsize": "1MiB"}), "workers": 1}
        configuration["notifications"]["events"] = {"includereferences": True}
        daemon = make_daemon(configuration=configuration)
        body = put(daemon, "before", {"manifests": []})
        described = {"mediaType": MANIFEST, "digest": str(Digest.of(body)), "size": len(body)}
        large = {**described, "annotations": {"large": "x" * 3_000_000}}
        put(daemon, "large", {"manifests": [large]})
        put(daemon, "after", {"manifests": [described]})
        listener.wait_for(lambda it: tags(it) == ["before", "after"])
        wait_for(daemon, "is too large for the outbox, and given up")
        letters = (outbox_of(daemon) / "dead-letters.jsonl").read_text().splitlines()
        assert [json.loads(each)["reason"] for each in letters] == ["maxsize"]
        replayed = events(daemon, "dead-letters", "--replay").stdout
        assert replayed == (
            "0 dead letters are tried again; 1 are too large for the outbox, and stay\n"
        )
        assert len(events(daemon, "dead-letters").stdout.splitlines()) == 1


class CrowdTests:
    """
    Many who write at the same time.
    """

    @pytest.mark.timeout(180)
    def test_eight_workers(
        self, make_daemon: MakeDaemon, listener: Listener, scale: Callable[[int, int], int]
    ) -> None:
        """
        What sixteen clients push through eight workers is in one outbox: every event comes once,
        and those of each client in their order.
        """
        daemon = make_daemon(configuration={**telling(listener, batch=50), "workers": 8})
        each = scale(15, 150)

        def work(client: int) -> None:
            for number in range(each):
                assert push(daemon.port, f"a/c{client}", f"{client}-{number}")

        threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        listener.wait_for(lambda it: len(tags(it)) == 16 * each, seconds=60)
        assert len(listener.ids()) == len(listener.accepted) == 16 * each
        for client in range(16):
            of_client = [tag for tag in tags(listener) if tag.startswith(f"{client}-")]
            assert of_client == [f"{client}-{number}" for number in range(each)]
        assert os.listdir(outbox_of(daemon)).count("events.db") == 1
