"""
distribution and ours, given the same work: what they tell is the same, byte for byte.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import attrs
import pytest

from tests.compat.distribution import Distribution
from tests.notifications.endpoint import Endpoint
from tests.notifications.telling import Told, make_told
from tests.notifications.work import Work
from tests.proofs.client import Answer, Client
from txregistry.notifications.formats.choice import Wanted, choose_format

VERSIONS = {"docker-registry": "2.8", "registry": "v2"}

#: What is another each time: ids, times, the client's port, and who tells.
OTHER = re.compile(r'"(id|timestamp|addr|instanceID)": "[^"]*"')

STEPS = [
    *("push", "mount", "pull", "pull_as_old", "ask_for_unchanged", "fail"),
    *("delete_tag", "delete_manifest", "delete_blob"),
]


@attrs.frozen
class LocalClient:
    """
    A client of a registry in this process.

    :param host: what it calls the registry.
    """

    told: Told
    host: str

    def request(
        self, method: str, target: str, *, headers: Mapping[str, str] | None, body: bytes
    ) -> Answer:
        """
        Send a request and take its answer.
        """
        fields = [(name, value) for name, value in (headers or {}).items()]
        answer = self.told.served.ask(method, target, *fields, body=body, host=self.host)
        names = {name.lower(): value for name, value in answer.fields}
        return Answer(answer.status, names, answer.body)


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """
    An endpoint in a process of its own.
    """
    endpoint = Endpoint(tmp_path)
    yield endpoint
    endpoint.stop()


@pytest.fixture(params=[*VERSIONS])
def peer(
    request: pytest.FixtureRequest,
    component: Callable[..., Path],
    tmp_path: Path,
    endpoint: Endpoint,
) -> Iterator[Distribution]:
    """
    distribution 2.8 and distribution 3, which tell the endpoint.
    """
    (tmp_path / "tree").mkdir()
    program = component(request.param)
    peer = Distribution(tmp_path / "peer", program=program, root=tmp_path / "tree")
    peer.configuration["notifications"] = {
        "events": {"includereferences": True},
        "endpoints": [
            {"name": "here", "url": endpoint.url, "timeout": "5s", "threshold": 5, "backoff": "1s"}
        ],
    }
    peer.start()
    yield peer
    peer.stop()


def comparable(body: bytes) -> str:
    """
    A message without what is another each time.
    """
    return OTHER.sub(r'"\1": "…"', body.decode())


def has_settled(endpoint: Endpoint) -> int:
    """
    Wait until nothing comes any more.

    :return: how many messages have come.
    """
    count = -1
    while count != len(endpoint.posts):
        count = len(endpoint.posts)
        time.sleep(0.3)
    return count


class DistributionTests:
    """
    The same work for both.
    """

    def test_same(
        self, peer: Distribution, endpoint: Endpoint, request: pytest.FixtureRequest
    ) -> None:
        """
        Every step of the work makes both send the same messages, in the same order.
        """
        version = VERSIONS[request.node.callspec.params["peer"]]
        write = choose_format(Wanted(version=version))
        told = make_told(references=True)
        with Client(peer.host) as client:
            theirs, ours = Work(client), Work(LocalClient(told, peer.host))
            for step in STEPS:
                if step == "delete_tag" and version == "2.8":
                    continue  # it can't
                before = has_settled(endpoint)
                getattr(theirs, step)()
                getattr(ours, step)()
                messages = [write([event]) for event in told.taken()]
                has_settled(endpoint)
                posts = endpoint.posts[before:]
                assert [comparable(message.body) for message in messages] == [
                    comparable(post.body) for post in posts
                ], step
                types = {post.headers["content-type"].encode() for post in posts}
                assert types == {dict(message.headers)[b"Content-Type"] for message in messages}

    def test_unchanged_blob(self, peer: Distribution, endpoint: Endpoint) -> None:
        """
        The one difference: to distribution a blob that the client has is pulled once more.
        """
        told = make_told()
        ours = Work(LocalClient(told, peer.host))
        ours.push()
        told.taken()
        ours.ask_for_unchanged_blob()
        assert told.taken() == []
        with Client(peer.host) as client:
            theirs = Work(client)
            theirs.push()
            before = has_settled(endpoint)
            theirs.ask_for_unchanged_blob()
        events = endpoint.wait_for(before + 1)
        assert [event["action"] for event in events[before:]] == ["pull"]
