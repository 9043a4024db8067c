"""
Blobs: there where they were pushed or mounted, and gone when they were deleted.
"""

from __future__ import annotations

import pytest
from zope.interface.verify import verifyObject

from txregistry.errors import BlobUnknown
from txregistry.interfaces import (
    IBlobContent,
    IBlobs,
    IManifests,
    IReferrers,
    IRegistry,
    IRepository,
    ITags,
    IUploads,
)
from txregistry.model.digest import HEX_LENGTHS, Digest
from txregistry.testing.drivers.suite import coroutine_tests
from txregistry.testing.registry.content import (
    ABSENT,
    BODY,
    NAME,
    OTHER,
    SUM,
    Suite,
    opened,
    push_blob,
    push_image,
    read_blob,
)


@coroutine_tests
class BlobContract(Suite):
    """
    What a registry must do with blobs.
    """

    async def test_provides(self, registry: IRegistry, repository: IRepository) -> None:
        """
        Everything is what the interfaces say.
        """
        await push_blob(repository, BODY)
        for interface, provider in (
            (IRegistry, registry),
            (IRepository, repository),
            (IBlobs, repository.blobs),
            (IUploads, repository.uploads),
            (IManifests, repository.manifests),
            (ITags, repository.tags),
            (IReferrers, repository.referrers),
            (IBlobContent, await repository.blobs.open(SUM)),
        ):
            verifyObject(interface, provider)
        assert repository.name == NAME

    async def test_blob(self, repository: IRepository) -> None:
        """
        What was pushed is there, under each digest by which it was, and can be read from anywhere.
        """
        for algorithm in HEX_LENGTHS:
            for content in (BODY, b""):
                digest = await push_blob(repository, content, algorithm)
                for descriptor in (
                    await repository.blobs.stat(digest),
                    (await repository.blobs.open(digest)).descriptor,
                ):
                    assert (descriptor.digest, descriptor.size) == (digest, len(content))
                assert await read_blob(repository, digest) == content
                assert await read_blob(repository, digest, 7) == content[7:]

    async def test_unknown_blob(self, registry: IRegistry, repository: IRepository) -> None:
        """
        What was never pushed, or only elsewhere, is unknown; also when it was asked for before.
        """
        await push_blob(opened(registry, OTHER), BODY)
        for _ in range(2):
            for digest in (ABSENT, SUM):
                for ask in (repository.blobs.stat, repository.blobs.open, repository.blobs.delete):
                    with pytest.raises(BlobUnknown):
                        await ask(digest)
        await push_blob(repository, BODY)
        assert (await repository.blobs.stat(SUM)).size == len(BODY)

    async def test_mount(self, registry: IRegistry, repository: IRepository) -> None:
        """
        What one repository has can be mounted into another, and is then its own.
        """
        other = opened(registry, OTHER)
        with pytest.raises(BlobUnknown):
            await repository.blobs.mount(SUM, OTHER)
        await push_blob(other, BODY)
        assert (await repository.blobs.mount(SUM, OTHER)).digest == SUM
        await other.blobs.delete(SUM)
        assert await read_blob(repository, SUM) == BODY

    async def test_delete_blob(self, registry: IRegistry, repository: IRepository) -> None:
        """
        What was deleted is gone, here only and at once; mounting doesn't bring it back, pushing
        does.
        """
        other = opened(registry, OTHER)
        for each in (repository, other):
            await push_blob(each, BODY)
            await each.blobs.stat(SUM)
        await repository.blobs.delete(SUM)
        for again in (opened(registry), repository):
            for ask in (again.blobs.stat, again.blobs.open, again.blobs.delete):
                with pytest.raises(BlobUnknown):
                    await ask(SUM)
        with pytest.raises(BlobUnknown):
            await opened(registry, "library/third").blobs.mount(SUM, NAME)
        assert await read_blob(other, SUM) == BODY
        await push_blob(repository, BODY)
        assert await read_blob(repository, SUM) == BODY

    async def test_holders(self, registry: IRegistry, repository: IRepository) -> None:
        """
        A repository that is named as a holder of a blob may be asked to mount it from; one that
        has none is not harmed by being asked.
        """
        await push_blob(repository, BODY)
        other = opened(registry, OTHER)
        for holder in await registry.holders(SUM):
            await other.blobs.mount(SUM, holder)
        await repository.blobs.delete(SUM)
        assert NAME not in await registry.holders(SUM)

    async def test_catalog(self, registry: IRegistry) -> None:
        """
        Repositories that have had manifests are listed in the order of their names' bytes.
        """
        names = ["b", "a/b", "a", "a-b", "a.b/c"]
        for name in names:
            await push_image(opened(registry, name))
        await push_blob(opened(registry, "only/blobs"), BODY)
        expected = ["a", "a-b", "a.b/c", "a/b", "b"]
        assert list((await registry.page(10)).items) == expected
        found: list[str] = []
        more = True
        while more:
            page = await registry.page(2, found[-1] if found else "")
            found += page.items
            more = page.more
        assert found == expected

    async def test_distinct(self, repository: IRepository) -> None:
        """
        A manifest is no blob.
        """
        what = await push_image(repository)
        with pytest.raises(BlobUnknown):
            await repository.blobs.stat(what.digest)
        assert await push_blob(repository, what.payload) == Digest.of(what.payload)
        assert await read_blob(repository, what.digest) == what.payload
