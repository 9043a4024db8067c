"""
Tiny images, made here: a tar, its layer, a config, a manifest; and the check that a registry
serves one whole.
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import attrs

from tests.clients.wire import DOCKER_LIST, DOCKER_MANIFEST, INDEX, MANIFEST, Wire, sha256

__all__ = [
    "CONFIG",
    "LAYER",
    "Document",
    "Image",
    "Index",
    "blobs_of",
    "check_blobs",
    "check_served",
    "descriptor",
    "encoded",
    "tar_of",
    "write_layout",
]

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"

Document = dict[str, Any]


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """
    A tar archive of these files, the same bytes each time.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def encoded(document: Document) -> bytes:
    """
    A JSON document's bytes.
    """
    return json.dumps(document, separators=(",", ":")).encode()


def descriptor(media_type: str, content: bytes, **more: Any) -> Document:
    """
    The descriptor of some content.
    """
    return {"mediaType": media_type, "digest": sha256(content), "size": len(content), **more}


@attrs.frozen
class Image:
    """
    An image of one layer.

    :param subject: descriptor of the manifest that this one refers to.
    """

    layer: bytes
    config: bytes
    architecture: str
    subject: Document | None = None

    @classmethod
    def of(
        cls,
        files: Mapping[str, bytes],
        architecture: str = "amd64",
        subject: Document | None = None,
    ) -> Image:
        """
        Make an image whose layer holds these files.
        """
        plain = tar_of(files)
        config: Document = {
            "architecture": architecture,
            "os": "linux",
            "config": {"Cmd": ["/hello"]},
            "rootfs": {"type": "layers", "diff_ids": [sha256(plain)]},
            "history": [{"created": "2020-01-01T00:00:00Z", "created_by": "test"}],
        }
        return cls(gzip.compress(plain, mtime=0), encoded(config), architecture, subject)

    @property
    def manifest(self) -> bytes:
        """
        The OCI manifest's bytes.
        """
        document: Document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": descriptor(CONFIG, self.config),
            "layers": [descriptor(LAYER, self.layer)],
        }
        if self.subject is not None:
            document["subject"] = self.subject
        return encoded(document)

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def descriptor(self) -> Document:
        platform = {"os": "linux", "architecture": self.architecture}
        return descriptor(MANIFEST, self.manifest, platform=platform)

    @property
    def contents(self) -> list[bytes]:
        """
        All contents, each after those that it refers to.
        """
        return [self.layer, self.config, self.manifest]

    def push(self, wire: Wire, repository: str, *references: str) -> str:
        """
        Push the image by its digest, or under each of the references. Return the digest.
        """
        wire.push_blob(repository, self.layer)
        wire.push_blob(repository, self.config)
        for reference in references or (self.digest,):
            wire.push_manifest(repository, reference, self.manifest).expect(201)
        return self.digest


@attrs.frozen
class Index:
    """
    A multi-platform image.
    """

    images: tuple[Image, ...]

    @property
    def manifest(self) -> bytes:
        """
        The OCI index's bytes.
        """
        children = [image.descriptor for image in self.images]
        return encoded({"schemaVersion": 2, "mediaType": INDEX, "manifests": children})

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    @property
    def descriptor(self) -> Document:
        return descriptor(INDEX, self.manifest)

    @property
    def contents(self) -> list[bytes]:
        """
        All contents, each after those that it refers to.
        """
        inner = [content for image in self.images for content in image.contents]
        return [*inner, self.manifest]

    def push(self, wire: Wire, repository: str, *references: str) -> str:
        """
        Push the children by digest, then the index under each of the references.
        """
        for image in self.images:
            image.push(wire, repository)
        for reference in references or (self.digest,):
            wire.push_manifest(repository, reference, self.manifest, INDEX).expect(201)
        return self.digest


def write_layout(directory: Path, image: Image | Index, tag: str = "latest") -> Path:
    """
    Write an image into a new OCI image layout, and return its directory.
    """
    blobs = directory / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for content in image.contents:
        (blobs / sha256(content).partition(":")[2]).write_bytes(content)
    (directory / "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    named = {**image.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": [named]}
    (directory / "index.json").write_bytes(encoded(index))
    return directory


def blobs_of(layout: Path) -> dict[str, bytes]:
    """
    All blobs of an OCI image layout by their file names.
    """
    return {path.name: path.read_bytes() for path in (layout / "blobs" / "sha256").iterdir()}


def check_served(wire: Wire, repository: str, reference: str) -> Document:
    """
    Check that a manifest and all that it refers to can be pulled, with right digests and sizes.

    :return: the manifest.
    """
    answer = wire.manifest(repository, reference).expect(200)
    digest = sha256(answer.body)
    assert answer.header("Docker-Content-Digest") == digest
    assert answer.header("Content-Length") == str(len(answer.body))
    if ":" in reference:
        assert reference == digest
    document: Document = answer.json()
    media_type = answer.header("Content-Type")
    assert media_type in (MANIFEST, INDEX, DOCKER_MANIFEST, DOCKER_LIST)
    assert document.get("mediaType", media_type) == media_type
    for child in document.get("manifests", ()):
        check_served(wire, repository, child["digest"])
    check_blobs(
        wire, repository, [document["config"], *document["layers"]] if "layers" in document else ()
    )
    return document


def check_blobs(wire: Wire, repository: str, descriptors: Iterable[Document]) -> None:
    """
    Check that blobs can be pulled and are what their descriptors say.
    """
    for wanted in descriptors:
        answer = wire.blob(repository, wanted["digest"]).expect(200)
        assert sha256(answer.body) == wanted["digest"]
        assert len(answer.body) == wanted["size"]
        assert answer.header("Docker-Content-Digest") == wanted["digest"]
