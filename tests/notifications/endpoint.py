"""
An endpoint that takes notifications, in a process of its own: a Twisted server that writes down
what it gets.

``python endpoint.py PORT FILE`` listens on the loopback address, appends one line of JSON for each
POST to the file, and answers 200.
"""

# Sites and resources have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
from twisted.internet import endpoints, reactor
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from tests.daemon import free_port

PATIENCE = 20.0


@attrs.frozen
class Post:
    """
    A request as it came.

    :param headers: by lower-case names.
    """

    headers: Mapping[str, str]
    body: bytes

    @property
    def events(self) -> list[dict[str, Any]]:
        """
        What is in the envelope.
        """
        events: list[dict[str, Any]] = json.loads(self.body)["events"]
        return events


class Endpoint:
    """
    One of them.

    :param directory: for what it writes.
    """

    def __init__(self, directory: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/events"
        self._file = directory / f"posts-{self.port}.jsonl"
        self._file.touch()
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(self.port), str(self._file)],
            cwd=Path(__file__).parents[2],
            env={"PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == b"listening\n"

    def stop(self) -> None:
        """
        End it.
        """
        self._process.kill()
        self._process.communicate()

    @property
    def posts(self) -> list[Post]:
        """
        What has come so far.
        """
        lines = self._file.read_text(encoding="ascii").splitlines(keepends=True)
        records = [json.loads(line) for line in lines if line.endswith("\n")]
        return [Post(each["headers"], base64.b64decode(each["body"])) for each in records]

    @property
    def events(self) -> list[dict[str, Any]]:
        """
        All events that have come so far.
        """
        return [event for post in self.posts for event in post.events]

    def wait_for(self, count: int, seconds: float = PATIENCE) -> list[dict[str, Any]]:
        """
        Wait until so many events have come.

        :return: all that have come.
        """
        return self.wait_until(lambda events: len(events) >= count, seconds)

    def wait_until(
        self, enough: Callable[[list[dict[str, Any]]], bool], seconds: float = PATIENCE
    ) -> list[dict[str, Any]]:
        """
        Wait until what has come is enough.
        """
        deadline = time.monotonic() + seconds
        while not enough(self.events):
            assert time.monotonic() < deadline, f"only {len(self.events)} events came"
            time.sleep(0.02)
        return self.events


class _Taker(Resource):
    isLeaf = True

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    def render_POST(self, request: Request) -> bytes:  # noqa: N802 - Twisted's name
        headers = {
            name.decode("latin-1").lower(): values[0].decode("latin-1")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        assert request.content is not None
        body = base64.b64encode(request.content.read()).decode("ascii")
        with self._file.open("a", encoding="ascii") as file:
            file.write(json.dumps({"headers": headers, "body": body}) + "\n")
        return b""


def main(port: str, file: str) -> None:
    """
    Take what comes until the process is killed.
    """
    endpoint = endpoints.TCP4ServerEndpoint(reactor, int(port), interface="127.0.0.1")
    endpoint.listen(Site(_Taker(Path(file)))).addCallback(
        lambda _: print("listening", flush=True)  # noqa: T201 - whoever started it reads it
    )
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
