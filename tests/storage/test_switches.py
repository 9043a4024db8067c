"""
Registries in which things are switched off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from zope.interface.verify import verifyObject

from tests.storage.kit import (
    ABSENT,
    LATEST,
    NAME,
    OTHER,
    Made,
    Shop,
    files,
    image,
    index,
    push_image,
    read_blob,
)
from txregistry.errors import Unsupported
from txregistry.interfaces import (
    IBlobs,
    IManifests,
    IReferrers,
    IRegistry,
    IRepository,
    ITags,
    IUpload,
    IUploads,
)
from txregistry.model.access import Requester
from txregistry.model.digest import Digest
from txregistry.storage.switches import ReadOnlyRegistry, UndeletableRegistry
from txregistry.testing.streams import GivenStream

BODY = b"0123456789"
SUM = Digest.of(BODY)

DELETES: dict[str, Callable[[IRepository], Any]] = {
    "a blob": lambda repository: repository.blobs.delete(SUM),
    "an absent blob": lambda repository: repository.blobs.delete(ABSENT),
    "a manifest": lambda repository: repository.manifests.delete(image(BODY).digest),
    "an absent manifest": lambda repository: repository.manifests.delete(ABSENT),
    "a tag": lambda repository: repository.tags.delete(LATEST),
}
WRITES: dict[str, Callable[[IRepository], Any]] = {
    "mount": lambda repository: repository.blobs.mount(SUM, OTHER),
    "start": lambda repository: repository.uploads.start(),
    "put": lambda repository: put(repository, index()),
}


def put(repository: IRepository, what: Made) -> Any:
    """Push a manifest."""
    return repository.manifests.put(what.manifest, what.payload, what.digest, [LATEST])


Wrapped = Callable[[IRegistry], IRegistry]


async def look_around(registry: IRegistry) -> None:
    """Read everything that there is."""
    repository = registry.repository(NAME, Requester())
    for interface, provider in (
        (IRegistry, registry),
        (IRepository, repository),
        (IBlobs, repository.blobs),
        (IUploads, repository.uploads),
        (IManifests, repository.manifests),
        (ITags, repository.tags),
        (IReferrers, repository.referrers),
    ):
        verifyObject(interface, provider)
    assert repository.name == NAME
    assert (await repository.blobs.stat(SUM)).size == len(BODY)
    assert await read_blob(repository, SUM) == BODY
    assert (await repository.manifests.stat(LATEST)).digest == image(BODY).digest
    assert (await repository.manifests.get(LATEST)).payload == image(BODY).payload
    assert await repository.tags.get(LATEST) == image(BODY).digest
    assert (await repository.tags.page(1)).items == (LATEST,)
    assert (await repository.referrers.page(ABSENT, 1)).items == ()
    assert (await registry.page(10)).items == (NAME,)
    assert NAME in await registry.holders(SUM)


class SwitchesTests:
    """
    What is forbidden, and what isn't.
    """

    @pytest.mark.parametrize("wrap", [ReadOnlyRegistry, UndeletableRegistry])
    async def test_reads(self, shop: Shop, repository: IRepository, wrap: Wrapped) -> None:
        """
        Everything can be read.
        """
        await push_image(repository, BODY, tags=[LATEST])
        await look_around(wrap(shop.registry))

    @pytest.mark.parametrize("wrap", [ReadOnlyRegistry, UndeletableRegistry])
    @pytest.mark.parametrize("what", DELETES)
    async def test_deletes(
        self, shop: Shop, repository: IRepository, wrap: Wrapped, what: str
    ) -> None:
        """
        Neither lets anything be deleted, by whatever way, whether or not it is there.
        """
        await push_image(repository, BODY, tags=[LATEST])
        before = await files(shop.driver)
        with pytest.raises(Unsupported):
            await DELETES[what](wrap(shop.registry).repository(NAME, Requester()))
        assert await files(shop.driver) == before

    @pytest.mark.parametrize("what", WRITES)
    async def test_writes(self, shop: Shop, repository: IRepository, what: str) -> None:
        """
        A read-only registry lets nothing be written; one without deletes does.
        """
        await push_image(repository, BODY)
        await push_image(shop.repository(OTHER), BODY)
        before = await files(shop.driver)
        with pytest.raises(Unsupported):
            await WRITES[what](ReadOnlyRegistry(shop.registry).repository(NAME, Requester()))
        assert await files(shop.driver) == before
        await WRITES[what](UndeletableRegistry(shop.registry).repository(NAME, Requester()))

    async def test_read_only_uploads(self, shop: Shop, repository: IRepository) -> None:
        """
        What was begun before can be looked at, and neither continued nor ended.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(BODY))
        uploads = ReadOnlyRegistry(shop.registry).repository(NAME, Requester()).uploads
        found = await uploads.resume(upload.id)
        verifyObject(IUpload, found)
        assert (found.id, found.size) == (upload.id, len(BODY))
        stream = GivenStream(b"x")
        for refused in (found.append(stream), found.commit(SUM, stream), found.cancel()):
            with pytest.raises(Unsupported):
                await refused
        assert stream.reads == 0
        await upload.commit(SUM)

    async def test_cancelling(self, shop: Shop) -> None:
        """
        Without deletes, uploads can be made, cancelled and committed.
        """
        repository = UndeletableRegistry(shop.registry).repository(NAME, Requester())
        await (await repository.uploads.start()).cancel()
        assert await files(shop.driver) == {}
        await (await repository.uploads.start()).commit(SUM, GivenStream(BODY))
        assert await read_blob(repository, SUM) == BODY
