"""
One tree, two servers: what distribution wrote is served here, and what was written here is served
by distribution.
"""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.storage.distribution import Distribution, signed
from tests.storage.kit import Made, image, index, push, push_blob, read_blob
from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem import FilesystemFactory
from txregistry.errors import BlobUnknown, ManifestUnknown
from txregistry.interfaces import IRegistry, IRepository, IStorageDriver
from txregistry.model import media_types
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import Reference, RepositoryName, Tag
from txregistry.storage import hashing, paths
from txregistry.storage.registry import Registry
from txregistry.storage.uploads import WORTH_SAVING
from txregistry.testing.streams import GivenStream

NAME = RepositoryName("some/thing")
NOISE = random.Random(4711).randbytes(WORTH_SAVING + 1_000_003)
LAYER = NOISE[:100_001]
ACCEPT = f"{media_types.OCI_MANIFEST}, {media_types.OCI_INDEX}, {media_types.DOCKER_MANIFEST}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The directory that both servers use."""
    root = tmp_path / "root"
    root.mkdir()
    return root


@pytest.fixture
def distribution(component: Callable[..., Path], root: Path) -> Iterator[Distribution]:
    """The other server."""
    distribution = Distribution(component("docker-registry"), root)
    distribution.start()
    yield distribution
    distribution.stop()


@pytest_twisted.async_yield_fixture
async def driver(root: Path) -> AsyncIterator[IStorageDriver]:
    """A driver on the same directory."""
    driver = CheckedDriver(FilesystemFactory().create(reactor, {"rootdirectory": str(root)}))
    yield driver
    await driver.close()


@pytest.fixture
def registry(driver: IStorageDriver) -> IRegistry:
    """This server."""
    return Registry(driver, InlineThreads(), lambda: datetime.now(UTC))


@pytest.fixture
def repository(registry: IRegistry) -> IRepository:
    """A repository of this server."""
    return registry.repository(NAME, Requester("ann"))


