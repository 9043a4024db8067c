"""
What only the storage knows, held against distribution itself: saved hashes, links to other digests,
notes of referrers.  Whole trees are in ``tests/compat``.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha512
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.task import deferLater

from tests.compat.distribution import Distribution
from tests.proofs.client import Client, Remote
from tests.storage.kit import image, index, push, push_image
from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem import FilesystemFactory
from txregistry.drivers.filesystem.listing import SETTLED
from txregistry.interfaces import IRepository, IStorageDriver
from txregistry.model import media_types
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.storage import hashing, paths
from txregistry.storage.hashstates import WORTH_SAVING
from txregistry.storage.registry import Registry
from txregistry.testing.drivers import WatchedDriver
from txregistry.testing.streams import GivenStream

NAME = RepositoryName("some/thing")
OTHER = RepositoryName("some/other")
NOISE = random.Random(4711).randbytes(WORTH_SAVING + 1_000_003)
SUM = Digest.of(NOISE)


@pytest.fixture(params=["docker-registry", "registry"])
def peer(
    request: pytest.FixtureRequest, component: Callable[..., Path], tmp_path: Path
) -> Iterator[Distribution]:
    """distribution 2.8 and 3, running."""
    root = tmp_path / "tree"
    root.mkdir()
    program = component(request.param)
    distribution = Distribution(tmp_path / "peer", program=program, root=root)
    distribution.start()
    yield distribution
    distribution.stop()


@pytest.fixture
def client(peer: Distribution) -> Iterator[Client]:
    """A client of it."""
    with Client(peer.host) as client:
        yield client


@pytest_twisted.async_yield_fixture
async def driver(peer: Distribution) -> AsyncIterator[WatchedDriver]:
    """A driver on the same directory."""
    parameters = {"rootdirectory": str(peer.root)}
    driver = WatchedDriver(CheckedDriver(FilesystemFactory().create(reactor, parameters)))
    yield driver
    await driver.close()


@pytest.fixture
def repository(driver: IStorageDriver) -> IRepository:
    """A repository of ours."""
    registry = Registry(driver, InlineThreads(), lambda: datetime.now(UTC))
    return registry.repository(NAME, Requester("ann"))


class HashStatesTests:
    """
    Running hashes beside uploads.
    """

    async def test_theirs(
        self, client: Client, driver: WatchedDriver, repository: IRepository
    ) -> None:
        """
        What distribution saved is what would have been saved here, and spares the reading.
        """
        location = Remote(client, NAME).start()
        client.request("PATCH", location, body=NOISE[:WORTH_SAVING]).expect(202)
        name = location.partition("?")[0].rpartition("/")[2]
        path = paths.upload_hash_state(NAME, name, "sha256", WORTH_SAVING)
        running = hashing.new("sha256")
        running.update(NOISE[:WORTH_SAVING])
        assert await driver.get_content(path) == running.save()
        upload = await repository.uploads.resume(name)
        await upload.append(GivenStream(NOISE[WORTH_SAVING:-1]))
        upload = await repository.uploads.resume(name)
        await upload.commit(SUM, GivenStream(NOISE[-1:]))
        assert driver.count("reader") == 0
        assert Remote(client, NAME).pull(str(SUM)) == (200, str(SUM))

    async def test_ours(self, peer: Distribution, client: Client, repository: IRepository) -> None:
        """
        distribution goes on with what was stored here.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(NOISE[:WORTH_SAVING]))
        url = peer.upload_url(NAME, upload.id, WORTH_SAVING)
        answer = client.request("PATCH", url, body=NOISE[WORTH_SAVING:]).expect(202)
        client.request("PUT", f"{answer.location}&digest={SUM}").expect(201)
        assert (await repository.blobs.stat(SUM)).size == len(NOISE)


class LinksTests:
    """
    Links to other digests than they stand under.
    """

    async def test_mount(self, client: Client, repository: IRepository) -> None:
        """
        What distribution took by its sha512 and we mounted, it serves under that digest.
        """
        digest = f"sha512:{sha512(NOISE).hexdigest()}"
        location = Remote(client, OTHER).start()
        client.request("PUT", f"{location}&digest={digest}", body=NOISE).expect(201)
        await repository.blobs.mount(Digest.parse(digest), OTHER)
        assert Remote(client, NAME).pull(digest) == (200, str(SUM))

    async def test_sha512_manifest(self, client: Client, repository: IRepository) -> None:
        """
        Manifests that were pushed here by their sha512, distribution serves by tag and digest.
        """
        child = await push_image(repository, b"1")
        what = index(child.descriptor, algorithm="sha512")
        await push(repository, what, ["long"])
        for reference in ("long", str(what.digest)):
            assert Remote(client, NAME).get_manifest(reference).expect(200).body == what.payload


class ListsTests:
    """
    Directories that both change, and whose lists we keep.
    """

    async def test_theirs(self, client: Client, repository: IRepository) -> None:
        """
        What distribution answered is in our next list, and what it deleted is not, though we knew
        the directory well.
        """
        remote = Remote(client, NAME)
        first = await push_image(repository, b"1", tags=["first"])
        await push_image(repository, b"2", tags=["last"])
        await deferLater(reactor, SETTLED + 0.1)
        for _ in range(2):
            assert (await repository.tags.page(10)).items == ("first", "last")
        remote.put_manifest("more", first.payload).expect(201)
        assert (await repository.tags.page(10)).items == ("first", "last", "more")
        assert (await repository.tags.page(1, "last")).items == ("more",)
        await deferLater(reactor, SETTLED + 0.1)
        for _ in range(2):
            assert (await repository.tags.page()).items == ("first", "last", "more")
        remote.delete(f"manifests/{first.digest}").expect(202)
        assert (await repository.tags.page()).items == ("last",)


class ReferrersTests:
    """
    What clients note when a registry knows no referrers.
    """

    async def test_noted(self, client: Client, repository: IRepository) -> None:
        """
        A referrer that was pushed to distribution is listed here as soon as it is noted.
        """
        subject = await push_image(repository, b"1")
        refers = image(b"1", annotations={"refers": "to it"}, subject=subject.descriptor)
        remote = Remote(client, NAME)
        remote.put_manifest(str(refers.digest), refers.payload).expect(201)
        assert (await repository.referrers.page(subject.digest, 10)).items == ()
        note = index(refers.descriptor)
        tag = f"sha256-{subject.digest.hex}"
        remote.put_manifest(tag, note.payload, media_types.OCI_INDEX).expect(201)
        (entry,) = (await repository.referrers.page(subject.digest, 10)).items
        assert entry.descriptor.digest == refers.digest
