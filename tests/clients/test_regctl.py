"""
regctl uploads in chunks, and copies images with what refers to them.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.images import Image, Index, check_served, write_layout
from tests.clients.programs import run
from tests.clients.tap import Tap
from tests.clients.wire import Wire, sha256

pytestmark = pytest.mark.component("regctl")

IMAGE = Image.of({"hello": b"regctl"})
KIND = "application/vnd.example.notes.v1"

Regctl = Callable[..., str]


def regctl_for(*addresses: str, home: Path, chunk: int = 0) -> Regctl:
    """
    Make a regctl that knows registries as ones without TLS.

    :param chunk: bytes of a chunk; with it every blob that is larger is sent in chunks.
    """
    environment = {"REGCTL_CONFIG": str(home / "regctl.json")}

    def regctl(*arguments: str, stdin: bytes = b"") -> str:
        return run("regctl", *arguments, environment=environment, stdin=stdin)

    sizes = (f"--blob-chunk={chunk}", f"--blob-max={chunk}") if chunk else ()
    for address in addresses:
        regctl("registry", "set", address, "--tls=disabled", "--skip-check", *sizes)
    return regctl


@pytest.fixture
def regctl(wire: Wire, tmp_path: Path) -> Regctl:
    """
    regctl as most people use it.
    """
    return regctl_for(wire.address, home=tmp_path)


def test_chunked_blob(wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    A blob is uploaded in chunks that each say where they belong.
    """
    content = random.Random(2).randbytes(250_000)
    with Tap(wire.address) as tap:
        regctl = regctl_for(tap.address, home=tmp_path, chunk=65_536)
        said = regctl("blob", "put", f"{tap.address}/{repository}", stdin=content)
        chunks = [
            head.header("Content-Range")
            for head in tap.heads
            if head.method in ("PATCH", "PUT") and head.header("Content-Range")
        ]
    assert said.strip() == sha256(content)
    assert chunks[:3] == ["0-65535", "65536-131071", "131072-196607"]
    assert wire.blob(repository, sha256(content)).body == content


def test_chunked_image(wire: Wire, repository: str, tmp_path: Path) -> None:
    """
    An image whose every blob is larger than a chunk is copied in.
    """
    image = Image.of({"hello": random.Random(3).randbytes(5_000)})
    layout = write_layout(tmp_path / "layout", image)
    with Tap(wire.address) as tap:
        regctl = regctl_for(tap.address, home=tmp_path, chunk=1_000)
        regctl("image", "copy", f"ocidir://{layout}:latest", f"{tap.address}/{repository}:1")
        sizes = [head.header("Content-Length") for head in tap.heads if head.method == "PATCH"]
    assert sizes.count("1000") >= 5
    assert wire.digest_of(repository, "1") == image.digest
    check_served(wire, repository, "1")


def test_copy_with_referrers(regctl: Regctl, wire: Wire, repository: str) -> None:
    """
    ``--referrers`` and ``--digest-tags`` take along what refers to an index, and its old-style
    signatures.
    """
    index = Index((IMAGE, Image.of({"hello": b"two"}, "arm64")))
    index.push(wire, repository, "multi")
    referrer = Image.of({"hello": b"about it"}, subject=index.descriptor)
    referrer.push(wire, repository)
    signature = Image.of({"hello": b"signature"})
    old_style = index.digest.replace(":", "-") + ".sig"
    signature.push(wire, repository, old_style)

    source, target = f"{wire.address}/{repository}:multi", f"{wire.address}/{repository}-copy:multi"
    regctl("image", "copy", "--referrers", "--digest-tags", source, target)

    assert wire.digest_of(f"{repository}-copy", "multi") == index.digest
    check_served(wire, f"{repository}-copy", "multi")
    (found,) = wire.referrers(f"{repository}-copy", index.digest)
    assert found["digest"] == referrer.digest
    check_served(wire, f"{repository}-copy", referrer.digest)
    assert wire.tags(f"{repository}-copy") == sorted(["multi", old_style])


def test_artifacts(regctl: Regctl, wire: Wire, repository: str) -> None:
    """
    An artifact put on a subject is listed by type, and is got back.
    """
    IMAGE.push(wire, repository, "1")
    name = f"{wire.address}/{repository}:1"
    regctl("artifact", "put", f"--artifact-type={KIND}", f"--subject={name}", stdin=b"notes")
    regctl("artifact", "put", "--artifact-type=other/type", f"--subject={name}", stdin=b"other")

    entries = wire.referrers(repository, IMAGE.digest)
    assert {entry["artifactType"] for entry in entries} == {KIND, "other/type"}
    assert wire.tags(repository) == ["1"]

    only = (f"--filter-artifact-type={KIND}", "--format={{range .Descriptors}}{{.Digest}}{{end}}")
    listed = regctl("artifact", "list", *only, name)
    assert [listed.strip()] == [e["digest"] for e in entries if e["artifactType"] == KIND]
    assert (
        regctl("artifact", "get", f"--filter-artifact-type={KIND}", f"--subject={name}") == "notes"
    )


def test_tags(regctl: Regctl, wire: Wire, repository: str) -> None:
    """
    One tag is deleted by itself; the others, on the same manifest, stay.
    """
    IMAGE.push(wire, repository, "1", "2", "3")
    name = f"{wire.address}/{repository}"
    regctl("tag", "delete", f"{name}:2")
    assert regctl("tag", "ls", name).split() == wire.tags(repository) == ["1", "3"]
    assert repository in regctl("repo", "ls", wire.address)


def test_sha512(regctl: Regctl, wire: Wire, repository: str) -> None:
    """
    An image rebuilt with sha512 digests is pushed and served by them.
    """
    IMAGE.push(wire, repository, "1")
    name = f"{wire.address}/{repository}"
    regctl("image", "mod", f"{name}:1", "--digest-algo=sha512", f"--create={name}:512")
    document = wire.manifest(repository, "512").expect(200).json()
    for part in (document["config"], *document["layers"]):
        assert part["digest"].startswith("sha512:")
        assert wire.blob(repository, part["digest"]).expect(200).header("Content-Length") == str(
            part["size"]
        )
