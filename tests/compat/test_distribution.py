"""
One storage tree, two servers: what distribution wrote is served whole by us, what we wrote is
served by distribution, and both may be there at once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.compat.content import (
    CONFIG,
    LAYERS,
    Repository,
    fill,
    get,
    oci_image,
    sha512,
)
from tests.compat.distribution import Distribution
from tests.compat.schema1 import SIGNED, UNSIGNED, schema1
from tests.conftest import MakeDaemon
from tests.daemon import Daemon
from tests.proofs.client import Client, Remote, with_digest
from tests.proofs.content import KIB, Content, sha256

UNFINISHED = Content(21, 700 * KIB + 1)
PIECE = 150 * KIB

MakePeer = Callable[[], Distribution]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """
    The storage directory of both servers.
    """
    path = tmp_path / "tree"
    path.mkdir()
    return path


@pytest.fixture(params=["docker-registry", "registry"])
def peer(
    request: pytest.FixtureRequest, component: Callable[..., Path], tmp_path: Path, root: Path
) -> Iterator[Distribution]:
    """
    distribution 2.8 and distribution 3, not started.
    """
    program = component(request.param)
    distribution = Distribution(tmp_path / "peer", program=program, root=root)
    yield distribution
    distribution.stop()


@pytest.fixture
def old_peer(component: Callable[..., Path], tmp_path: Path, root: Path) -> Iterator[Distribution]:
    """
    distribution 2.8, not started.
    """
    program = component("docker-registry")
    distribution = Distribution(tmp_path / "peer", program=program, root=root)
    yield distribution
    distribution.stop()


@pytest.fixture
def ours(make_daemon: MakeDaemon, root: Path) -> Daemon:
    """
    Our daemon on the same directory, not started.
    """
    return make_daemon(start=False, root=root)


@contextmanager
def running(daemon: Daemon) -> Iterator[Client]:
    """
    Run a server for a while.
    """
    daemon.start()
    try:
        with Client(daemon.host) as client:
            yield client
    finally:
        daemon.stop()


def begin(client: Client) -> str:
    """
    Begin an upload, send the first pieces, and return its id.
    """
    remote = Remote(client, "first")
    location = remote.start()
    for start in (0, PIECE):
        location = remote.append(location, UNFINISHED, start, start + PIECE).expect(202).location
    return location.partition("?")[0].rpartition("/")[2]


def finish(client: Client, peer: Distribution, upload: str) -> None:
    """
    Finish an upload where the server says that it is.

    :param peer: knows the token that distribution 2.8 wants in the URL; nobody else minds it.
    """
    remote = Remote(client, "first")
    status = client.request("GET", peer.upload_url("first", upload, 2 * PIECE)).expect(204)
    assert status.offset == 2 * PIECE
    answer = remote.append(status.location, UNFINISHED, 2 * PIECE, 3 * PIECE).expect(202)
    remote.commit(answer.location, UNFINISHED, 3 * PIECE).expect(201)
    assert remote.pull(UNFINISHED.digest) == (200, UNFINISHED.digest)


class TheirTreeTests:
    """
    A tree that distribution wrote.
    """

    def test_everything(self, peer: Distribution, ours: Daemon) -> None:
        """
        Every repository, tag, manifest and blob is served, and what was deleted isn't.
        """
        with running(peer) as client:
            repositories = list(fill(client))
        with running(ours) as client:
            for repository in repositories:
                repository.check(client)
            catalog = client.request("GET", "/v2/_catalog").expect(200).json()
            assert catalog == {"repositories": sorted(r.name for r in repositories)}

    def test_upload(self, peer: Distribution, ours: Daemon) -> None:
        """
        An unfinished upload is continued, at its offset, without a token.
        """
        with running(peer) as client:
            upload = begin(client)
        assert list(peer.root.glob(f"**/{upload}/hashstates/sha256/{2 * PIECE}"))
        with running(ours) as client:
            finish(client, peer, upload)
        assert not list(peer.root.glob(f"**/{upload}"))

    def test_sha512(self, peer: Distribution, ours: Daemon) -> None:
        """
        A blob that was pushed by its sha512 digest, which distribution stores by its sha256
        digest, is found by both.
        """
        content = LAYERS[2]
        with running(peer) as client:
            location = with_digest(Remote(client, "first").start(), sha512(content))
            client.request("PUT", location, body=content.whole()).expect(201)
        with running(ours) as client:
            for digest in (sha512(content), content.digest):
                answer = client.request("GET", f"/v2/first/blobs/{digest}").expect(200)
                assert answer.body == content.whole()
                assert answer.headers["docker-content-digest"] == digest

    def test_schema_1(self, old_peer: Distribution, ours: Daemon) -> None:
        """
        Manifests of schema 1 are served as they are stored, by tag and by digest, with their own
        media type.
        """
        with running(old_peer) as client:
            repository = Repository("old/image")
            repository.push_blobs(client, *LAYERS)
            digests = [layer.digest for layer in reversed(LAYERS)]
            manifest = schema1("old/image", "v1", digests)
            remote = Remote(client, "old/image")
            remote.put_manifest("v1", manifest.signed, SIGNED).expect(201)
            repository.push_blobs(client, CONFIG)
            repository.push(client, oci_image(LAYERS[1]), "v2")
        with running(ours) as client:
            for reference in ("v1", manifest.digest):
                for method in ("GET", "HEAD"):
                    target = f"/v2/old/image/manifests/{reference}"
                    answer = client.request(method, target).expect(200)
                    assert answer.headers["content-type"] == UNSIGNED
                    assert answer.headers["docker-content-digest"] == manifest.digest
                    assert answer.headers["content-length"] == str(len(manifest.payload))
                    assert method == "HEAD" or answer.body == manifest.payload
            tags = client.request("GET", "/v2/old/image/tags/list").expect(200).json()["tags"]
            assert tags == ["v1", "v2"]


class OurTreeTests:
    """
    A tree that we wrote.
    """

    def test_everything(self, peer: Distribution, ours: Daemon) -> None:
        """
        distribution serves every repository, tag, manifest and blob, beside the things that it
        doesn't know, and so do we after it.
        """
        with running(ours) as client:
            repositories = list(fill(client))
            self.push_what_is_new(client)
        with running(peer) as client:
            for repository in repositories:
                repository.check(client)
            catalog = client.request("GET", "/v2/_catalog").expect(200).json()
            assert {r.name for r in repositories} <= {*catalog["repositories"]}
        with running(ours) as client:
            for repository in repositories:
                repository.check(client)

    def push_what_is_new(self, client: Client) -> None:
        """
        Push what distribution has no place for: sha512, referrers.
        """
        content = Content(22, 5000)
        target = f"/v2/newer/blobs/uploads/?digest={sha512(content)}"
        client.request("POST", target, body=content.whole()).expect(201)
        newer = Repository("newer")
        newer.push_blobs(client, CONFIG)
        plain = oci_image(note="plain")
        newer.push(client, plain, "plain")
        subject = f'"subject": {{"mediaType": "{plain.media_type}", "digest": "{plain.digest}",'
        payload = plain.payload.replace(
            b"{", (f'{{{subject} "size": {len(plain.payload)}}},').encode(), 1
        )
        remote = Remote(client, "newer")
        remote.put_manifest(sha256(payload), payload, plain.media_type).expect(201)

    def test_upload(self, peer: Distribution, ours: Daemon) -> None:
        """
        distribution continues an upload that we began.
        """
        with running(ours) as client:
            upload = begin(client)
        with running(peer) as client:
            finish(client, peer, upload)
        with running(ours) as client:
            assert Remote(client, "first").pull(UNFINISHED.digest) == (200, UNFINISHED.digest)

    @pytest.mark.parametrize("untagged", [False, True])
    def test_garbage_collection(self, peer: Distribution, ours: Daemon, untagged: bool) -> None:
        """
        distribution's garbage collector leaves all that is in use.
        """
        with running(ours) as client:
            repositories = list(fill(client))
        peer.configuration_path.parent.mkdir(exist_ok=True)
        with running(peer):
            pass
        peer.collect_garbage(untagged=untagged)
        with running(ours) as client:
            for repository in repositories:
                for tag, digest in repository.tags.items():
                    answer = get(client, repository.name, tag).expect(200)
                    assert answer.body == repository.manifests[digest].payload
                if repository.name == "first":
                    for layer in (CONFIG, *LAYERS[2:]):
                        pulled = Remote(client, "first").pull(layer.digest)
                        assert pulled == (200, layer.digest)


class SharedTreeTests:
    """
    Both servers on one tree at once.
    """

    def test_alternating_upload(self, peer: Distribution, ours: Daemon) -> None:
        """
        An upload goes on piece by piece, now at the one and now at the other.
        """
        with running(ours) as one, running(peer) as other:
            location = Remote(one, "shared").start()
            upload = location.partition("?")[0].rpartition("/")[2]
            for number, start in enumerate(range(0, UNFINISHED.size, PIECE)):
                client = (one, other)[number % 2]
                end = min(start + PIECE, UNFINISHED.size)
                url = peer.upload_url("shared", upload, start)
                status = client.request("GET", url).expect(204)
                assert status.offset == start
                remote = Remote(client, "shared")
                location = remote.append(status.location, UNFINISHED, start, end).location
            Remote(client, "shared").commit(location, UNFINISHED, UNFINISHED.size).expect(201)
            for client in (one, other):
                pulled = Remote(client, "shared").pull(UNFINISHED.digest)
                assert pulled == (200, UNFINISHED.digest)

    def test_live(self, peer: Distribution, ours: Daemon) -> None:
        """
        What one has pushed, tagged or deleted, the other serves, or not, at once.
        """
        chance = random.Random(3)
        repository = Repository("shared")
        with running(ours) as one, running(peer) as other:
            clients = [one, other]
            for number in range(12):
                chance.shuffle(clients)
                layer = Content(300 + number, 10 * KIB + number)
                repository.push_blobs(clients[0], CONFIG, layer)
                manifest = oci_image(layer, note=str(number))
                repository.push(clients[1], manifest, chance.choice(["a", "B", "latest"]))
                if number % 3 == 2:
                    repository.delete(clients[0], chance.choice([*repository.manifests]))
                for client in clients:
                    repository.check(client)
