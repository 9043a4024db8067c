"""
Real registries with a cache: several processes, several instances, and distribution beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cache.redis.conftest import MakeServer
from tests.cache.redis.server import RedisServer
from tests.clients.wire import Answer, Wire, sha256
from tests.compat.distribution import Distribution
from tests.conftest import MakeDaemon
from tests.daemon import Daemon, merged

SECRET = "hunter2-is-secret"


def settings(server: RedisServer, **more: Any) -> dict[str, Any]:
    """
    What a configuration says of a cache in Redis.
    """
    return {
        "log": {"level": "debug"},
        "storage": {"cache": {"blobdescriptor": "redis"}},
        "redis": {"addrs": [f"127.0.0.1:{server.port}"], **more},
    }


def blob(wire: Wire, name: str, digest: str) -> Answer:
    """
    Look at a blob.
    """
    return wire.head(f"/v2/{name}/blobs/{digest}")


def connected(daemon: Daemon, times: int = 1) -> Daemon:
    """
    Wait until a daemon has a connection to Redis, so many times: before that nothing is cached.
    """
    deadline = time.monotonic() + 30
    while daemon.log().count("connected to Redis") < times:
        assert time.monotonic() < deadline, daemon.log()
        time.sleep(0.05)
    return daemon


def known(server: RedisServer, name: str, digest: str) -> bool:
    """
    Whether Redis has an entry.
    """
    return server.command("SISMEMBER", f"repository::{name}::blobs", digest) == b":1\r\n"


def image(config: str) -> bytes:
    """
    A manifest that names a configuration of two bytes.
    """
    return (
        '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":'
        '[],"config":{"mediaType":"application/vnd.oci.image.config.v1+json","size":2,'
        f'"digest":"{config}"}}}}'
    ).encode()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """
    A storage directory that several have.
    """
    return tmp_path / "root"


class WorkersTests:
    """
    Several processes of one daemon.
    """

    def test_delete(self, make_daemon: MakeDaemon, scale: Callable[[int, int], int]) -> None:
        """
        What one worker deletes none of them shows any more, in the same moment.
        """
        cache = {"cache": {"blobdescriptor": "inmemory"}}
        wire = Wire(make_daemon(configuration={"workers": 2, "storage": cache}).host)
        for number in range(scale(10, 300)):
            digest = wire.push_blob("a", b"%d" % number)
            assert all(blob(wire, "a", digest).status == 200 for _ in range(8))
            wire.delete(f"/v2/a/blobs/{digest}").expect(202)
            assert all(blob(wire, "a", digest).status == 404 for _ in range(8))


class InstancesTests:
    """
    Several daemons on one storage and one Redis.
    """

    def test_delete(self, make_daemon: MakeDaemon, server: RedisServer, root: Path) -> None:
        """
        What one instance deletes no other shows, or mounts from there; other repositories keep
        it, and it can be pushed again.
        """
        configuration = settings(server)
        daemons = [make_daemon(configuration=configuration, root=root) for _ in range(2)]
        wires = [Wire(connected(daemon).host) for daemon in daemons]
        digest = wires[0].push_blob("a", b"a blob")
        assert known(server, "a", digest)
        wires[1].push_blob("b", b"a blob")
        assert [blob(wire, "a", digest).status for wire in wires] == [200, 200]
        wires[1].delete(f"/v2/a/blobs/{digest}").expect(202)
        for wire in wires:
            assert blob(wire, "b", digest).status == 200
            assert blob(wire, "a", digest).status == 404
            assert wire.get(f"/v2/a/blobs/{digest}").status == 404
            mount = f"/v2/c/blobs/uploads/?mount={digest}&from=a"
            assert wire.request("POST", mount).status == 202
        wires[0].push_blob("a", b"a blob")
        assert [blob(wire, "a", digest).status for wire in wires] == [200, 200]

    def test_outage(self, make_daemon: MakeDaemon, server: RedisServer, root: Path) -> None:
        """
        Clients notice nothing when Redis goes and comes back.
        """
        limit = {"readtimeout": "200ms"}
        daemon = make_daemon(configuration=settings(server, **limit), root=root)
        wire = Wire(connected(daemon).host)
        digest = wire.push_blob("a", b"a blob")
        server.pause()
        assert blob(wire, "a", digest).status == 200
        wire.delete(f"/v2/a/blobs/{digest}").expect(202)
        assert blob(wire, "a", digest).status == 404
        server.kill()
        other = wire.push_blob("a", b"another")
        assert wire.get(f"/v2/a/blobs/{other}").body == b"another"
        server.start()
        for _ in range(100):
            assert blob(wire, "a", other).status == 200
            assert blob(wire, "a", digest).status == 404
            if known(server, "a", other):
                break
            daemon.wait_ready()
        connected(daemon, times=2)

    def test_flushed(self, make_daemon: MakeDaemon, server: RedisServer) -> None:
        """
        Clients notice nothing when Redis is emptied in the middle of a push, and what is asked for
        afterwards is known again.
        """
        daemon = connected(make_daemon(configuration=settings(server)))
        wire = Wire(daemon.host)
        config = wire.push_blob("a", b"{}")
        location = wire.request("POST", "/v2/a/blobs/uploads/").expect(202).location
        server.command("FLUSHALL")
        layer = sha256(b"a layer")
        target = f"{location}?digest={layer}"
        wire.request("PUT", target, body=b"a layer").expect(201)
        server.command("FLUSHALL")
        wire.push_manifest("a", "latest", image(config)).expect(201)
        for digest in (config, layer):
            assert blob(wire, "a", digest).status == 200
            assert known(server, "a", digest)
        assert wire.manifest("a", "latest").expect(200).body == image(config)

    def test_secrets(self, make_daemon: MakeDaemon, make_server: MakeServer) -> None:
        """
        No password is in the log, whether it is right or wrong.
        """
        server = make_server({"requirepass": SECRET})
        for password in (SECRET, f"wrong{SECRET}"):
            daemon = make_daemon(configuration=settings(server, password=password))
            Wire(daemon.host).push_blob("a", b"a blob")
            daemon.stop()
            assert "Redis at 127.0.0.1" in daemon.log()
            assert SECRET not in daemon.log()

    def test_version_2(self, make_daemon: MakeDaemon, server: RedisServer) -> None:
        """
        What a configuration of distribution 2.0 says of Redis is enough for a cache.
        """
        configuration = {"redis": {"addr": f"127.0.0.1:{server.port}", "pool": {"maxidle": 16}}}
        daemon = connected(make_daemon(configuration=configuration))
        digest = Wire(daemon.host).push_blob("a", b"a blob")
        assert known(server, "a", digest)
        assert "redis.addr: is deprecated" in daemon.log()


class DistributionTests:
    """
    distribution 3 on the same storage and the same Redis.
    """

    @pytest.fixture
    def peer(
        self, component: Callable[..., Path], tmp_path: Path, root: Path, server: RedisServer
    ) -> Iterator[Daemon]:
        """
        It.
        """
        peer = Distribution(tmp_path / "peer", program=component("registry"), root=root)
        peer.configuration = merged(peer.configuration, settings(server))
        peer.configuration["log"] = {"level": "info"}
        yield peer.start()
        peer.stop()

    def test_together(
        self, make_daemon: MakeDaemon, server: RedisServer, root: Path, peer: Daemon
    ) -> None:
        """
        Each finds what the other pushed, and neither finds what the other has deleted.
        """
        ours = Wire(connected(make_daemon(configuration=settings(server), root=root)).host)
        theirs = Wire(peer.host)
        for one, other in ((ours, theirs), (theirs, ours)):
            digest = one.push_blob("a", b"a blob")
            one.push_blob("b", b"a blob")
            for wire in (ours, theirs, ours, theirs):
                assert wire.blob("a", digest).expect(200).body == b"a blob"
            assert known(server, "a", digest)
            other.delete(f"/v2/a/blobs/{digest}").expect(202)
            for wire in (ours, theirs):
                assert blob(wire, "b", digest).status == 200
                assert blob(wire, "a", digest).status == 404

    def test_manifest(
        self, make_daemon: MakeDaemon, server: RedisServer, root: Path, peer: Daemon
    ) -> None:
        """
        A manifest that distribution deletes is gone for us, though it tells no cache of that.
        """
        ours = Wire(connected(make_daemon(configuration=settings(server), root=root)).host)
        theirs = Wire(peer.host)
        config = ours.push_blob("a", b"{}")
        ours.push_manifest("a", "latest", image(config)).expect(201)
        digest = ours.digest_of("a", "latest")
        theirs.manifest("a", digest).expect(200)
        theirs.delete(f"/v2/a/manifests/{digest}").expect(202)
        assert ours.manifest("a", digest).status == 404
        assert ours.manifest("a", "latest").status == 404