class WrittenByDistributionTests:
    """
    What distribution wrote.
    """

    async def test_blobs(self, distribution: Distribution, repository: IRepository) -> None:
        """
        Blobs are there, by the digest by which they were pushed and by their sha256.
        """
        distribution.push_blob(NAME, LAYER)
        distribution.push_blob(NAME, b"")
        distribution.push_blob(NAME, b"by sha512", "sha512")
        for digest, content in (
            (Digest.of(LAYER), LAYER),
            (Digest.of(b""), b""),
            (Digest.of(b"by sha512", "sha512"), b"by sha512"),
            (Digest.of(b"by sha512"), b"by sha512"),
        ):
            descriptor = await repository.blobs.stat(digest)
            assert (descriptor.digest, descriptor.size) == (digest, len(content))
            assert await read_blob(repository, digest) == content

    async def test_manifests(
        self, distribution: Distribution, registry: IRegistry, repository: IRepository
    ) -> None:
        """
        Manifests are there with their types, tags name what they named last, and deletes hold.
        """
        for content in (b"{}", LAYER):
            distribution.push_blob(NAME, content)
        first, second = image(LAYER), image(LAYER, mediaType=media_types.DOCKER_MANIFEST)
        children = index(first.descriptor, second.descriptor)
        subject = image(LAYER, annotations={"refers": "to it"}, subject=first.descriptor)
        gone = index(first.descriptor)
        for tag, what in (
            ("latest", first),
            ("latest", second),
            ("V1.0", children),
            (str(subject.digest), subject),
            ("gone", gone),
        ):
            distribution.push_manifest(NAME, tag, what.manifest.media_type, what.payload)
        answer = distribution.request("DELETE", f"/v2/{NAME}/manifests/{gone.digest}")
        assert answer.status == 202
        expected: list[tuple[Reference, Made]] = [
            (Tag("latest"), second),
            (Tag("V1.0"), children),
            (first.digest, first),
            (subject.digest, subject),
        ]
        for reference, what in expected:
            stored = await repository.manifests.get(reference)
            assert stored.payload == what.payload
            assert stored.descriptor.digest == what.digest
            assert stored.descriptor.media_type == what.manifest.media_type
        assert (await repository.tags.page()).items == ("V1.0", "latest")
        assert (await registry.page(10)).items == (NAME,)
        with pytest.raises(ManifestUnknown):
            await repository.tags.get(Tag("gone"))
        # distribution knows no subjects: this is found only when it is noted under a tag.
        assert (await repository.referrers.page(first.digest, 10)).items == ()
        note = index(subject.descriptor)
        tag = f"sha256-{first.digest.hex}"
        distribution.push_manifest(NAME, tag, media_types.OCI_INDEX, note.payload)
        (entry,) = (await repository.referrers.page(first.digest, 10)).items
        assert entry.descriptor.digest == subject.digest

    async def test_schema_1(self, distribution: Distribution, repository: IRepository) -> None:
        """
        An old image's manifest is served as it is stored, under its own type.
        """
        distribution.push_blob(NAME, LAYER)
        payload, document = signed(
            {
                "schemaVersion": 1,
                "name": NAME,
                "tag": "old",
                "architecture": "amd64",
                "fsLayers": [{"blobSum": str(Digest.of(LAYER))}],
                "history": [{"v1Compatibility": json.dumps({"id": "0" * 64})}],
            }
        )
        distribution.push_manifest(NAME, "old", media_types.DOCKER_SCHEMA1_SIGNED, document)
        stored = await repository.manifests.get(Tag("old"))
        assert stored.payload == payload
        assert stored.descriptor.media_type == media_types.DOCKER_SCHEMA1
        assert stored.descriptor.digest == Digest.of(payload)

    async def test_upload(
        self, distribution: Distribution, driver: IStorageDriver, repository: IRepository
    ) -> None:
        """
        An unfinished upload is anybody's, and is continued without reading it again.
        """
        location = distribution.start_upload(NAME, NOISE[:WORTH_SAVING])
        name = location.rpartition("/")[2].partition("?")[0]
        state = await driver.get_content(
            paths.upload_hash_state(NAME, name, "sha256", WORTH_SAVING)
        )
        running = hashing.new("sha256")
        running.update(NOISE[:WORTH_SAVING])
        assert running.save() == state
        upload = await repository.uploads.resume(name)
        assert upload.size == WORTH_SAVING
        await upload.append(GivenStream(NOISE[WORTH_SAVING:-1]))
        upload = await repository.uploads.resume(name)
        await upload.commit(Digest.of(NOISE), GivenStream(NOISE[-1:]))
        assert await read_blob(repository, Digest.of(NOISE)) == NOISE

    async def test_deleted(self, distribution: Distribution, repository: IRepository) -> None:
        """
        What distribution deletes is gone here, at once.
        """
        distribution.push_blob(NAME, b"{}")
        what = index()
        distribution.push_manifest(NAME, "a", media_types.OCI_INDEX, what.payload)
        await repository.manifests.get(Tag("a"))
        await repository.blobs.stat(Digest.of(b"{}"))
        for path in (f"manifests/{what.digest}", f"blobs/{Digest.of(b'{}')}"):
            assert distribution.request("DELETE", f"/v2/{NAME}/{path}").status == 202
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(Tag("a"))
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(what.digest)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(Digest.of(b"{}"))


