"""
BuildKit builds from an image in the registry, pushes the result, and keeps its cache there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.clients.images import Image, check_served
from tests.clients.programs import beside, run
from tests.clients.wire import INDEX, Wire

pytestmark = [pytest.mark.component("buildkitd"), pytest.mark.component("buildctl")]

Buildctl = Callable[..., str]


@pytest.fixture
def buildctl(wire: Wire, tmp_path: Path) -> Iterator[Buildctl]:
    """
    The command line of a BuildKit of our own, which knows the registry as one without TLS.
    """
    file = tmp_path / "buildkitd.toml"
    file.write_text(f'[registry."{wire.address}"]\nhttp = true\n')
    socket = tmp_path / "socket"
    options = ("--oci-worker-snapshotter=native", "--oci-worker-net=host")
    folders = (f"--root={tmp_path / 'root'}", f"--addr=unix://{socket}", f"--config={file}")

    def call(*arguments: str) -> str:
        return run("buildctl", f"--addr=unix://{socket}", *arguments)

    log = tmp_path / "log"
    with beside("buildkitd", *options, *folders, log=log, ready=socket.exists):
        yield call


def test_build_and_push(buildctl: Buildctl, wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    A build starts from the registry, and pushes an index of the image and its provenance.
    """
    base = Image.of({"hello": b"base"})
    base.push(wire, repository, "base")
    name = f"{wire.address}/{repository}"
    source = tmp_path / "source"
    source.mkdir()
    (source / "added").write_bytes(b"added")
    (source / "Dockerfile").write_text(f"FROM {name}:base\nCOPY added /added\nLABEL made=here\n")

    def build() -> str:
        return buildctl(
            "build", "--frontend=dockerfile.v0", "--progress=plain",
            f"--local=context={source}", f"--local=dockerfile={source}",
            "--opt=attest:provenance=mode=min",
            f"--output=type=image,name={name}:built,push=true,oci-mediatypes=true",
            f"--export-cache=type=registry,ref={name}:cache,mode=max",
            f"--import-cache=type=registry,ref={name}:cache",
        )  # fmt: skip

    build()
    assert wire.manifest(repository, "built").header("Content-Type") == INDEX
    children = check_served(wire, repository, "built")["manifests"]
    image = wire.manifest(repository, children[0]["digest"]).json()
    assert len(image["layers"]) == 2
    config = wire.blob(repository, image["config"]["digest"]).json()
    assert config["rootfs"]["diff_ids"][:1] == json.loads(base.config)["rootfs"]["diff_ids"]
    assert config["config"]["Labels"] == {"made": "here"}
    assert len(children) == 2, "the second is the provenance"
    wire.manifest(repository, "cache").expect(200)

    buildctl("prune", "--all")
    assert "CACHED" in build()
