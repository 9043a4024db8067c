"""
Storage trees for registries that keep each repository as an OCI image layout, as zot does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import trees

REFERENCE_NAME = "org.opencontainers.image.ref.name"


def converted(tree: Path) -> Path:
    """
    Make image layouts of all repositories of a tree of distribution's, beside it.

    Blobs are linked, not copied.  What was made before is taken as it is.

    :return: the directory of the layouts.
    """
    layouts = tree.with_name(f"{tree.name}-oci")
    if layouts.exists():
        return layouts
    layouts.mkdir(parents=True)
    repositories = tree / "docker" / "registry" / "v2" / "repositories"
    for found in repositories.rglob("_layers"):
        name = found.parent.relative_to(repositories)
        _convert(tree, found.parent, layouts / name)
    return layouts


def blob_path(layouts: Path, repository: str, digest: str) -> Path:
    """
    Where the bytes of a blob are.
    """
    return layouts.joinpath(repository, "blobs", *digest.split(":"))


def _convert(tree: Path, repository: Path, layout: Path) -> None:
    (layout / "blobs" / "sha256").mkdir(parents=True)
    manifests = repository / "_manifests"
    revisions = list(_digests(manifests / "revisions"))
    for digest in {*revisions, *_digests(repository / "_layers")}:
        os.link(trees.blob_path(tree, digest), layout.joinpath("blobs", *digest.split(":")))
    tags = manifests / "tags"
    named = {
        tag.name: (tag / "current" / "link").read_text(encoding="ascii")
        for tag in (tags.iterdir() if tags.exists() else ())
    }
    descriptors = [_descriptor(tree, digest, tag) for tag, digest in named.items()]
    descriptors += [_descriptor(tree, digest) for digest in set(revisions) - set(named.values())]
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}', encoding="ascii")
    index = {"schemaVersion": 2, "manifests": descriptors}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _digests(links: Path) -> Iterator[str]:
    for link in links.glob("*/*/link"):
        yield link.read_text(encoding="ascii")


def _descriptor(tree: Path, digest: str, tag: str | None = None) -> dict[str, Any]:
    size = trees.blob_path(tree, digest).stat().st_size
    descriptor: dict[str, Any] = {"mediaType": trees.MANIFEST_TYPE, "digest": digest, "size": size}
    if tag is not None:
        descriptor["annotations"] = {REFERENCE_NAME: tag}
    return descriptor
