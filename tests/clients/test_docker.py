"""
The docker engine pushes to the registry, pulls from it and builds from what is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest

from tests.clients.images import Image, Index, check_served, tar_of
from tests.clients.programs import beside, run
from tests.clients.tap import Tap
from tests.clients.wire import DOCKER_MANIFEST, Wire

pytestmark = [pytest.mark.component("docker"), pytest.mark.component("dockerd")]


@attrs.frozen
class Docker:
    """
    An engine of our own and its client.
    """

    home: Path

    @property
    def environment(self) -> dict[str, str]:
        """
        What the client needs to find the engine, and nothing of the user's.
        """
        return {
            "DOCKER_HOST": f"unix://{self.home}/socket",
            "DOCKER_CONFIG": str(self.home / "client"),
            "DOCKER_BUILDKIT": "0",  # an engine without the buildx plug-in has the classic builder
        }

    def __call__(self, *arguments: str | Path, stdin: bytes = b"", fails: bool = False) -> str:
        """
        Run a command of the client.
        """
        return run("docker", *arguments, environment=self.environment, stdin=stdin, fails=fails)

    def make(self, name: str, files: dict[str, bytes]) -> str:
        """
        Make an image of these files, and return its id.
        """
        return self("import", "-", name, stdin=tar_of(files)).strip()

    def forget(self, *names: str) -> None:
        """
        Remove images, so that a pull has to fetch them.
        """
        self("rmi", "--force", *names)


@contextmanager
def engine(home: Path, *more: str) -> Iterator[Docker]:
    """
    Run a docker engine that touches neither the machine's network nor another engine's files.
    """
    folders = (f"--data-root={home / 'data'}", f"--exec-root={home / 'exec'}")
    control = (f"--pidfile={home / 'pid'}", f"--host=unix://{home}/socket")
    alone = ("--iptables=false", "--bridge=none")
    ready = (home / "socket").exists
    with beside("dockerd", *folders, *control, *alone, *more, log=home / "log", ready=ready):
        yield Docker(home)


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """
    The engine of most tests here.
    """
    with engine(tmp_path_factory.mktemp("dockerd")) as running:
        yield running


def test_push_and_pull(docker: Docker, wire: Wire, repository: str) -> None:
    """
    A pushed image is served whole in Docker's format, and comes back as the same image.
    """
    name = f"{wire.address}/{repository}:1"
    made = docker.make(name, {"hello": b"docker"})
    said = docker("push", name)

    answer = wire.manifest(repository, "1").expect(200)
    assert answer.header("Content-Type") == DOCKER_MANIFEST
    assert f"digest: {answer.header('Docker-Content-Digest')}" in said
    assert check_served(wire, repository, "1")["config"]["digest"] == made

    docker.forget(name)
    docker("pull", name)
    assert docker("image", "inspect", "--format={{.Id}}", name).strip() == made


def test_pull_by_digest(docker: Docker, wire: Wire, repository: str) -> None:
    """
    An OCI image is pulled by its digest.
    """
    digest = Image.of({"hello": b"by digest"}).push(wire, repository)
    name = f"{wire.address}/{repository}@{digest}"
    assert f"Digest: {digest}" in docker("pull", name)


def test_pull_from_an_index(docker: Docker, wire: Wire, repository: str) -> None:
    """
    Of a multi-platform image the engine gets the one for its platform.
    """
    ours = Image.of({"hello": b"ours"}, "amd64")
    Index((Image.of({"hello": b"theirs"}, "s390x"), ours)).push(wire, repository, "multi")
    name = f"{wire.address}/{repository}:multi"
    docker("pull", "--platform=linux/amd64", name)
    found = json.loads(docker("image", "inspect", name))[0]
    assert found["Architecture"] == "amd64"
    assert found["Id"] == json.loads(ours.manifest)["config"]["digest"]


def test_all_tags(docker: Docker, wire: Wire, repository: str) -> None:
    """
    ``--all-tags`` pushes and pulls every tag of a repository.
    """
    name = f"{wire.address}/{repository}"
    docker.make(f"{name}:a", {"hello": b"a"})
    docker.make(f"{name}:b", {"hello": b"b"})
    docker("push", "--all-tags", name)
    assert wire.tags(repository) == ["a", "b"]

    docker.forget(f"{name}:a", f"{name}:b")
    docker("pull", "--all-tags", name)
    listed = docker("images", "--format={{.Tag}}", name)
    assert sorted(listed.split()) == ["a", "b"]


def test_build_from_it(docker: Docker, wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    A build starts from an image in the registry, and its result is pushed beside it.
    """
    base = Image.of({"hello": b"base"})
    base.push(wire, repository, "base")
    name = f"{wire.address}/{repository}"
    (tmp_path / "added").write_bytes(b"added")
    steps = [f"FROM {name}:base", "COPY added /added", "LABEL made=here"]
    (tmp_path / "Dockerfile").write_text("\n".join(steps))
    docker("build", "--pull", f"--tag={name}:built", tmp_path)
    docker("push", f"{name}:built")

    manifest = check_served(wire, repository, "built")
    assert len(manifest["layers"]) == 2
    config = wire.blob(repository, manifest["config"]["digest"]).json()
    assert config["config"]["Labels"] == {"made": "here"}
    first = json.loads(base.config)["rootfs"]["diff_ids"]
    assert config["rootfs"]["diff_ids"][:1] == first


def test_layers_are_mounted(docker: Docker, wire: Wire, repository: str) -> None:
    """
    A layer that is in one repository is mounted into another, not sent again.
    """
    name = f"{wire.address}/{repository}"
    docker.make(f"{name}:1", {"hello": b"mount me"})
    docker("push", f"{name}:1")
    docker("tag", f"{name}:1", f"{name}-other:1")
    assert f"Mounted from {repository}" in docker("push", f"{name}-other:1")
    check_served(wire, f"{repository}-other", "1")


def test_missing(docker: Docker, wire: Wire, repository: str) -> None:
    """
    A tag that isn't there is reported as unknown.
    """
    name = f"{wire.address}/{repository}:nothing"
    assert "manifest unknown" in docker("pull", name, fails=True)


def test_trap_46_mirror_of_the_hub(wire: Wire, tmp_path: Path) -> None:
    """
    An engine that has the registry as its mirror finds the Hub's images in it.
    """
    digest = Image.of({"hello": b"mirrored"}).push(wire, "library/mirrored", "1")
    with (
        Tap(wire.address) as tap,
        engine(tmp_path, f"--registry-mirror=http://{tap.address}") as docker,
    ):
        assert f"Digest: {digest}" in docker("pull", "mirrored:1")
        asked = {head.target.partition("?")[0] for head in tap.heads}
    assert "/v2/library/mirrored/manifests/1" in asked
