"""
What the registries find in their storage when they start: made once per run, read by all.
"""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path

from attrs import define, frozen

from benchmarks.sizes import KIB, MIB, Scale, say
from benchmarks.trees import Descriptor, Repository, manifest_document

LIBRARY = "bench/library"
BULK = "bench/bulk"
MANY_TAGS = "bench/many-tags"
SOME_TAGS = "bench/some-tags"
SUBJECT = "bench/subject"

IMAGES = 100
LAYERS = 5
MEDIUM_BLOBS = 16


@frozen(kw_only=True)
class Library:
    """
    A repository of small images, tagged ``t0``, ``t1``...

    :param small: blobs of 1 KiB.
    :param medium: blobs of 1 MiB.
    """

    root: Path
    small: list[Descriptor]
    medium: list[Descriptor]
    manifests: list[Descriptor]


@frozen(kw_only=True)
class Bulk:
    """
    A repository with one large blob.
    """

    root: Path
    blob: Descriptor


@frozen(kw_only=True)
class Large:
    """
    A storage with many tags, many repositories and many referrers.

    :param tags: the tags of :data:`MANY_TAGS`.
    :param repositories: in the catalog.
    :param subject: what the referrers in :data:`SUBJECT` refer to.
    :param referrers: how many they are.
    """

    root: Path
    tags: list[str]
    repositories: list[str]
    subject: Descriptor
    referrers: int


@define
class Stores:
    """
    Makes each when it is first asked for.

    :param directory: where.
    """

    directory: Path
    scale: Scale

    @cached_property
    def library(self) -> Library:
        """Small images."""
        root = self.directory / "library"
        repository = Repository(root, LIBRARY)
        manifests = [repository.add_image(LAYERS) for _ in range(IMAGES)]
        for index, manifest in enumerate(manifests):
            repository.add_tag(f"t{index}", manifest.digest)
        return Library(
            root=root,
            small=[repository.add_blob(os.urandom(KIB)) for _ in range(IMAGES)],
            medium=[repository.add_blob(os.urandom(MIB)) for _ in range(MEDIUM_BLOBS)],
            manifests=manifests,
        )

    @cached_property
    def bulk(self) -> Bulk:
        """One large blob."""
        root = self.directory / "bulk"
        return Bulk(
            root=root, blob=Repository(root, BULK).add_large_blob(self.scale.size(256 * MIB))
        )

    @cached_property
    def large(self) -> Large:
        """A storage in which there is much of everything."""
        root = self.directory / "large"
        say("writing a storage with many tags, repositories and referrers")
        return Large(
            root=root,
            tags=self._add_tags(root),
            repositories=self._add_repositories(root),
            subject=(subject := Repository(root, SUBJECT).add_image()),
            referrers=self._add_referrers(root, subject),
        )

    def _add_tags(self, root: Path) -> list[str]:
        count = self.scale.count(100_000, least=200)
        tags = [f"build-{number:06d}" for number in range(count)]
        for name, some in ((MANY_TAGS, tags), (SOME_TAGS, tags[: self.scale.count(2000, 100)])):
            repository = Repository(root, name)
            image = repository.add_image()
            for tag in some:
                repository.add_tag(tag, image.digest)
        say(f"{count} tags written")
        return tags

    def _add_repositories(self, root: Path) -> list[str]:
        count = self.scale.count(10_000, least=200)
        names = [f"team-{number // 100:03d}/service-{number:05d}" for number in range(count)]
        image = Repository(root, names[0]).add_image()
        for name in names:
            Repository(root, name).add_copy(image, "latest")
        say(f"{count} repositories written")
        return names

    def _add_referrers(self, root: Path, subject: Descriptor) -> int:
        count = self.scale.count(10_000, least=20)
        repository = Repository(root, SUBJECT)
        empty = repository.add_blob(b"{}", "application/vnd.oci.empty.v1+json")
        for number in range(count):
            payload = manifest_document(
                empty, [empty], subject, {"org.example.number": str(number)}
            )
            repository.add_referrer(subject.digest, repository.add_manifest(payload).digest)
        say(f"{count} referrers written")
        return count
