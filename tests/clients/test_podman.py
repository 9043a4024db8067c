"""
podman and buildah push to the registry and pull from it, whole images and parts of layers.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.clients.images import Image, check_served, tar_of
from tests.clients.programs import run
from tests.clients.tap import Tap
from tests.clients.wire import DOCKER_MANIFEST, MANIFEST, Wire
from tests.conftest import need

INSECURE = "--tls-verify=false"


@attrs.frozen
class Containers:
    """
    podman and buildah on a storage of their own.
    """

    home: Path

    def run(
        self,
        program: str,
        *arguments: str | Path,
        stdin: bytes = b"",
        fails: bool | None = False,
    ) -> str:
        """
        Run one of the two.
        """
        environment = {
            "CONTAINERS_STORAGE_CONF": str(self.home / "storage.conf"),
            "BUILDAH_ISOLATION": "chroot",
            "TMPDIR": str(self.home),
        }
        return run(program, *arguments, environment=environment, stdin=stdin, fails=fails)

    def make(self, name: str, files: dict[str, bytes]) -> None:
        """
        Make an image of these files.
        """
        self.run("podman", "import", "--quiet", "-", name, stdin=tar_of(files))

    def forget(self) -> None:
        """
        Remove all images.
        """
        self.run("podman", "rmi", "--all", "--force")


def containers(home: Path, driver: str, options: str = "") -> Iterator[Containers]:
    """
    A storage with a driver, removed afterwards.
    """
    folders = f'graphroot = "{home}/graph"\nrunroot = "{home}/run"\n'
    more = f"[storage.options]\n{options}\n"
    (home / "storage.conf").write_text(f'[storage]\ndriver = "{driver}"\n{folders}{more}')
    made = Containers(home)
    told = made.run("podman", "info", "--format={{.Store.GraphDriverName}}", fails=None)
    if told.strip() != driver:
        need("podman", f"has no {driver} storage here: {told.strip()}")
    yield made
    made.forget()


@pytest.fixture
def vfs(tmp_path: Path) -> Iterator[Containers]:
    """
    A storage that works on any filesystem.
    """
    yield from containers(tmp_path, "vfs")


@pytest.fixture
def overlay(tmp_path: Path) -> Iterator[Containers]:
    """
    The one storage that can pull parts of layers.
    """
    options = 'pull_options = {enable_partial_images = "true", use_hard_links = "false"}'
    yield from containers(tmp_path, "overlay", options)


@pytest.mark.component("podman")
class PodmanTests:
    """
    podman on whole images.
    """

    def test_push_and_pull(self, vfs: Containers, wire: Wire, repository: str) -> None:
        """
        A pushed image is served whole, and comes back as the same image.
        """
        name = f"{wire.address}/{repository}:1"
        vfs.make(name, {"hello": b"podman"})
        vfs.run("podman", "push", INSECURE, name)
        manifest = check_served(wire, repository, "1")

        vfs.forget()
        pulled = vfs.run("podman", "pull", "--quiet", INSECURE, name).strip()
        assert f"sha256:{pulled}" == manifest["config"]["digest"]

    def test_formats(self, vfs: Containers, wire: Wire, repository: str) -> None:
        """
        The same image is pushed in OCI's and in Docker's format.
        """
        vfs.make("localhost/it:1", {"hello": b"formats"})
        for kind, media_type in (("oci", MANIFEST), ("v2s2", DOCKER_MANIFEST)):
            there = f"docker://{wire.address}/{repository}:{kind}"
            vfs.run("podman", "push", INSECURE, f"--format={kind}", "localhost/it:1", there)
            assert wire.manifest(repository, kind).header("Content-Type") == media_type
            check_served(wire, repository, kind)

    def test_manifest_list(self, vfs: Containers, wire: Wire, repository: str) -> None:
        """
        A list made by ``podman manifest`` is pushed with its images.
        """
        name = f"{wire.address}/{repository}"
        vfs.make(f"{name}:1", {"hello": b"listed"})
        vfs.run("podman", "push", INSECURE, f"{name}:1")
        vfs.run("podman", "manifest", "create", "localhost/list:1")
        vfs.run("podman", "manifest", "add", INSECURE, "localhost/list:1", f"docker://{name}:1")
        vfs.run(
            "podman",
            "manifest",
            "push",
            "--all",
            INSECURE,
            "localhost/list:1",
            f"docker://{name}:all",
        )
        (child,) = check_served(wire, repository, "all")["manifests"]
        assert child["digest"] == wire.digest_of(repository, "1")


@pytest.mark.component("podman")
class ZstdChunkedTests:
    """
    Layers in the format that can be pulled in parts.
    """

    def files(self) -> dict[str, bytes]:
        """
        Files that don't compress, so that the pieces are of a size. Always the same: the
        compressor of podman 4.3 gives up with "short write" on some contents, wherever they are
        pushed to.
        """
        generator = random.Random(1)
        return {f"file-{number:02}": generator.randbytes(20_000) for number in range(40)}

    def test_parts_of_a_layer(self, overlay: Containers, wire: Wire, repository: str) -> None:
        """
        A layer whose files are mostly there already is pulled by one request for several ranges.
        """
        files = self.files()
        changed = {**files, **dict.fromkeys(("file-03", "file-09", "file-15"), b"changed" * 2000)}
        for tag, content in (("old", files), ("new", changed)):
            overlay.make("localhost/it:" + tag, content)
            there = f"docker://{wire.address}/{repository}:{tag}"
            overlay.run(
                "podman", "push", INSECURE, "--compression-format=zstd:chunked",
                f"localhost/it:{tag}", there,
            )  # fmt: skip
        (layer,) = check_served(wire, repository, "new")["layers"]
        assert "io.containers.zstd-chunked.manifest-checksum" in layer["annotations"]

        overlay.forget()
        with Tap(wire.address) as tap:
            name = f"{tap.address}/{repository}"
            overlay.run("podman", "pull", INSECURE, f"{name}:old")
            overlay.run("podman", "pull", INSECURE, f"{name}:new")
            asked = [
                head.header("Range") or ""
                for head in tap.heads
                if head.target.endswith(layer["digest"])
            ]
        assert any("," in ranges for ranges in asked), f"no request for several ranges: {asked}"
        mounted = Path(overlay.run("podman", "image", "mount", f"{name}:new").strip())
        found = {path.name: path.read_bytes() for path in mounted.iterdir() if path.is_file()}
        overlay.run("podman", "image", "unmount", "--all")
        assert found == changed

    def test_whole(self, vfs: Containers, wire: Wire, repository: str) -> None:
        """
        A storage that can't pull parts pulls the layer whole.
        """
        name = f"{wire.address}/{repository}:1"
        vfs.make(name, {"hello": b"whole"})
        vfs.run("podman", "push", INSECURE, "--compression-format=zstd:chunked", name)
        vfs.forget()
        vfs.run("podman", "pull", INSECURE, name)
        assert wire.tags(repository) == ["1"]


@pytest.mark.component("buildah")
def test_buildah(vfs: Containers, wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    buildah starts from an image in the registry, adds a file and commits to the registry.
    """
    base = Image.of({"hello": b"base"})
    base.push(wire, repository, "base")
    name = f"{wire.address}/{repository}"
    (tmp_path / "added").write_bytes(b"added")
    container = vfs.run("buildah", "from", INSECURE, "--quiet", f"{name}:base").strip()
    vfs.run("buildah", "copy", container, tmp_path / "added", "/added")
    vfs.run("buildah", "commit", INSECURE, "--rm", container, f"docker://{name}:built")

    manifest = check_served(wire, repository, "built")
    assert len(manifest["layers"]) == 2
    config = wire.blob(repository, manifest["config"]["digest"]).json()
    assert config["rootfs"]["diff_ids"][:1] == json.loads(base.config)["rootfs"]["diff_ids"]
