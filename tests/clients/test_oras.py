"""
oras pushes artifacts, attaches others to them, finds, copies, pulls and deletes them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.clients.images import Image, check_served
from tests.clients.programs import run
from tests.clients.wire import MANIFEST, Wire, sha256

pytestmark = pytest.mark.component("oras")

KIND = "application/vnd.example.notes.v1"


class Oras:
    """
    oras in a directory of its own, talking plain HTTP.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def __call__(self, *arguments: str, stdin: bytes = b"") -> str:
        """
        Run a command; switches follow the words that name it.
        """
        return run("oras", *arguments, "--plain-http", directory=self.directory, stdin=stdin)

    def json(self, *arguments: str) -> Any:
        """
        Run a command and read the JSON that it prints.
        """
        return json.loads(self(*arguments, "--format=json"))


@pytest.fixture
def oras(tmp_path: Path) -> Oras:
    """
    oras beside a file ``notes.txt``.
    """
    (tmp_path / "notes.txt").write_bytes(b"notes")
    return Oras(tmp_path)


def test_push_and_pull(oras: Oras, wire: Wire, repository: str) -> None:
    """
    An artifact of one file is pushed with its types, and comes back as that file.
    """
    name = f"{wire.address}/{repository}:1"
    pushed = oras.json("push", name, f"--artifact-type={KIND}", "notes.txt:text/plain")

    answer = wire.manifest(repository, "1").expect(200)
    assert answer.header("Content-Type") == MANIFEST
    assert answer.header("Docker-Content-Digest") == pushed["digest"]
    document = check_served(wire, repository, "1")
    assert document["artifactType"] == KIND
    assert document["layers"][0]["digest"] == sha256(b"notes")
    assert wire.blob(repository, document["config"]["digest"]).body == b"{}"

    oras("pull", name, "--output=out")
    assert (oras.directory / "out" / "notes.txt").read_bytes() == b"notes"


def test_empty_file(oras: Oras, wire: Wire, repository: str) -> None:
    """
    A file without a byte is pushed and pulled too.
    """
    (oras.directory / "empty").touch()
    name = f"{wire.address}/{repository}:1"
    oras("push", name, "empty")
    assert wire.blob(repository, sha256(b"")).expect(200).header("Content-Length") == "0"
    oras("pull", name, "--output=out")
    assert (oras.directory / "out" / "empty").read_bytes() == b""


def test_several_tags(oras: Oras, wire: Wire, repository: str) -> None:
    """
    One push sets several tags.
    """
    oras("push", f"{wire.address}/{repository}:a,b,c", "notes.txt")
    assert wire.tags(repository) == ["a", "b", "c"]
    assert len({wire.digest_of(repository, tag) for tag in "abc"}) == 1


def test_attach_and_discover(oras: Oras, wire: Wire, repository: str) -> None:
    """
    What is attached is found as a referrer, of its type and of all, and no fallback tag is written.
    """
    name = f"{wire.address}/{repository}:1"
    subject = Image.of({"hello": b"subject"}).push(wire, repository, "1")
    attached = [
        oras.json("attach", name, f"--artifact-type={KIND}.{kind}", "notes.txt")["digest"]
        for kind in ("one", "two")
    ]
    assert {entry["digest"] for entry in wire.referrers(repository, subject)} == set(attached)
    assert wire.tags(repository) == ["1"]

    found = oras.json("discover", name)["referrers"]
    assert {entry["digest"] for entry in found} == set(attached)
    (one,) = oras.json("discover", name, f"--artifact-type={KIND}.one")["referrers"]
    assert one["digest"] == attached[0]
    assert one["artifactType"] == f"{KIND}.one"


def test_copy_with_referrers(oras: Oras, wire: Wire, repository: str) -> None:
    """
    ``copy -r`` takes the whole graph of referrers along.
    """
    name = f"{wire.address}/{repository}:1"
    subject = oras.json("push", name, "notes.txt")["digest"]
    first = oras.json("attach", name, f"--artifact-type={KIND}", "notes.txt")["digest"]
    about = f"{wire.address}/{repository}@{first}"
    second = oras.json("attach", about, f"--artifact-type={KIND}", "notes.txt")["digest"]

    target = f"{repository}-copy"
    plain = ("--from-plain-http", "--to-plain-http")
    run("oras", "copy", "-r", *plain, name, f"{wire.address}/{target}:1")
    assert [entry["digest"] for entry in wire.referrers(target, subject)] == [first]
    assert [entry["digest"] for entry in wire.referrers(target, first)] == [second]
    check_served(wire, target, second)


def test_delete(oras: Oras, wire: Wire, repository: str) -> None:
    """
    A referrer deleted is in no list any more; a blob deleted is gone.
    """
    name = f"{wire.address}/{repository}:1"
    subject = oras.json("push", name, "notes.txt")["digest"]
    first = oras.json("attach", name, f"--artifact-type={KIND}", "notes.txt")["digest"]
    oras("manifest", "delete", "--force", f"{wire.address}/{repository}@{first}")
    assert wire.referrers(repository, subject) == []
    wire.manifest(repository, first).expect(404)

    blob = sha256(b"notes")
    oras("blob", "delete", "--force", f"{wire.address}/{repository}@{blob}")
    assert wire.blob(repository, blob).expect(404).codes == ["BLOB_UNKNOWN"]
    assert wire.digest_of(repository, "1") == subject


def test_tags(oras: Oras, wire: Wire, repository: str) -> None:
    """
    Tags are set and listed.
    """
    name = f"{wire.address}/{repository}"
    digest = oras.json("push", f"{name}:1", "notes.txt")["digest"]
    oras("tag", f"{name}:1", "2", "3")
    assert {wire.digest_of(repository, tag) for tag in "123"} == {digest}
    assert oras("repo", "tags", name).split() == ["1", "2", "3"]
    assert repository.removeprefix("clients/") in oras("repo", "ls", f"{wire.address}/clients")


def test_blob_and_manifest(oras: Oras, wire: Wire, repository: str) -> None:
    """
    A blob and a manifest are pushed and fetched on their own.
    """
    name = f"{wire.address}/{repository}"
    oras("blob", "push", name, "notes.txt")
    digest = sha256(b"notes")
    assert wire.blob(repository, digest).body == b"notes"
    assert oras("blob", "fetch", f"{name}@{digest}", "--output=-") == "notes"

    image = Image.of({"hello": b"by hand"})
    image.push(wire, repository)
    assert oras("manifest", "fetch", f"{name}@{image.digest}").encode() == image.manifest
