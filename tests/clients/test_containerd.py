"""
containerd pushes to the registry and pulls from it, as on the nodes of a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.images import Image, Index, check_served
from tests.clients.programs import beside, run
from tests.clients.wire import Wire

pytestmark = [pytest.mark.component("containerd"), pytest.mark.component("ctr")]

Ctr = Callable[..., str]

CONFIGURATION = """
version = 2
root = "{home}/root"
state = "{home}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{home}/socket"
"""


@pytest.fixture(scope="module")
def ctr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ctr]:
    """
    The command line of a containerd of our own.
    """
    home = tmp_path_factory.mktemp("containerd")
    file = home / "config.toml"
    file.write_text(CONFIGURATION.format(home=home))

    def call(*arguments: str) -> str:
        return run("ctr", f"--address={home}/socket", "images", *arguments)

    socket: Path = home / "socket"
    with beside("containerd", f"--config={file}", log=home / "log", ready=socket.exists):
        yield call


PULL = ("pull", "--plain-http", "--snapshotter=native")


def test_pull_and_push(ctr: Ctr, wire: Wire, repository: str) -> None:
    """
    An image pulled and pushed to another repository is the same there.
    """
    digest = Image.of({"hello": b"containerd"}).push(wire, repository, "1")
    name = f"{wire.address}/{repository}"
    ctr(*PULL, f"{name}:1")
    assert digest in ctr("list", f"name=={name}:1")

    ctr("tag", f"{name}:1", f"{name}-out:2")
    ctr("push", "--plain-http", f"{name}-out:2")
    assert wire.digest_of(f"{repository}-out", "2") == digest
    check_served(wire, f"{repository}-out", "2")
    ctr("push", "--plain-http", f"{name}-out:2")  # all of it is there already


def test_all_platforms(ctr: Ctr, wire: Wire, repository: str) -> None:
    """
    An index with all of its images goes out of the registry and in again.
    """
    index = Index((Image.of({"hello": b"1"}, "amd64"), Image.of({"hello": b"2"}, "arm64")))
    index.push(wire, repository, "multi")
    name = f"{wire.address}/{repository}"
    ctr(*PULL, "--all-platforms", f"{name}:multi")
    ctr("tag", f"{name}:multi", f"{name}-out:multi")
    ctr("push", "--plain-http", f"{name}-out:multi")
    assert wire.digest_of(f"{repository}-out", "multi") == index.digest
    check_served(wire, f"{repository}-out", "multi")


def test_pull_by_digest(ctr: Ctr, wire: Wire, repository: str) -> None:
    """
    An image is pulled by its digest alone.
    """
    digest = Image.of({"hello": b"by digest"}).push(wire, repository)
    assert "done" in ctr(*PULL, f"{wire.address}/{repository}@{digest}")
