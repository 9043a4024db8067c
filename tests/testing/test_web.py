"""
Requests without a network.
"""

from __future__ import annotations

from typing import Any

from treq import content
from twisted.internet.defer import Deferred
from twisted.web.client import ResponseFailed
from twisted.web.iweb import IAgent
from zope.interface.verify import verifyObject

from tests.web.kit import Recorder, echo, hello
from txregistry.testing.web import MemoryAgent, MemoryClient


class MemoryClientTests:
    """
    The API of treq, in memory.
    """

    def test_interface(self) -> None:
        """
        It is made of an agent.
        """
        assert verifyObject(IAgent, MemoryClient(hello).agent)

    async def test_get(self) -> None:
        """
        A request is answered by the real site.
        """
        client = MemoryClient(hello)
        response = await client.get("http://registry/v2/")
        assert response.code == 200
        assert response.headers.getRawHeaders("Content-Type") == ["text/plain"]
        assert await content(response) == b"hello /v2/"

    async def test_put(self) -> None:
        """
        Bodies arrive.
        """
        response = await MemoryClient(echo).put("http://registry/a?b=c", data=b"d" * 100_000)
        assert await content(response) == b"PUT /a?b=c " + b"d" * 100_000

    async def test_later(self) -> None:
        """
        What is answered later arrives after a flush.
        """
        recorder = Recorder()
        client = MemoryClient(recorder)
        waiting: Deferred[Any] = client.get("http://registry/v2/")
        recorder.last.begin(200, ())
        client.flush()
        response = await waiting
        recorder.last.write(b"abc")
        recorder.last.end()
        client.flush()
        assert await content(response) == b"abc"

    async def test_vanish(self) -> None:
        """
        Clients can vanish.
        """
        recorder = Recorder()
        client = MemoryClient(recorder)
        waiting: Deferred[Any] = client.get("http://registry/v2/")
        told: list[Any] = []
        recorder.last.notifyFinish().addErrback(told.append)
        assert isinstance(client.agent, MemoryAgent)
        client.agent.lose_connections()
        assert told
        failures: list[Any] = []
        waiting.addErrback(failures.append)
        assert failures[0].check(ResponseFailed)
