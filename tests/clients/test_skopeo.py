"""
skopeo copies images in and out of the registry, lists, inspects and deletes them.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.clients.images import Image, Index, blobs_of, check_served, write_layout
from tests.clients.programs import run
from tests.clients.wire import DOCKER_MANIFEST, INDEX, MANIFEST, Wire

pytestmark = pytest.mark.component("skopeo")

IMAGE = Image.of({"hello": b"skopeo"})
INDEX_OF_TWO = Index((Image.of({"hello": b"one"}, "amd64"), Image.of({"hello": b"two"}, "arm64")))


def skopeo(command: str, *arguments: str) -> str:
    """
    Run a subcommand of skopeo without a policy of the machine.
    """
    return run("skopeo", "--insecure-policy", command, *arguments)


def name_of(wire: Wire, repository: str, tag: str | None = None) -> str:
    """
    What skopeo calls an image in the registry.
    """
    return f"docker://{wire.address}/{repository}" + (f":{tag}" if tag else "")


class CopyTests:
    """
    Images copied in, out and across, in each format.
    """

    def test_in_and_out_as_oci(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        An OCI layout copied in is served byte for byte, and comes out as it went in.
        """
        source = write_layout(tmp_path / "in", IMAGE)
        there = name_of(wire, repository, "1")
        skopeo("copy", "--dest-tls-verify=false", f"oci:{source}:latest", there)

        assert wire.manifest(repository, "1").body == IMAGE.manifest
        check_served(wire, repository, "1")

        skopeo("copy", "--src-tls-verify=false", there, f"oci:{tmp_path / 'out'}:latest")
        assert blobs_of(tmp_path / "out") == blobs_of(source)

    def test_in_and_out_as_docker(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        An image converted to Docker's format on its way in is served as such, and goes out to
        an archive.
        """
        source = write_layout(tmp_path / "in", IMAGE)
        there = name_of(wire, repository, "1")
        skopeo("copy", "--format=v2s2", "--dest-tls-verify=false", f"oci:{source}:latest", there)

        answer = wire.manifest(repository, "1").expect(200)
        assert answer.header("Content-Type") == DOCKER_MANIFEST
        assert check_served(wire, repository, "1")["mediaType"] == DOCKER_MANIFEST

        archive = tmp_path / "out.tar"
        skopeo("copy", "--src-tls-verify=false", there, f"docker-archive:{archive}:it:1")
        inspected = json.loads(skopeo("inspect", f"docker-archive:{archive}"))
        assert inspected["Architecture"] == "amd64"
        assert len(inspected["Layers"]) == 1

    def test_in_and_out_as_dir(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        A copy to a directory holds the bytes that were pushed, and can be copied in again.
        """
        IMAGE.push(wire, repository, "1")
        out = tmp_path / "out"
        there = name_of(wire, repository)
        skopeo("copy", "--src-tls-verify=false", there + ":1", f"dir:{out}")
        assert (out / "manifest.json").read_bytes() == IMAGE.manifest

        skopeo("copy", "--dest-tls-verify=false", f"dir:{out}", there + ":again")
        assert wire.digest_of(repository, "again") == IMAGE.digest
        assert wire.tags(repository) == ["1", "again"]

    def test_all_of_an_index(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        With ``--all`` an index goes in and out with its children, unchanged.
        """
        source = write_layout(tmp_path / "in", INDEX_OF_TWO)
        there = name_of(wire, repository, "multi")
        skopeo("copy", "--all", "--dest-tls-verify=false", f"oci:{source}:latest", there)

        answer = wire.manifest(repository, "multi").expect(200)
        assert answer.body == INDEX_OF_TWO.manifest
        assert answer.header("Content-Type") == INDEX
        assert len(check_served(wire, repository, "multi")["manifests"]) == 2

        out = tmp_path / "out"
        skopeo("copy", "--all", "--src-tls-verify=false", there, f"oci:{out}:latest")
        assert blobs_of(out) == blobs_of(source)

    def test_one_of_an_index(self, wire: Wire, repository: str, tmp_path: Path) -> None:
        """
        Without ``--all`` the child for the platform asked for is chosen.
        """
        INDEX_OF_TWO.push(wire, repository, "multi")
        there = name_of(wire, repository, "multi")
        choice = "--override-arch=arm64"
        run(
            "skopeo",
            "--insecure-policy",
            choice,
            "copy",
            "--src-tls-verify=false",
            there,
            f"dir:{tmp_path}",
        )
        assert (tmp_path / "manifest.json").read_bytes() == INDEX_OF_TWO.images[1].manifest

    def test_between_repositories(self, wire: Wire, repository: str) -> None:
        """
        A copy within the registry gives the same manifest and all of its blobs.
        """
        IMAGE.push(wire, repository, "1")
        both = ("--src-tls-verify=false", "--dest-tls-verify=false")
        target = repository + "-copy"
        skopeo("copy", *both, name_of(wire, repository, "1"), name_of(wire, target, "2"))
        assert wire.digest_of(target, "2") == IMAGE.digest
        check_served(wire, target, "2")


class LookingTests:
    """
    What skopeo shows of a registry.
    """

    def test_list_tags(self, wire: Wire, repository: str) -> None:
        """
        ``list-tags`` prints all tags in order.
        """
        IMAGE.push(wire, repository, "b", "a", "C")
        listed = skopeo("list-tags", "--tls-verify=false", name_of(wire, repository))
        assert json.loads(listed)["Tags"] == ["C", "a", "b"]

    def test_inspect(self, wire: Wire, repository: str) -> None:
        """
        ``inspect`` finds digest, tags, platform and layers; ``--raw`` prints the bytes that
        were pushed.
        """
        IMAGE.push(wire, repository, "1")
        name = name_of(wire, repository, "1")
        found = json.loads(skopeo("inspect", "--tls-verify=false", name))
        assert found["Digest"] == IMAGE.digest
        assert found["RepoTags"] == ["1"]
        assert (found["Os"], found["Architecture"]) == ("linux", "amd64")
        assert skopeo("inspect", "--tls-verify=false", "--raw", name).encode() == IMAGE.manifest

    def test_missing(self, wire: Wire, repository: str) -> None:
        """
        What isn't there is reported as an unknown manifest.
        """
        name = name_of(wire, repository, "nothing")
        assert "manifest unknown" in run(
            "skopeo", "inspect", "--tls-verify=false", name, fails=True
        )


class DeleteTests:
    """
    What is gone, and what stays.
    """

    def test_delete(self, wire: Wire, repository: str) -> None:
        """
        ``delete`` removes the manifest that a tag names, and with it all of its tags.
        """
        IMAGE.push(wire, repository, "1", "2")
        other = Image.of({"hello": b"other"}).push(wire, repository, "3")
        skopeo("delete", "--tls-verify=false", name_of(wire, repository, "1"))
        for reference in ("1", "2", IMAGE.digest):
            assert wire.manifest(repository, reference).expect(404).codes == ["MANIFEST_UNKNOWN"]
        assert wire.digest_of(repository, "3") == other
        assert wire.manifest(repository, "3").header("Content-Type") == MANIFEST
        assert wire.tags(repository) == ["3"]
