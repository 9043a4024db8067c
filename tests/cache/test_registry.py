"""
What a registry with a cache in front asks of its storage, and what it never takes from a cache.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import Deferred
from zope.interface.verify import verifyObject

from tests.cache.kit import HoldingDriver, Worker, make_worker, memory_caches
from tests.storage.kit import ABSENT, fires, image, push, push_blob
from txregistry.cache.epochs import private_cells
from txregistry.cache.payloads import LARGEST, Payloads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.errors import (
    BlobUnknown,
    DriverError,
    ManifestBlobUnknown,
    ManifestUnknown,
    StorageFailure,
)
from txregistry.interfaces import (
    IBlobContent,
    IBlobs,
    IManifests,
    IRegistry,
    IRepository,
    IUpload,
    IUploads,
)
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag
from txregistry.storage import paths
from txregistry.testing.drivers import WatchedDriver
from txregistry.testing.streams import GivenStream

HERE, THERE = RepositoryName("library/here"), RepositoryName("library/there")
BLOB = b"a blob"
DIGEST = Digest.of(BLOB)
IMAGE = image(BLOB)
LATEST = Tag("latest")


@pytest.fixture
def worker() -> Worker:
    """
    A registry with an empty storage and an empty cache.
    """
    return make_worker()


def forgetful(worker: Worker) -> Worker:
    """
    Another process on the same storage, which knows nothing yet.
    """
    return make_worker(memory_caches(), worker.driver.driver)


async def pushed(worker: Worker, name: str = HERE) -> Digest:
    """
    Push a blob.
    """
    digest = await push_blob(worker.repository(name), BLOB)
    worker.asked()
    return digest


async def pushed_image(worker: Worker) -> Digest:
    """
    Push an image with a tag.
    """
    repository = worker.repository(HERE)
    await push_blob(repository, BLOB)
    await push_blob(repository, b"{}")
    await repository.manifests.put(IMAGE.manifest, IMAGE.payload, IMAGE.digest, [LATEST])
    worker.asked()
    return IMAGE.digest


class InterfaceTests:
    """
    It is a registry like any other.
    """

    async def test_interfaces(self, worker: Worker) -> None:
        """
        All parts are what they say that they are.
        """
        digest = await pushed(worker)
        repository = worker.repository(HERE)
        verifyObject(IRegistry, worker.registry)
        verifyObject(IRepository, repository)
        verifyObject(IBlobs, repository.blobs)
        verifyObject(IManifests, repository.manifests)
        verifyObject(IUploads, repository.uploads)
        upload = await repository.uploads.start()
        verifyObject(IUpload, upload)
        verifyObject(IBlobContent, await repository.blobs.open(digest))

    async def test_the_rest(self, worker: Worker) -> None:
        """
        What is not cached is asked of the registry behind.
        """
        await pushed_image(worker)
        repository = worker.repository(HERE)
        assert await repository.tags.get(LATEST) == IMAGE.digest
        assert (await repository.referrers.page(IMAGE.digest, 10)).items == ()
        assert (await worker.registry.page(10)).items == (HERE,)
        assert await worker.registry.holders(DIGEST) == (HERE,)

    async def test_upload(self, worker: Worker) -> None:
        """
        An upload goes on, and tells its size.
        """
        repository = worker.repository(HERE)
        upload = await repository.uploads.start()
        assert await upload.append(GivenStream(b"a ")) == 2
        upload = await repository.uploads.resume(upload.id)
        assert upload.size == 2
        await upload.commit(DIGEST, GivenStream(b"blob"))
        upload = await repository.uploads.start()
        await upload.cancel()


class BlobTests:
    """
    Blobs.
    """

    async def test_head_asks_nothing(self, worker: Worker) -> None:
        """
        With a warm cache a look at a blob asks the storage nothing at all.
        """
        digest = await pushed(worker)
        blobs = forgetful(worker).repository(HERE).blobs
        cold = await blobs.stat(digest)
        other = forgetful(worker)
        assert await other.repository(HERE).blobs.stat(digest) == cold
        assert other.asked() == ["get_content", "stat"]
        for _ in range(3):
            assert await other.repository(HERE).blobs.stat(digest) == cold
        assert other.asked() == []

    async def test_get_asks_once(self, worker: Worker) -> None:
        """
        With a warm cache a blob is sent with one question.
        """
        digest = await pushed(worker)
        content = await worker.repository(HERE).blobs.open(digest)
        assert worker.asked() == []
        assert content.descriptor.size == len(BLOB)
        reader = await content.reader(0)
        assert await reader.read(100) == BLOB
        assert worker.asked() == ["reader", "reader.read"]
        assert await content.local_file() is None
        assert await content.redirect_url("GET") is None

    async def test_open_fills(self, worker: Worker) -> None:
        """
        Whoever gets a blob makes the next look at it free.
        """
        other = forgetful(worker)
        digest = await pushed(worker)
        await other.repository(HERE).blobs.open(digest)
        other.asked()
        await other.repository(HERE).blobs.stat(digest)
        assert other.asked() == []

    async def test_push_fills(self, worker: Worker) -> None:
        """
        So does whoever pushes it.
        """
        digest = await pushed(worker)
        await worker.repository(HERE).blobs.stat(digest)
        assert worker.asked() == []

    async def test_empty(self, worker: Worker) -> None:
        """
        An empty blob is one too.
        """
        digest = await push_blob(worker.repository(HERE), b"")
        assert (await worker.repository(HERE).blobs.stat(digest)).size == 0

    async def test_unknown_is_asked_again(self, worker: Worker) -> None:
        """
        That there is nothing is never remembered.
        """
        for _ in range(2):
            with pytest.raises(BlobUnknown):
                await worker.repository(HERE).blobs.stat(DIGEST)
            assert worker.asked() == ["get_content"]
        await pushed(make_worker(memory_caches(), worker.driver.driver))
        assert (await worker.repository(HERE).blobs.stat(DIGEST)).size == len(BLOB)

    async def test_other_target(self, worker: Worker) -> None:
        """
        Where a link names another digest, the bytes are found under that.
        """
        asked = Digest.of(BLOB, "sha512")
        await pushed(worker)
        await worker.driver.put_content(paths.layer_link(HERE, asked), str(DIGEST).encode())
        for _ in range(2):
            content = await worker.repository(HERE).blobs.open(asked)
            assert (content.descriptor.digest, content.target) == (asked, DIGEST)
            assert await (await content.reader(2)).read(100) == b"blob"

    async def test_mount_asks_storage(self, worker: Worker) -> None:
        """
        Whether a blob can be mounted is asked of the storage, whatever the cache says.
        """
        digest = await pushed(worker)
        await worker.driver.delete(paths.layer_link(HERE, digest))
        with pytest.raises(BlobUnknown):
            await worker.repository(THERE).blobs.mount(digest, HERE)

    async def test_mount(self, worker: Worker) -> None:
        """
        What was mounted can be seen.
        """
        digest = await pushed(worker)
        await worker.repository(THERE).blobs.mount(digest, HERE)
        assert (await worker.repository(THERE).blobs.stat(digest)).size == len(BLOB)

    async def test_manifest_asks_storage(self, worker: Worker) -> None:
        """
        Whether a manifest's blobs are there is asked of the storage, whatever the cache says.
        """
        await pushed_image(worker)
        await worker.driver.delete(paths.layer_link(HERE, DIGEST))
        with pytest.raises(ManifestBlobUnknown):
            await push(worker.repository(HERE), image(BLOB, more="annotations"))

    async def test_vanished(self, worker: Worker) -> None:
        """
        If the bytes of a blob are gone, that is noticed, and not said again.
        """
        digest = await pushed(worker)
        content = await worker.repository(HERE).blobs.open(digest)
        await worker.driver.delete(paths.blob(digest))
        with pytest.raises(BlobUnknown):
            await content.reader(0)
        with pytest.raises(BlobUnknown):
            await worker.repository(HERE).blobs.stat(digest)

    async def test_vanished_file(self, worker: Worker) -> None:
        """
        The same if they were a file of this machine.
        """
        digest = await pushed(worker)
        content = await worker.repository(HERE).blobs.open(digest)
        await worker.driver.delete(paths.blob(digest))
        with pytest.raises(BlobUnknown):
            await content.local_file()
        with pytest.raises(BlobUnknown):
            await worker.repository(HERE).blobs.stat(digest)


class ManifestTests:
    """
    Manifests.
    """

    async def test_by_digest_asks_nothing(self, worker: Worker) -> None:
        """
        With a warm cache a manifest that is named by its digest asks the storage nothing.
        """
        digest = await pushed_image(worker)
        manifests = worker.repository(HERE).manifests
        assert (await manifests.get(digest)).payload == IMAGE.payload
        descriptor = await manifests.stat(digest)
        assert descriptor.media_type == IMAGE.manifest.media_type
        assert worker.asked() == []

    async def test_by_tag_asks_once(self, worker: Worker) -> None:
        """
        What a tag names is asked each time, and nothing else.
        """
        await pushed_image(worker)
        manifests = worker.repository(HERE).manifests
        assert (await manifests.get(LATEST)).payload == IMAGE.payload
        assert worker.asked() == ["get_content"]
        assert (await manifests.stat(LATEST)).digest == IMAGE.digest
        assert worker.asked() == ["get_content"]

    async def test_fills(self, worker: Worker) -> None:
        """
        Whoever looks at a manifest makes the next look free, and its bytes cost one question.
        """
        digest = await pushed_image(worker)
        other = forgetful(worker)
        manifests = other.repository(HERE).manifests
        before = await manifests.stat(digest)
        other.asked()
        assert await manifests.stat(digest) == before
        assert other.asked() == []
        assert (await manifests.get(digest)).payload == IMAGE.payload
        assert other.asked() == ["get_content"]
        assert (await manifests.get(digest)).payload == IMAGE.payload
        assert other.asked() == []

    async def test_get_fills(self, worker: Worker) -> None:
        """
        So does whoever gets it.
        """
        digest = await pushed_image(worker)
        other = forgetful(worker)
        first = await other.repository(HERE).manifests.get(digest)
        other.asked()
        assert await other.repository(HERE).manifests.get(digest) == first
        assert other.asked() == []

    async def test_open(self, worker: Worker) -> None:
        """
        One that is sent as blobs are asks once.
        """
        digest = await pushed_image(worker)
        other = forgetful(worker)
        for reference in (digest, LATEST):
            content = await other.repository(HERE).manifests.open(reference)
            assert content.descriptor.digest == digest
        other.asked()
        content = await other.repository(HERE).manifests.open(digest)
        assert other.asked() == []
        assert await (await content.reader(0)).read(10_000) == IMAGE.payload

    async def test_moved_tag(self, worker: Worker) -> None:
        """
        A tag that another process has moved is moved at once.
        """
        await pushed_image(worker)
        other = forgetful(worker)
        second = image(BLOB, annotations={"a": "b"})
        await push_blob(other.repository(HERE), b"{}")
        await other.repository(HERE).manifests.put(
            second.manifest, second.payload, second.digest, [LATEST]
        )
        assert (await worker.repository(HERE).manifests.stat(LATEST)).digest == second.digest

    async def test_unknown(self, worker: Worker) -> None:
        """
        What is not there is asked for each time.
        """
        for _ in range(2):
            for reference in (ABSENT, LATEST):
                with pytest.raises(ManifestUnknown):
                    await worker.repository(HERE).manifests.stat(reference)
                with pytest.raises(ManifestUnknown):
                    await worker.repository(HERE).manifests.get(reference)

    async def test_vanished(self, worker: Worker) -> None:
        """
        If the bytes are gone, that is noticed, and not said again.
        """
        digest = await pushed_image(worker)
        other = forgetful(worker)
        await other.repository(HERE).manifests.stat(digest)
        await worker.driver.delete(paths.blob(digest))
        with pytest.raises(ManifestUnknown):
            await other.repository(HERE).manifests.get(digest)
        with pytest.raises(ManifestUnknown):
            await other.repository(HERE).manifests.stat(digest)

    async def test_delete(self, worker: Worker) -> None:
        """
        After a delete it is gone, with its tags, and can be pushed again.
        """
        digest = await pushed_image(worker)
        repository = worker.repository(HERE)
        await repository.manifests.delete(digest)
        for reference in (digest, LATEST):
            with pytest.raises(ManifestUnknown):
                await repository.manifests.get(reference)
        await pushed_image(worker)
        assert (await repository.manifests.stat(LATEST)).digest == digest

    async def test_not_remembered(self, worker: Worker) -> None:
        """
        Where only blobs are remembered, manifests are asked of the storage.
        """
        caches = memory_caches()
        blobs_only = make_worker(type(caches)(caches.blobs), worker.driver.driver)
        digest = await pushed_image(blobs_only)
        assert (await blobs_only.repository(HERE).manifests.stat(digest)).digest == digest
        assert blobs_only.asked() != []

    def test_payloads(self) -> None:
        """
        Only small ones are kept in memory.
        """
        payloads = Payloads()
        payloads.put(DIGEST, b"x" * LARGEST)
        payloads.put(ABSENT, b"x" * (LARGEST + 1))
        assert payloads.get(DIGEST) is not None
        assert payloads.get(ABSENT) is None


class DeleteTests:
    """
    Deletes of blobs, among several processes that share epochs.
    """

    @pytest.fixture
    def workers(self) -> tuple[Worker, Worker]:
        """
        Two of them.
        """
        cells, storage = private_cells(), CheckedDriver(MemoryDriver())
        first, second = (make_worker(memory_caches(cells), storage) for _ in range(2))
        return first, second

    async def test_gone_for_all(self, workers: tuple[Worker, Worker]) -> None:
        """
        What one deletes no other shows, though it knew it, and nobody can mount it from there.
        """
        digest = await pushed(workers[0])
        for worker in workers:
            await worker.repository(HERE).blobs.stat(digest)
        await workers[0].repository(HERE).blobs.delete(digest)
        for worker in workers:
            with pytest.raises(BlobUnknown):
                await worker.repository(HERE).blobs.stat(digest)
            with pytest.raises(BlobUnknown):
                await worker.repository(HERE).blobs.open(digest)
            with pytest.raises(BlobUnknown):
                await worker.repository(THERE).blobs.mount(digest, HERE)

    async def test_other_repository(self, workers: tuple[Worker, Worker]) -> None:
        """
        Another repository that has the blob goes on to show it, without asking anybody.
        """
        digest = await pushed(workers[0])
        await pushed(workers[0], THERE)
        await workers[1].repository(HERE).blobs.delete(digest)
        await workers[0].repository(THERE).blobs.stat(digest)
        assert workers[0].asked() == []

    async def test_pushed_again(self, workers: tuple[Worker, Worker]) -> None:
        """
        What is pushed again is there at once, for all.
        """
        digest = await pushed(workers[0])
        await workers[1].repository(HERE).blobs.delete(digest)
        await pushed(workers[0])
        for worker in workers:
            assert (await worker.repository(HERE).blobs.stat(digest)).size == len(BLOB)

    async def test_unknown_clears_too(self, workers: tuple[Worker, Worker]) -> None:
        """
        A delete of what the storage doesn't have clears what caches still know.
        """
        digest = await pushed(workers[0])
        await workers[0].driver.driver.delete(paths.layer_link(HERE, digest))
        with pytest.raises(BlobUnknown):
            await workers[1].repository(HERE).blobs.delete(digest)
        with pytest.raises(BlobUnknown):
            await workers[0].repository(HERE).blobs.stat(digest)

    async def test_failed(self, workers: tuple[Worker, Worker]) -> None:
        """
        After a delete that failed the storage is asked, whatever it has done.
        """
        digest = await pushed(workers[0])
        workers[0].driver.fail("delete", StorageFailure("a", "no"))
        with pytest.raises(DriverError):
            await workers[0].repository(HERE).blobs.delete(digest)
        workers[1].asked()
        assert (await workers[1].repository(HERE).blobs.stat(digest)).size == len(BLOB)
        assert workers[1].asked() == ["get_content", "stat"]

    async def test_late_answer(self) -> None:
        """
        An answer of the storage that was on its way during a delete is given to who asked, and
        not remembered.
        """
        cells, storage = private_cells(), CheckedDriver(MemoryDriver())
        slow = HoldingDriver(storage)
        slow.holding = False
        asking = make_worker(memory_caches(cells), slow)
        deleting = make_worker(memory_caches(cells), storage)
        digest = await pushed(deleting)
        slow.holding = True
        answers = fires(asking.repository(HERE).blobs.stat(digest))
        await deleting.repository(HERE).blobs.delete(digest)
        assert answers == []
        slow.release_all()
        assert answers[0].size == len(BLOB)
        with pytest.raises(BlobUnknown):
            await asking.repository(HERE).blobs.stat(digest)

    async def test_who_asks_goes_away(self) -> None:
        """
        A delete comes to its end, and caches hear of it, though who asked for it is gone.
        """
        storage = HoldingDriver(CheckedDriver(MemoryDriver()))
        storage.holding = False
        worker = make_worker(memory_caches(), storage)
        digest = await pushed(worker)
        storage.holding = True
        deleting: Deferred[None] = worker.repository(HERE).blobs.delete(digest)
        deleting.addErrback(lambda _: None)
        deleting.cancel()
        storage.release_all()
        with pytest.raises(BlobUnknown):
            await worker.repository(HERE).blobs.stat(digest)
        assert isinstance(worker.driver, WatchedDriver)
