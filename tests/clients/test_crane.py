"""
crane pushes, pulls, copies, appends, mutates, lists, indexes and deletes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.images import Image, Index, blobs_of, check_served, tar_of, write_layout
from tests.clients.programs import run
from tests.clients.wire import INDEX, Wire, sha256

pytestmark = pytest.mark.component("crane")

IMAGE = Image.of({"hello": b"crane"})
TWO = Index((Image.of({"hello": b"one"}, "amd64"), Image.of({"hello": b"two"}, "arm64")))


def crane(command: str, *arguments: str | Path) -> str:
    """
    Run a subcommand and return what it printed, without its log.
    """
    lines = run("crane", command, *arguments).splitlines()
    return "\n".join(line for line in lines if not line[:4].isdigit())


class PushTests:
    """
    Images brought in, got out, copied and tagged.
    """

    def test_push_and_pull_a_tarball(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        An image pulled as a tarball can be pushed, and is the same image.
        """
        IMAGE.push(wire, repository, "1")
        tarball = tmp_path / "image.tar"
        crane("pull", f"{wire.address}/{repository}:1", tarball)
        pushed = crane("push", tarball, f"{wire.address}/{repository}-again:2")

        assert wire.digest_of(f"{repository}-again", "2") == pushed.rpartition("@")[2]
        config = check_served(wire, f"{repository}-again", "2")["config"]
        assert config["digest"] == sha256(IMAGE.config)

    def test_push_and_pull_a_layout(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        An index goes in and out as a layout, unchanged.
        """
        source = write_layout(tmp_path / "in", TWO)
        name = f"{wire.address}/{repository}:multi"
        crane("push", source, name)
        assert wire.manifest(repository, "multi").body == TWO.manifest
        check_served(wire, repository, "multi")

        crane("pull", "--format=oci", name, tmp_path / "out")
        assert blobs_of(tmp_path / "out") == blobs_of(source)

    def test_copy(self, wire: Wire, repository: str) -> None:
        """
        A copy of an index to another repository has the same digest and all content.
        """
        TWO.push(wire, repository, "multi")
        crane("copy", f"{wire.address}/{repository}:multi", f"{wire.address}/{repository}-copy:new")
        assert wire.digest_of(f"{repository}-copy", "new") == TWO.digest
        check_served(wire, f"{repository}-copy", "new")

    def test_tag(self, wire: Wire, repository: str) -> None:
        """
        A tag is set to what another one names.
        """
        IMAGE.push(wire, repository, "1")
        crane("tag", f"{wire.address}/{repository}:1", "latest")
        assert wire.digest_of(repository, "latest") == IMAGE.digest


class ChangeTests:
    """
    New images made of those in the registry.
    """

    def test_append(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        A layer appended makes a new image with the old layer below.
        """
        IMAGE.push(wire, repository, "1")
        layer = tmp_path / "layer.tar"
        layer.write_bytes(tar_of({"more": b"more"}))
        name = f"{wire.address}/{repository}"
        crane("append", f"--base={name}:1", f"--new_layer={layer}", f"--new_tag={name}:2")
        old, new = check_served(wire, repository, "2")["layers"]
        assert old["digest"] == sha256(IMAGE.layer)
        assert new["digest"] != old["digest"]

    def test_mutate(self, wire: Wire, repository: str) -> None:
        """
        A change of the config is a new config and manifest over the same layers.
        """
        IMAGE.push(wire, repository, "1")
        name = f"{wire.address}/{repository}"
        crane("mutate", f"{name}:1", "--label=made=here", f"--tag={name}:2")
        manifest = check_served(wire, repository, "2")
        assert [layer["digest"] for layer in manifest["layers"]] == [sha256(IMAGE.layer)]
        config = wire.blob(repository, manifest["config"]["digest"]).json()
        assert config["config"]["Labels"] == {"made": "here"}
        assert wire.digest_of(repository, "1") == IMAGE.digest

    def test_index_append_and_filter(self, wire: Wire, repository: str) -> None:
        """
        An index is made of images, and one platform of it is filtered out of it.
        """
        for image in TWO.images:
            image.push(wire, repository)
        name = f"{wire.address}/{repository}"
        children = [f"--manifest={name}@{image.digest}" for image in TWO.images]
        crane("index", "append", *children, f"--tag={name}:multi")
        assert wire.manifest(repository, "multi").header("Content-Type") == INDEX
        document = check_served(wire, repository, "multi")
        assert [child["digest"] for child in document["manifests"]] == [
            i.digest for i in TWO.images
        ]

        crane("index", "filter", f"{name}:multi", "--platform=linux/arm64", f"--tag={name}:arm")
        (child,) = check_served(wire, repository, "arm")["manifests"]
        assert child["digest"] == TWO.images[1].digest

    def test_subject(self, wire: Wire, repository: str) -> None:
        """
        crane, which looks for the referrers API after each push of a subject, doesn't write a
        fallback tag.
        """
        IMAGE.push(wire, repository, "1")
        referrer = Image.of({"hello": b"about it"}, subject=IMAGE.descriptor)
        referrer.push(wire, f"{repository}-other")
        crane(
            "copy",
            f"{wire.address}/{repository}-other@{referrer.digest}",
            f"{wire.address}/{repository}:2",
        )
        assert wire.tags(repository) == ["1", "2"]
        (found,) = wire.referrers(repository, IMAGE.digest)
        assert found["digest"] == referrer.digest


class LookingTests:
    """
    What crane shows of a registry.
    """

    def test_ls(self, wire: Wire, repository: str) -> None:
        """
        ``ls`` prints all tags.
        """
        IMAGE.push(wire, repository, "b", "a")
        assert crane("ls", f"{wire.address}/{repository}").split() == ["a", "b"]

    def test_catalog(self, wire: Wire, repository: str) -> None:
        """
        ``catalog`` prints all repositories.
        """
        IMAGE.push(wire, repository, "1")
        assert repository in crane("catalog", wire.address).split()

    def test_digest_manifest_config_blob(self, wire: Wire, repository: str) -> None:
        """
        What is in the registry is printed as it was pushed.
        """
        IMAGE.push(wire, repository, "1")
        name = f"{wire.address}/{repository}"
        assert crane("digest", f"{name}:1") == IMAGE.digest
        assert json.loads(crane("manifest", f"{name}:1")) == json.loads(IMAGE.manifest)
        assert json.loads(crane("config", f"{name}:1")) == json.loads(IMAGE.config)
        assert crane("blob", f"{name}@{sha256(IMAGE.config)}").encode() == IMAGE.config

    def test_validate(self, wire: Wire, repository: str) -> None:
        """
        crane's own check of an image in a registry passes.
        """
        TWO.push(wire, repository, "multi")
        assert "PASS" in crane("validate", f"--remote={wire.address}/{repository}:multi")


class DeleteTests:
    """
    What is gone, and what stays.
    """

    def test_delete(self, wire: Wire, repository: str) -> None:
        """
        A manifest deleted by its digest is gone, and its tag too.
        """
        IMAGE.push(wire, repository, "1")
        other = Image.of({"hello": b"stays"}).push(wire, repository, "2")
        crane("delete", f"{wire.address}/{repository}@{IMAGE.digest}")
        wire.manifest(repository, IMAGE.digest).expect(404)
        assert wire.tags(repository) == ["2"]
        assert wire.digest_of(repository, "2") == other

    def test_delete_a_tag(self, wire: Wire, repository: str) -> None:
        """
        A tag deleted leaves the manifest.
        """
        IMAGE.push(wire, repository, "1", "2")
        crane("delete", f"{wire.address}/{repository}:1")
        assert wire.tags(repository) == ["2"]
        assert wire.digest_of(repository, IMAGE.digest) == IMAGE.digest
