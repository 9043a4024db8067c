"""
Writes storage trees in the layout of distribution, which all of its kind can serve.

They are written straight to the disk, for a hundred thousand pushes would take an hour, and
nothing is synced.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.sizes import KIB, append_random

OCI = "application/vnd.oci.image"
MANIFEST_TYPE = f"{OCI}.manifest.v1+json"
CONFIG_TYPE = f"{OCI}.config.v1+json"
LAYER_TYPE = f"{OCI}.layer.v1.tar+gzip"
ARTIFACT_TYPE = "application/vnd.example.signature.v1+json"


@frozen
class Descriptor:
    """
    A blob or manifest.

    :param size: in bytes.
    """

    media_type: str
    digest: str
    size: int

    def document(self) -> dict[str, Any]:
        """
        As it stands in a manifest.
        """
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


def digest_of(content: bytes) -> str:
    """
    The digest of some bytes.
    """
    return "sha256:" + hashlib.sha256(content).hexdigest()


def manifest_document(
    config: Descriptor,
    layers: Sequence[Descriptor],
    subject: Descriptor | None = None,
    annotations: Mapping[str, str] | None = None,
) -> bytes:
    """
    The bytes of a manifest.

    :param subject: what it refers to; then it is a signature of that.
    """
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.document(),
        "layers": [layer.document() for layer in layers],
    }
    if subject is not None:
        document |= {"artifactType": ARTIFACT_TYPE, "subject": subject.document()}
    if annotations:
        document["annotations"] = dict(annotations)
    return json.dumps(document, indent=2).encode()


def write(path: Path, content: bytes) -> None:
    """
    Write a file, and the directories above it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def blob_path(root: Path, digest: str) -> Path:
    """
    Where the bytes of a blob are.
    """
    algorithm, _, hexadecimal = digest.partition(":")
    base = root / "docker" / "registry" / "v2" / "blobs"
    return base / algorithm / hexadecimal[:2] / hexadecimal / "data"


def add_bytes(root: Path, content: bytes) -> str:
    """
    Write bytes that no repository has yet.

    :return: their digest.
    """
    digest = digest_of(content)
    write(blob_path(root, digest), content)
    return digest


def remove(directory: Path) -> None:
    """
    Remove a directory and all that is in it.
    """
    # rm goes through a large directory in the order of the disk; shutil takes minutes longer.
    subprocess.run(["rm", "-rf", "--", str(directory)], check=False)


class Repository:
    """
    A repository in a tree.

    :param root: the directory of the storage.
    """

    def __init__(self, root: Path, name: str) -> None:
        self.root = root
        self.name = name
        self._directory = root / "docker" / "registry" / "v2" / "repositories" / name

    def link(self, digest: str, *parts: str) -> None:
        """
        Write a link to a digest.

        :param parts: the directories above the digest's.
        """
        write(self._directory.joinpath(*parts, *digest.split(":"), "link"), digest.encode())

    def add_blob(self, content: bytes, media_type: str = LAYER_TYPE) -> Descriptor:
        """
        Write a blob.
        """
        descriptor = Descriptor(media_type, add_bytes(self.root, content), len(content))
        self.link(descriptor.digest, "_layers")
        return descriptor

    def add_image(self, layers: int = 1) -> Descriptor:
        """
        Write an image of random layers of 1 KiB.

        :return: its manifest.
        """
        config = {"architecture": "amd64", "os": "linux", "rootfs": os.urandom(32).hex()}
        written = self.add_blob(json.dumps(config).encode(), CONFIG_TYPE)
        blobs = [self.add_blob(os.urandom(KIB)) for _ in range(layers)]
        return self.add_manifest(manifest_document(written, blobs))

    def add_large_blob(self, size: int) -> Descriptor:
        """
        Write a blob of random bytes, without holding it in memory.
        """
        aside = self.root / "large"
        self.root.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            digest = append_random(file, size)
        path = blob_path(self.root, digest)
        path.parent.mkdir(parents=True)
        aside.rename(path)
        self.link(digest, "_layers")
        return Descriptor(LAYER_TYPE, digest, size)

    def add_manifest(self, payload: bytes) -> Descriptor:
        """
        Write a manifest.
        """
        descriptor = Descriptor(MANIFEST_TYPE, add_bytes(self.root, payload), len(payload))
        self.link(descriptor.digest, "_manifests", "revisions")
        return descriptor

    def add_tag(self, tag: str, digest: str) -> None:
        """
        Let a tag name a manifest.

        What it ever named isn't noted: nobody reads that to serve, and it would be most of what
        there is to write and to remove.
        """
        link = self._directory / "_manifests" / "tags" / tag / "current" / "link"
        write(link, digest.encode())

    def add_copy(self, manifest: Descriptor, tag: str) -> None:
        """
        Take an image that another repository has.
        """
        content = json.loads(blob_path(self.root, manifest.digest).read_bytes())
        for blob in (content["config"], *content["layers"]):
            self.link(blob["digest"], "_layers")
        self.link(manifest.digest, "_manifests", "revisions")
        self.add_tag(tag, manifest.digest)

    def add_referrer(self, subject: str, digest: str) -> None:
        """
        Note that a manifest refers to another: where txregistry does.
        """
        self.link(digest, "_referrers", *subject.split(":"))
