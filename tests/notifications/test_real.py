"""
Real registries that tell a real endpoint what real clients do.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clients.images import Image, write_layout
from tests.clients.programs import run
from tests.clients.test_docker import Docker, engine
from tests.clients.wire import Wire
from tests.compat.distribution import Distribution
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.notifications.endpoint import Endpoint
from tests.notifications.test_distribution import VERSIONS, comparable, has_settled
from tests.notifications.test_signature_example import is_genuine
from tests.notifications.work import DOCKER_IMAGE, IMAGE, LAYER, LIST, OCI_INDEX, Work
from tests.proofs.client import Client
from tests.proofs.content import sha256

PULLED_LAYER = ("pull", sha256(LAYER), "")

#: What each step of the work is told as: action, digest, tag.
TABLE = {
    "push": [
        ("push", sha256(b"{}"), ""),
        ("push", sha256(LAYER), ""),
        ("push", sha256(IMAGE), "image"),
        ("push", sha256(DOCKER_IMAGE), ""),
        ("push", sha256(LIST), "list"),
        ("push", sha256(OCI_INDEX), "index"),
    ],
    "mount": [("mount", sha256(LAYER), "")],
    "pull": [
        *[PULLED_LAYER] * 3,
        ("pull", sha256(IMAGE), "image"),
        ("pull", sha256(IMAGE), "image"),
        ("pull", sha256(IMAGE), ""),
        ("pull", sha256(LIST), "list"),
    ],
    "pull_as_old": [("pull", sha256(LIST), "list"), ("pull", sha256(DOCKER_IMAGE), "")],
    "ask_for_unchanged": [],
    "ask_for_unchanged_blob": [],
    "fail": [],
    "delete_tag": [("delete", "", "index")],
    "delete_manifest": [("delete", sha256(IMAGE), ""), ("delete", "", "image")],
    "delete_blob": [("delete", sha256(LAYER), "")],
}


@pytest.fixture
def make_endpoint(tmp_path: Path) -> Iterator[Callable[[], Endpoint]]:
    """
    Starts endpoints in processes of their own.
    """
    made: list[Endpoint] = []

    def make() -> Endpoint:
        made.append(Endpoint(tmp_path))
        return made[-1]

    yield make
    for endpoint in made:
        endpoint.stop()


def telling(endpoint: Endpoint, directory: Path, **options: Any) -> dict[str, Any]:
    """
    A configuration that names an endpoint.
    """
    return {
        "events": {"includereferences": True},
        "outbox": {"path": str(directory / "outbox")},
        "endpoints": [{"name": "here", "url": endpoint.url, "timeout": "5s", **options}],
    }


def seen(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """
    What events say, as the table has it.
    """
    return [
        (event["action"], event["target"]["digest"], event["target"].get("tag", ""))
        for event in events
    ]


class WorkTests:
    """
    Every request of the work, one after the other.
    """

    @pytest.mark.parametrize("workers", [1, 2])
    def test_table(
        self,
        make_daemon: MakeDaemon,
        make_endpoint: Callable[[], Endpoint],
        tmp_path: Path,
        workers: int,
    ) -> None:
        """
        The endpoint is told of each as the table says, in the order in which they were answered.
        """
        endpoint = make_endpoint()
        configuration = {"workers": workers, "notifications": telling(endpoint, tmp_path)}
        daemon = make_daemon(configuration=configuration)
        expected = [event for told in TABLE.values() for event in told]
        with Client(daemon.host) as client:
            work = Work(client)
            for step in TABLE:
                getattr(work, step)()
        events = endpoint.wait_for(len(expected))
        has_settled(endpoint)
        assert seen(endpoint.events) == expected
        assert len({event["id"] for event in events}) == len(expected)
        assert len({event["source"]["instanceID"] for event in events}) == 1
        assert {event["source"]["addr"].rpartition(":")[2] for event in events} == {
            str(daemon.port)
        }
        times = [event["timestamp"] for event in events]
        assert times == sorted(times)

    def test_broken_off(
        self, make_daemon: MakeDaemon, make_endpoint: Callable[[], Endpoint], tmp_path: Path
    ) -> None:
        """
        A client that goes away in the middle of a blob has pulled nothing.
        """
        endpoint = make_endpoint()
        daemon = make_daemon(configuration={"notifications": telling(endpoint, tmp_path)})
        content = bytes(64 * 1024 * 1024)
        with Client(daemon.host) as client:
            Work(client).push_blob(content)
            connection, stream = client.connect()
            path = f"/v2/team/app/blobs/{sha256(content)}"
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            stream.read(1_000_000)
        with Client(daemon.host) as client:
            Work(client).ask("HEAD", f"blobs/{sha256(content)}").expect(200)
        endpoint.wait_for(2)
        has_settled(endpoint)
        assert [(e["action"], e["request"]["method"]) for e in endpoint.events] == [
            ("push", "PUT"),
            ("pull", "HEAD"),
        ]


class EndpointTests:
    """
    What each endpoint wants.
    """

    def test_formats(
        self, make_daemon: MakeDaemon, make_endpoint: Callable[[], Endpoint], tmp_path: Path
    ) -> None:
        """
        Endpoints side by side are told of the same events, each in its own format.
        """
        wishes: dict[str, dict[str, Any]] = {
            "v2": {"secret": "a secret"},
            "v1": {"version": "v1"},
            "structured": {"format": "cloudevents"},
            "batch": {"format": "cloudevents", "batch": 3},
            "binary": {"format": "cloudevents", "mode": "binary"},
        }
        endpoints = {name: make_endpoint() for name in wishes}
        notifications = telling(endpoints["v2"], tmp_path)
        notifications["endpoints"] = [
            {"name": name, "url": endpoints[name].url, "timeout": "5s", **wishes[name]}
            for name in wishes
        ]
        daemon = make_daemon(configuration={"notifications": notifications})
        with Client(daemon.host) as client:
            Work(client).push()
        known = [event["id"] for event in endpoints["v2"].wait_for(len(TABLE["push"]))]
        for endpoint in endpoints.values():
            has_settled(endpoint)
        posts = {name: endpoint.posts for name, endpoint in endpoints.items()}
        types = {name: {post.headers["content-type"] for post in posts[name]} for name in posts}
        docker = "application/vnd.docker.distribution.events"
        assert types == {
            "v2": {f"{docker}.v2+json"},
            "v1": {f"{docker}.v1+json"},
            "structured": {"application/cloudevents+json; charset=utf-8"},
            "batch": {"application/cloudevents-batch+json; charset=utf-8"},
            "binary": {"application/json"},
        }
        assert [event["id"] for event in endpoints["v1"].events] == known
        assert [json.loads(post.body)["id"] for post in posts["structured"]] == known
        batches = [json.loads(post.body) for post in posts["batch"]]
        assert [event["id"] for batch in batches for event in batch] == known
        assert all(1 <= len(batch) <= 3 for batch in batches)
        assert [post.headers["ce-id"] for post in posts["binary"]] == known
        for post in posts["v2"]:
            signature = post.headers["x-registry-signature"]
            assert is_genuine(signature, post.body, "a secret")
            assert not is_genuine(signature, post.body, "another")
        assert "x-registry-signature" not in posts["v1"][0].headers

    @pytest.mark.parametrize("workers", [1, 2])
    def test_ignored(
        self,
        make_daemon: MakeDaemon,
        make_endpoint: Callable[[], Endpoint],
        tmp_path: Path,
        workers: int,
    ) -> None:
        """
        An endpoint isn't told of actions and types that it ignores, be they the types that a
        manifest gave its blobs; the other is told of all.
        """
        choosy, other = make_endpoint(), make_endpoint()
        image = json.loads(IMAGE)
        layers = [image["layers"][0]["mediaType"]]
        notifications = telling(
            choosy,
            tmp_path,
            ignore={"actions": ["mount", "delete"], "mediatypes": layers},
            ignoredmediatypes=[image["config"]["mediaType"]],
        )
        notifications["endpoints"].append({"name": "other", "url": other.url, "timeout": "5s"})
        configuration = {"workers": workers, "notifications": notifications}
        daemon = make_daemon(configuration=configuration)
        with Client(daemon.host) as client:
            work = Work(client)
            # By one connection, so that one worker sees the manifest and then the layer.
            work.put_image()
            work.mount()
            work.ask("GET", "manifests/image").expect(200)
            work.ask("GET", f"blobs/{sha256(LAYER)}").expect(200)
            work.ask("GET", f"blobs/{sha256(b'{}')}").expect(200)
            work.delete_blob()
        pushed = [("push", sha256(b"{}"), ""), ("push", sha256(LAYER), "")]
        pushed.append(("push", sha256(IMAGE), "image"))
        pulled = ("pull", sha256(IMAGE), "image")
        blobs = [PULLED_LAYER, ("pull", sha256(b"{}"), "")]
        mounted, deleted = ("mount", sha256(LAYER), ""), ("delete", sha256(LAYER), "")
        everything = [*pushed, mounted, pulled, *blobs, deleted]
        assert seen(other.wait_for(len(everything))) == everything
        has_settled(choosy)
        assert seen(choosy.events) == [*pushed, pulled]


@pytest.mark.component("docker")
@pytest.mark.component("dockerd")
@pytest.mark.component("skopeo")
class ClientTests:
    """
    The same commands of real clients, for distribution and for ours.
    """

    @pytest.mark.timeout(180)
    @pytest.mark.parametrize("name", [*VERSIONS])
    def test_same(
        self,
        component: Callable[..., Path],
        tmp_path_factory: pytest.TempPathFactory,
        make_daemon: MakeDaemon,
        make_endpoint: Callable[[], Endpoint],
        tmp_path: Path,
        name: str,
    ) -> None:
        """
        docker pushes, mounts and pulls, skopeo copies and deletes: both registries tell the same.
        """
        endpoints = make_endpoint(), make_endpoint()
        source = write_layout(tmp_path / "layout", Image.of({"hello": b"events"}))
        archive = f"docker-archive:{tmp_path}/archive:events:latest"
        run("skopeo", "--insecure-policy", "copy", f"oci:{source}:latest", archive)
        (tmp_path / "tree").mkdir()
        program = component(name)
        peer = Distribution(tmp_path / "peer", program=program, root=tmp_path / "tree")
        peer.configuration["notifications"] = telling(endpoints[0], tmp_path)
        peer.configuration["notifications"].pop("outbox")
        peer.start()
        # An engine of its own for each: it would remember manifests, and not ask for them again.
        try:
            with engine(tmp_path_factory.mktemp("one")) as docker:
                docker("load", "--input", tmp_path / "archive")
                theirs = self.told(docker, peer, endpoints[0])
        finally:
            peer.stop()
        notifications = telling(endpoints[1], tmp_path, version=VERSIONS[name])
        daemon = make_daemon(configuration={"notifications": notifications})
        with engine(tmp_path_factory.mktemp("other")) as docker:
            docker("load", "--input", tmp_path / "archive")
            ours = self.told(docker, daemon, endpoints[1])
        assert (Counter(ours) - Counter(theirs), Counter(theirs) - Counter(ours)) == ({}, {})
        actions = Counter(re.findall(r'"action": "(\w+)"', "".join(ours)))
        assert set(actions) == {"pull", "push", "mount", "delete"}

    def told(self, docker: Docker, daemon: Daemon, endpoint: Endpoint) -> list[str]:
        """
        Let the clients work, and take what the endpoint was told.

        :return: the messages, in an order of their own: layers go side by side.
        """
        first, second = f"{daemon.host}/team/first:1", f"{daemon.host}/team/second:1"
        for image in (first, second):
            docker("tag", "events", image)
            docker("push", image)
        docker.forget(first, second, "events")
        docker("pull", second)
        Image.of({"hello": b"skopeo"}).push(Wire(daemon.host), "team/oci", "1")
        skopeo = ("skopeo", "--insecure-policy")
        source = f"docker://{daemon.host}/team/oci:1"
        run(*skopeo, "copy", "--src-tls-verify=false", source, f"dir:{daemon.directory}/copy")
        run(*skopeo, "delete", "--tls-verify=false", source)
        has_settled(endpoint)
        bodies = [comparable(post.body) for post in endpoint.posts]
        return sorted(body.replace(daemon.host, "HOST") for body in bodies)
