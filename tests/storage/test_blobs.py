"""
Blobs: shown where a link says so.
"""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from tests.storage.kit import (
    ABSENT,
    LATEST,
    NAME,
    OTHER,
    Shop,
    push,
    push_blob,
    push_image,
    read_blob,
)
from txregistry.errors import BlobUnknown, CorruptLink, NoSpace, StorageFailure, StorageFull
from txregistry.interfaces import IBlobContent, IBlobs, IRepository
from txregistry.model.descriptor import OCTET_STREAM, Descriptor
from txregistry.model.digest import Digest
from txregistry.storage import paths

BODY = b"0123456789"
SUM = Digest.of(BODY)
SUM512 = Digest.of(BODY, "sha512")


async def push_as_distribution(shop: Shop) -> None:
    """Leave the blob as distribution does when it is pushed by its sha512."""
    await shop.driver.put_content(paths.blob(SUM), BODY)
    for digest in (SUM, SUM512):
        await shop.driver.put_content(paths.layer_link(NAME, digest), str(SUM).encode())


class BlobsTests:
    """
    The blobs of a repository.
    """

    async def test_provides(self, repository: IRepository) -> None:
        """
        They are what the interfaces say.
        """
        verifyObject(IBlobs, repository.blobs)
        await push_blob(repository, BODY)
        verifyObject(IBlobContent, await repository.blobs.open(SUM))

    async def test_stat_and_open(self, repository: IRepository) -> None:
        """
        A blob has a size and a content, which can be read from anywhere.
        """
        await push_blob(repository, BODY)
        assert await repository.blobs.stat(SUM) == Descriptor(OCTET_STREAM, SUM, 10)
        content = await repository.blobs.open(SUM)
        assert content.descriptor == Descriptor(OCTET_STREAM, SUM, 10)
        reader = await content.reader(7)
        assert await reader.read(100) == b"789"
        await reader.close()
        assert await content.redirect_url("GET") is None
        assert await content.local_file() is None

    async def test_unknown(self, shop: Shop, repository: IRepository) -> None:
        """
        What isn't linked here isn't here, even if its bytes are.
        """
        await push_blob(shop.repository(OTHER), BODY)
        for digest in (SUM, ABSENT):
            for asking in (repository.blobs.stat, repository.blobs.open, repository.blobs.delete):
                with pytest.raises(BlobUnknown) as caught:
                    await asking(digest)
                assert caught.value.detail == str(digest)

    async def test_manifests_are_no_blobs(self, repository: IRepository) -> None:
        """
        The bytes of a manifest are no blob of its repository.
        """
        what = await push_image(repository)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(what.digest)

    async def test_bytes_missing(self, shop: Shop, repository: IRepository) -> None:
        """
        A link without bytes is no blob; nor is one whose bytes go when it is about to be sent.
        """
        await push_blob(repository, BODY)
        content = await repository.blobs.open(SUM)
        await shop.driver.delete(paths.blob(SUM))
        with pytest.raises(BlobUnknown):
            await content.reader(0)
        with pytest.raises(BlobUnknown):
            await content.local_file()
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)

    @pytest.mark.parametrize("garbage", [b"", b"sha256:", b"\xff\xfe", str(SUM).encode() + b"\n"])
    async def test_corrupt_link(self, shop: Shop, repository: IRepository, garbage: bytes) -> None:
        """
        A link that holds no digest is an error of the storage; pushing or deleting mends it.
        """
        await push_blob(repository, BODY)
        await shop.driver.put_content(paths.layer_link(NAME, SUM), garbage)
        with pytest.raises(CorruptLink):
            await repository.blobs.stat(SUM)
        await push_blob(repository, BODY)
        assert await read_blob(repository, SUM) == BODY
        await shop.driver.put_content(paths.layer_link(NAME, SUM), garbage)
        await repository.blobs.delete(SUM)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)

    async def test_linked_to_another_digest(self, shop: Shop, repository: IRepository) -> None:
        """
        What distribution took by its sha512, and keeps by its sha256, is there under both, and
        answers with the one that was asked.
        """
        await push_as_distribution(shop)
        for digest in (SUM, SUM512):
            assert await repository.blobs.stat(digest) == Descriptor(OCTET_STREAM, digest, 10)
            assert await read_blob(repository, digest) == BODY

    async def test_storage_fails(self, shop: Shop, repository: IRepository) -> None:
        """
        A storage that fails doesn't look like an absent blob.
        """
        await push_blob(repository, BODY)
        shop.driver.fail("stat", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await repository.blobs.stat(SUM)


class MountTests:
    """
    Showing what another repository has.
    """

    async def test_mount(self, shop: Shop, repository: IRepository) -> None:
        """
        A blob of one repository becomes one of another, without being copied.
        """
        other = shop.repository(OTHER)
        await push_blob(other, BODY)
        descriptor = await repository.blobs.mount(SUM, OTHER)
        assert descriptor == Descriptor(OCTET_STREAM, SUM, 10)
        await other.blobs.delete(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_absent(self, shop: Shop, repository: IRepository) -> None:
        """
        What the source doesn't have isn't mounted, whoever else has it.
        """
        await push_blob(shop.repository("library/third"), BODY)
        with pytest.raises(BlobUnknown):
            await repository.blobs.mount(SUM, OTHER)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(SUM)

    async def test_deleted(self, shop: Shop, repository: IRepository) -> None:
        """
        A deleted blob is never brought back by a mount.
        """
        await push_blob(shop.repository(OTHER), BODY)
        await shop.repository(OTHER).blobs.delete(SUM)
        with pytest.raises(BlobUnknown):
            await repository.blobs.mount(SUM, OTHER)

    async def test_by_another_digest(self, shop: Shop) -> None:
        """
        The new links lead to the bytes, not to a digest under which there are none.
        """
        await push_as_distribution(shop)
        other = shop.repository(OTHER)
        await other.blobs.mount(SUM512, NAME)
        assert await read_blob(other, SUM512) == BODY
        for digest in (SUM, SUM512):
            link = await shop.driver.get_content(paths.layer_link(OTHER, digest))
            assert link == str(SUM).encode()

    async def test_full(self, shop: Shop, repository: IRepository) -> None:
        """
        A full storage is told.
        """
        await push_blob(shop.repository(OTHER), BODY)
        shop.driver.fail("put_content", NoSpace("/x"))
        with pytest.raises(StorageFull):
            await repository.blobs.mount(SUM, OTHER)


class DeleteTests:
    """
    Showing a blob no longer.
    """

    async def test_delete(self, shop: Shop, repository: IRepository) -> None:
        """
        It is gone here, once, and others still have it.
        """
        await push_blob(repository, BODY)
        await push_blob(shop.repository(OTHER), BODY)
        await repository.blobs.delete(SUM)
        with pytest.raises(BlobUnknown):
            await repository.blobs.delete(SUM)
        assert await read_blob(shop.repository(OTHER), SUM) == BODY

    async def test_in_use(self, repository: IRepository) -> None:
        """
        That a manifest names it is no reason to keep it.
        """
        await push_image(repository, BODY, tags=[LATEST])
        await repository.blobs.delete(SUM)
        assert (await repository.manifests.get(LATEST)).payload


class HoldersTests:
    """
    Which repositories may have a blob.
    """

    async def test_holders(self, shop: Shop, repository: IRepository) -> None:
        """
        Who pushed, mounted or was asked for it, the latest first; who deleted it no longer.
        """
        assert list(await shop.registry.holders(SUM)) == []
        await push_blob(repository, BODY)
        other = shop.repository(OTHER)
        await other.blobs.mount(SUM, NAME)
        assert list(await shop.registry.holders(SUM)) == [OTHER, NAME]
        await repository.blobs.stat(SUM)
        assert list(await shop.registry.holders(SUM)) == [NAME, OTHER]
        await repository.blobs.delete(SUM)
        assert list(await shop.registry.holders(SUM)) == [OTHER]

    async def test_vanished(self, shop: Shop, repository: IRepository) -> None:
        """
        Who turns out not to have it is forgotten.
        """
        await push_blob(repository, BODY)
        await shop.driver.delete(paths.layer_link(NAME, SUM))
        with pytest.raises(BlobUnknown):
            await shop.repository(OTHER).blobs.mount(SUM, NAME)
        assert list(await shop.registry.holders(SUM)) == []


class ContentTests:
    """
    What blobs and manifests have in common.
    """

    async def test_shared(self, shop: Shop, repository: IRepository) -> None:
        """
        A blob and a manifest with the same bytes share them.
        """
        what = await push_image(repository)
        await push_blob(repository, what.payload)
        await push(repository, what)
        assert await read_blob(repository, what.digest) == what.payload