class WrittenHereTests:
    """
    What was written here.
    """

    async def test_blobs(self, distribution: Distribution, repository: IRepository) -> None:
        """
        distribution serves blobs, also empty ones and those pushed by their sha512.
        """
        for content, algorithm in ((LAYER, "sha256"), (b"", "sha256"), (b"long", "sha512")):
            digest = await push_blob(repository, content, algorithm)
            answer = distribution.request("GET", f"/v2/{NAME}/blobs/{digest}")
            assert (answer.status, answer.body) == (200, content)

    async def test_mounted(
        self, distribution: Distribution, registry: IRegistry, repository: IRepository
    ) -> None:
        """
        distribution serves mounted blobs, also those that it took by their sha512.
        """
        distribution.push_blob("other", b"long", "sha512")
        digest = Digest.of(b"long", "sha512")
        await repository.blobs.mount(digest, RepositoryName("other"))
        answer = distribution.request("GET", f"/v2/{NAME}/blobs/{digest}")
        assert (answer.status, answer.body) == (200, b"long")

    async def test_manifests(self, distribution: Distribution, repository: IRepository) -> None:
        """
        distribution serves manifests and tags, and lists them; what is only ours doesn't show.
        """
        for content in (b"{}", LAYER):
            await push_blob(repository, content)
        first, second = image(LAYER), image(LAYER, mediaType=media_types.DOCKER_MANIFEST)
        children = index(first.descriptor, second.descriptor)
        refers = image(LAYER, annotations={"refers": "to it"}, subject=first.descriptor)
        await push(repository, first, ["a", "gone"])
        await push(repository, second, ["a", "b"])
        await push(repository, children, ["C"])
        await push(repository, refers)
        await repository.tags.delete(Tag("gone"))
        await repository.uploads.start("sha512")
        for reference, what in (
            ("a", second),
            ("b", second),
            ("C", children),
            (str(first.digest), first),
            (str(refers.digest), refers),
        ):
            answer = distribution.request("GET", f"/v2/{NAME}/manifests/{reference}", Accept=ACCEPT)
            assert (answer.status, answer.body) == (200, what.payload)
            assert answer.headers["Content-Type"] == what.manifest.media_type
            assert answer.headers["Docker-Content-Digest"] == str(what.digest)
        tags = distribution.request("GET", f"/v2/{NAME}/tags/list")
        assert sorted(json.loads(tags.body)["tags"]) == ["C", "a", "b"]
        catalog = distribution.request("GET", "/v2/_catalog")
        assert json.loads(catalog.body)["repositories"] == [NAME]

    async def test_tag_of_a_sha512(
        self, distribution: Distribution, repository: IRepository
    ) -> None:
        """
        distribution serves manifests that were pushed by their sha512.
        """
        await push_blob(repository, b"{}")
        child = image()
        await push(repository, child)
        what = index(child.descriptor, algorithm="sha512")
        await push(repository, what, ["long"])
        for reference in ("long", str(what.digest)):
            answer = distribution.request("GET", f"/v2/{NAME}/manifests/{reference}", Accept=ACCEPT)
            assert (answer.status, answer.body) == (200, what.payload)

    async def test_deleted(self, distribution: Distribution, repository: IRepository) -> None:
        """
        What is deleted here is gone there.
        """
        await push_blob(repository, b"{}")
        await push(repository, image(), ["a"])
        await repository.manifests.delete(image().digest)
        await repository.blobs.delete(Digest.of(b"{}"))
        for path in ("manifests/a", f"manifests/{image().digest}", f"blobs/{Digest.of(b'{}')}"):
            answer = distribution.request("GET", f"/v2/{NAME}/{path}", Accept=ACCEPT)
            assert answer.status == 404

    @pytest.mark.parametrize("size", [10, WORTH_SAVING + 10])
    async def test_upload(
        self, distribution: Distribution, repository: IRepository, size: int
    ) -> None:
        """
        distribution continues an upload that was begun here, with or without a saved hash.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(NOISE[:size]))
        url = distribution.upload_url(NAME, upload.id, size)
        status = distribution.request("GET", url)
        assert (status.status, status.headers["Range"]) == (204, f"0-{size - 1}")
        answer = distribution.request("PATCH", url, NOISE[size:-1])
        assert answer.status == 202
        digest = Digest.of(NOISE)
        location = answer.headers["Location"]
        answer = distribution.request("PUT", f"{location}&digest={digest}", NOISE[-1:])
        assert answer.status == 201
        assert await read_blob(repository, digest) == NOISE
