"""
Manifests: pushed, pulled, deleted, and never half of it.
"""

from __future__ import annotations

import json

import pytest
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from tests.storage.kit import (
    ABSENT,
    LATEST,
    NAME,
    Made,
    Shop,
    files,
    fires,
    image,
    index,
    made,
    open_shop,
    push,
    push_blob,
    push_image,
)
from txregistry.errors import (
    ContentDamaged,
    CorruptLink,
    DigestInvalid,
    ManifestBlobUnknown,
    ManifestUnknown,
    NoSpace,
    PreconditionFailed,
    StorageFailure,
    StorageFull,
)
from txregistry.interfaces import IManifests, IRepository, IStorageDriver, TagCondition
from txregistry.model import media_types
from txregistry.model.digest import HEX_LENGTHS, Digest
from txregistry.model.name import Tag
from txregistry.storage import paths
from txregistry.storage.locks import Locks, manifest_key, tag_key
from txregistry.storage.validation import Required, Validation

SCHEMA_1 = {
    "schemaVersion": 1,
    "name": "library/thing",
    "tag": "old",
    "fsLayers": [{"blobSum": str(ABSENT)}],
    "history": [{"v1Compatibility": "{}"}],
}


async def store(driver: IStorageDriver, payload: bytes, tag: str = "old") -> Digest:
    """Leave a manifest in the tree, as another registry has done long ago."""
    digest = Digest.of(payload)
    await driver.put_content(paths.blob(digest), payload)
    for link in (
        paths.revision_link(NAME, digest),
        paths.tag_index_link(NAME, Tag(tag), digest),
        paths.tag_current_link(NAME, Tag(tag)),
    ):
        await driver.put_content(link, str(digest).encode())
    return digest


class PullTests:
    """
    Manifests come back as they were pushed.
    """

    async def test_provides(self, repository: IRepository) -> None:
        """
        They are what the interface says.
        """
        verifyObject(IManifests, repository.manifests)

    @pytest.mark.parametrize("algorithm", sorted(HEX_LENGTHS))
    async def test_by_digest_and_tag(self, repository: IRepository, algorithm: str) -> None:
        """
        By its digest and by its tags it is the same, byte for byte, under the digest by which
        it was pushed.
        """
        what = await push_image(repository, tags=["a", "b"], algorithm=algorithm)
        for reference in (what.digest, Tag("a"), Tag("b")):
            stored = await repository.manifests.get(reference)
            assert stored.payload == what.payload
            assert stored.descriptor.digest == what.digest
            assert stored.descriptor.media_type == media_types.OCI_MANIFEST
            assert stored.descriptor.size == len(what.payload)
            assert await repository.manifests.stat(reference) == stored.descriptor

    async def test_unknown(self, shop: Shop, repository: IRepository) -> None:
        """
        What isn't here, or only elsewhere, is unknown.
        """
        what = await push_image(shop.repository("library/else"), tags=[LATEST])
        for reference in (what.digest, ABSENT, LATEST):
            for asking in (repository.manifests.get, repository.manifests.stat):
                with pytest.raises(ManifestUnknown):
                    await asking(reference)

    async def test_details(self, repository: IRepository) -> None:
        """
        The errors say what distribution's say.
        """
        with pytest.raises(ManifestUnknown) as caught:
            await repository.manifests.get(LATEST)
        assert caught.value.detail == "unknown tag=latest"
        with pytest.raises(ManifestUnknown) as caught:
            await repository.manifests.get(ABSENT)
        assert caught.value.detail == f"unknown manifest name={NAME} revision={ABSENT}"

    async def test_blobs_are_no_manifests(self, repository: IRepository) -> None:
        """
        A blob that looks like a manifest is none.
        """
        what = image()
        await push_blob(repository, what.payload)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(what.digest)

    async def test_bytes_missing(self, shop: Shop, repository: IRepository) -> None:
        """
        A link without bytes is no manifest, whatever is remembered of it.
        """
        what = await push_image(repository, tags=[LATEST])
        await shop.driver.delete(paths.blob(what.digest))
        for reference in (what.digest, LATEST):
            for asking in (repository.manifests.get, repository.manifests.stat):
                with pytest.raises(ManifestUnknown):
                    await asking(reference)

    async def test_damaged(self, shop: Shop, repository: IRepository) -> None:
        """
        A manifest that was changed or cut off in the storage is not served.
        """
        what = await push_image(repository, tags=[LATEST])
        await shop.driver.put_content(paths.blob(what.digest), what.payload[:-1] + b" ")
        with pytest.raises(ContentDamaged):
            await repository.manifests.get(LATEST)
        await shop.driver.put_content(paths.blob(what.digest), what.payload[:-1])
        with pytest.raises(ContentDamaged):
            await repository.manifests.stat(LATEST)
        await push(repository, what)
        assert (await repository.manifests.get(LATEST)).payload == what.payload

    async def test_corrupt_link(self, shop: Shop, repository: IRepository) -> None:
        """
        An empty link is an error of the storage, and a push mends it.
        """
        what = await push_image(repository, tags=[LATEST])
        for link in (
            paths.revision_link(NAME, what.digest),
            paths.tag_current_link(NAME, LATEST),
        ):
            await shop.driver.put_content(link, b"")
            with pytest.raises(CorruptLink):
                await repository.manifests.get(LATEST)
            await push(repository, what, [LATEST])
            assert (await repository.manifests.get(LATEST)).payload == what.payload

    @pytest.mark.parametrize(
        ("document", "media_type"),
        [
            (SCHEMA_1, media_types.DOCKER_SCHEMA1),
            ({**SCHEMA_1, "signatures": [{}]}, media_types.DOCKER_SCHEMA1_SIGNED),
            ({"schemaVersion": 2, "manifests": []}, media_types.OCI_INDEX),
            ({"schemaVersion": 2, "layers": []}, media_types.OCI_MANIFEST),
            ({"schemaVersion": 2, "mediaType": "a/b"}, "a/b"),
        ],
    )
    async def test_old(
        self, shop: Shop, repository: IRepository, document: object, media_type: str
    ) -> None:
        """
        What lies in an old tree is served as it is, of whatever kind.
        """
        payload = json.dumps(document).encode()
        digest = await store(shop.driver, payload)
        for reference in (digest, Tag("old")):
            stored = await repository.manifests.get(reference)
            assert stored.payload == payload
            assert stored.descriptor.media_type == media_type
            assert await repository.manifests.stat(reference) == stored.descriptor

    @pytest.mark.parametrize("payload", [b"", b"\xff", b"[]", b"{"])
    async def test_no_json(self, shop: Shop, repository: IRepository, payload: bytes) -> None:
        """
        Even what is no manifest at all is served.
        """
        digest = await store(shop.driver, payload)
        stored = await repository.manifests.get(digest)
        assert (stored.payload, stored.descriptor.size) == (payload, len(payload))

    async def test_remembered(self, shop: Shop, repository: IRepository) -> None:
        """
        What a manifest says is read once; that it is there is looked up each time.
        """
        digest = await store(shop.driver, image().payload)
        await repository.manifests.stat(digest)
        shop.driver.calls.clear()
        await repository.manifests.stat(digest)
        assert [call.operation for call in shop.driver.calls] == ["get_content", "stat"]
        assert [call.path for call in shop.driver.calls] == [
            paths.revision_link(NAME, digest),
            paths.blob(digest),
        ]

    async def test_big(self, shop: Shop, repository: IRepository) -> None:
        """
        A manifest of megabytes comes back too.
        """
        what = index(annotations={"text": "x" * 3_000_000})
        digest = await store(shop.driver, what.payload)
        assert (await repository.manifests.stat(digest)).media_type == media_types.OCI_INDEX
        assert (await repository.manifests.get(digest)).payload == what.payload


class PushTests:
    """
    Manifests are stored.
    """

    async def test_files(self, shop: Shop, repository: IRepository) -> None:
        """
        What is written is what distribution writes.
        """
        before = await files(shop.driver)
        what = index()
        await push(repository, what, ["a"])
        link = str(what.digest).encode()
        after = await files(shop.driver)
        assert {path: after[path] for path in after.keys() - before.keys()} == {
            paths.blob(what.digest): what.payload,
            paths.revision_link(NAME, what.digest): link,
            paths.tag_index_link(NAME, Tag("a"), what.digest): link,
            paths.tag_current_link(NAME, Tag("a")): link,
        }

    async def test_order(self, shop: Shop, repository: IRepository) -> None:
        """
        The bytes come first, the tag last.
        """
        what = index(subject=image().descriptor)
        shop.driver.calls.clear()
        await push(repository, what, ["a"])
        written = [call.path for call in shop.driver.calls if call.operation == "put_content"]
        assert written[0] == paths.blob(what.digest)
        assert written[-1] == paths.tag_current_link(NAME, Tag("a"))
        assert set(written[1:-1]) == {
            paths.revision_link(NAME, what.digest),
            paths.referrer_link(NAME, image().digest, what.digest),
            paths.tag_index_link(NAME, Tag("a"), what.digest),
        }

    async def test_again(self, repository: IRepository) -> None:
        """
        Pushing the same again is the same.
        """
        for _ in range(2):
            what = await push_image(repository, tags=[LATEST])
        assert (await repository.tags.get(LATEST)) == what.digest

    async def test_move(self, shop: Shop, repository: IRepository) -> None:
        """
        A tag moves; what it named before stays, and is remembered as distribution does.
        """
        first = await push_image(repository, b"1", tags=[LATEST])
        second = await push_image(repository, b"2", tags=[LATEST])
        assert await repository.tags.get(LATEST) == second.digest
        assert (await repository.manifests.get(first.digest)).payload == first.payload
        await shop.driver.get_content(paths.tag_index_link(NAME, LATEST, first.digest))

    async def test_wrong_digest(self, shop: Shop, repository: IRepository) -> None:
        """
        Bytes are never stored under a digest that isn't theirs.
        """
        what = index()
        with pytest.raises(DigestInvalid):
            await push(repository, Made(what.manifest, what.payload, ABSENT))
        assert await files(shop.driver) == {}

    async def test_missing(self, shop: Shop, repository: IRepository) -> None:
        """
        Everything that is missing is named, each digest once; nothing is stored.
        """
        await push_blob(repository, b"here")
        what = image(b"here", b"gone", b"gone", b"gone too")
        before = await files(shop.driver)
        with pytest.raises(ManifestBlobUnknown) as caught:
            await push(repository, what, [LATEST])
        expected = {Digest.of(content) for content in (b"{}", b"gone", b"gone too")}
        assert set(caught.value.digests) == expected
        assert len(caught.value.digests) == 3
        assert await files(shop.driver) == before

    async def test_missing_elsewhere(self, shop: Shop, repository: IRepository) -> None:
        """
        What another repository has is missing here.
        """
        await push_image(shop.repository("library/else"), b"1")
        with pytest.raises(ManifestBlobUnknown):
            await push(repository, image(b"1"))

    async def test_missing_child(self, repository: IRepository) -> None:
        """
        The entries of an index must be manifests here.
        """
        child = await push_image(repository, b"1")
        await push_blob(repository, index().payload)
        missing = index().descriptor
        with pytest.raises(ManifestBlobUnknown) as caught:
            await push(repository, index(child.descriptor, missing))
        assert caught.value.digests == (index().digest,)
        await push(repository, index(child.descriptor))

    async def test_layer_that_is_a_manifest(self, repository: IRepository) -> None:
        """
        A layer of a manifest's type may be here as either.
        """
        child = index()
        await push_blob(repository, b"{}")
        what = image(layers=[child.descriptor])
        with pytest.raises(ManifestBlobUnknown):
            await push(repository, what)
        await push_blob(repository, child.payload)
        await push(repository, what)
        await repository.blobs.delete(child.digest)
        await push(repository, child)
        await push(repository, what)

    async def test_sparse(self) -> None:
        """
        Where that is wanted, nothing need be there.
        """
        shop = open_shop(Validation(blobs=Required.NONE, platforms=Required.NONE))
        await push(shop.repository(), image(b"1"), ["a"])
        await push(shop.repository(), index(image(b"2").descriptor), ["b"])

    async def test_thousands(self, repository: IRepository) -> None:
        """
        A manifest of thousands of layers is checked whole.
        """
        await push_blob(repository, b"{}")
        with pytest.raises(ManifestBlobUnknown) as caught:
            await push(repository, image(*(b"%d" % number for number in range(3000))))
        assert len(caught.value.digests) == 3000

    async def test_storage_fails(self, shop: Shop, repository: IRepository) -> None:
        """
        A storage that fails doesn't look like missing content.
        """
        await push_blob(repository, b"{}")
        shop.driver.fail("stat", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await push(repository, image())

    @pytest.mark.parametrize(
        "path",
        [
            paths.blob(index().digest),
            paths.revision_link(NAME, index().digest),
            paths.tag_index_link(NAME, Tag("b"), index().digest),
            paths.tag_current_link(NAME, Tag("b")),
        ],
    )
    async def test_all_or_nothing(self, shop: Shop, repository: IRepository, path: str) -> None:
        """
        If anything fails, all tags are what they were.
        """
        before = await push_image(repository, tags=["a", "c"])
        shop.driver.fail("put_content", NoSpace("/x"), path)
        with pytest.raises(StorageFull):
            await push(repository, index(), ["a", "b", "c"])
        assert await repository.tags.get(Tag("a")) == before.digest
        assert await repository.tags.get(Tag("c")) == before.digest
        assert (await repository.tags.page()).items == ("a", "c")
        await push(repository, index(), ["a", "b", "c"])
        assert await repository.tags.get(Tag("b")) == index().digest

    async def test_not_restored(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        If a tag can't be restored either, that is logged, and the first failure told.
        """
        await push_image(repository, tags=["b"])
        shop.driver.fail("put_content", NoSpace("/x"), paths.tag_current_link(NAME, Tag("b")))
        shop.driver.fail("delete", StorageFailure("/x", "why"), paths.tag(NAME, Tag("a")))
        with pytest.raises(StorageFull):
            await push(repository, index(), ["a", "b"])
        assert len(logged_failures) == 1
        logged_failures.clear()

    async def test_cancelled(self) -> None:
        """
        A push whose client goes away is completed.
        """
        locks = Locks()
        repository = open_shop(locks=locks).repository()
        release = await locks.hold([tag_key(NAME, LATEST)])
        pushing = repository.manifests.put(
            index().manifest, index().payload, index().digest, [LATEST]
        )
        outcome = fires(pushing)
        pushing.cancel()
        assert outcome == []
        release()
        outcome[0].trap(CancelledError)
        assert await repository.tags.get(LATEST) == index().digest


class ConditionTests:
    """
    Tags that are moved only if they are what the client thinks.
    """

    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            (TagCondition(), True),
            (TagCondition(match_any=True), False),
            (TagCondition(match=(str(ABSENT),)), False),
            (TagCondition(match=()), False),
            (TagCondition(absent=True), True),
            (TagCondition(none_match=(str(ABSENT),)), True),
        ],
    )
    async def test_absent(
        self, repository: IRepository, condition: TagCondition, holds: bool
    ) -> None:
        """
        Of a tag that isn't there.
        """
        await self.check(repository, condition, holds)

    @pytest.mark.parametrize(
        ("condition", "holds"),
        [
            (TagCondition(), True),
            (TagCondition(match_any=True), True),
            (TagCondition(match=(str(ABSENT), str(image().digest))), True),
            (TagCondition(match=(str(ABSENT),)), False),
            (TagCondition(absent=True), False),
            (TagCondition(none_match=(str(ABSENT), str(image().digest))), False),
            (TagCondition(none_match=(str(ABSENT),)), True),
        ],
    )
    async def test_present(
        self, repository: IRepository, condition: TagCondition, holds: bool
    ) -> None:
        """
        Of a tag that is there.
        """
        await push_image(repository, tags=[LATEST])
        await self.check(repository, condition, holds)

    async def check(self, repository: IRepository, condition: TagCondition, holds: bool) -> None:
        """Push on a condition; where it doesn't hold, nothing may be stored."""
        if holds:
            await push(repository, index(), [LATEST], condition)
            assert await repository.tags.get(LATEST) == index().digest
            return
        with pytest.raises(PreconditionFailed):
            await push(repository, index(), [LATEST], condition)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(index().digest)

    async def test_one_of_many(self) -> None:
        """
        Of many who push a tag at once if it is absent, one does.
        """
        locks = Locks()
        shop = open_shop(locks=locks)
        release = await locks.hold([tag_key(NAME, LATEST)])
        contenders = [index(annotations={"n": str(number)}) for number in range(10)]
        outcomes = [
            fires(
                shop.repository().manifests.put(
                    what.manifest,
                    what.payload,
                    what.digest,
                    [LATEST],
                    TagCondition(absent=True),
                )
            )
            for what in contenders
        ]
        release()
        won = [what for what, (outcome,) in zip(contenders, outcomes, strict=True) if not outcome]
        assert len(won) == 1
        assert await shop.repository().tags.get(LATEST) == won[0].digest
        for (outcome,) in outcomes:
            assert outcome is None or outcome.check(PreconditionFailed)


class DeleteTests:
    """
    Manifests go.
    """

    async def test_delete(self, repository: IRepository) -> None:
        """
        With a manifest its tags go, and no others.
        """
        other = await push_image(repository, b"1", tags=["keep"])
        what = await push_image(repository, b"2", tags=["a", "b"])
        await repository.manifests.delete(what.digest)
        assert (await repository.tags.page()).items == ("keep",)
        for reference in (what.digest, Tag("a"), Tag("b")):
            with pytest.raises(ManifestUnknown):
                await repository.manifests.get(reference)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.delete(what.digest)
        assert (await repository.manifests.get(Tag("keep"))).payload == other.payload

    async def test_moved_tag(self, repository: IRepository) -> None:
        """
        A tag that named it once, and something else now, stays.
        """
        first = await push_image(repository, b"1", tags=[LATEST])
        second = await push_image(repository, b"2", tags=[LATEST])
        await repository.manifests.delete(first.digest)
        assert await repository.tags.get(LATEST) == second.digest

    async def test_unknown(self, repository: IRepository) -> None:
        """
        What isn't there can't be deleted.
        """
        with pytest.raises(ManifestUnknown):
            await repository.manifests.delete(ABSENT)

    async def test_again(self, repository: IRepository) -> None:
        """
        What was deleted can be pushed again.
        """
        for _ in range(2):
            what = await push_image(repository, tags=[LATEST])
            assert (await repository.manifests.get(LATEST)).payload == what.payload
            await repository.manifests.delete(what.digest)

    async def test_child(self, repository: IRepository) -> None:
        """
        That an index names it is no reason to keep it.
        """
        child = await push_image(repository)
        what = index(child.descriptor)
        await push(repository, what)
        await repository.manifests.delete(child.digest)
        assert (await repository.manifests.get(what.digest)).payload == what.payload

    async def test_tags_first(self, shop: Shop, repository: IRepository) -> None:
        """
        If it breaks midway, no tag names what isn't there, and it can be repeated.
        """
        what = await push_image(repository, tags=["a", "b", "c"])
        for path in (paths.tag(NAME, Tag("b")), paths.revision_link(NAME, what.digest)):
            shop.driver.fail("delete", StorageFailure("/x", "Input/output error"), path)
            with pytest.raises(StorageFailure):
                await repository.manifests.delete(what.digest)
            for tag in (await repository.tags.page()).items:
                await repository.manifests.get(Tag(tag))
        await repository.manifests.delete(what.digest)
        assert (await repository.tags.page()).items == ()

    async def test_dangling_tags(self, shop: Shop, repository: IRepository) -> None:
        """
        Tags that another registry left without their manifest go with a repeated delete.
        """
        what = await push_image(repository, tags=[LATEST])
        await shop.driver.delete(paths.revision_link(NAME, what.digest))
        with pytest.raises(ManifestUnknown):
            await repository.manifests.delete(what.digest)
        assert (await repository.tags.page()).items == ()

    async def test_damaged(self, shop: Shop, repository: IRepository) -> None:
        """
        What is damaged can be deleted.
        """
        for damage in ("link", "bytes", "no bytes"):
            what = await push_image(repository, tags=[LATEST])
            if damage == "link":
                await shop.driver.put_content(paths.revision_link(NAME, what.digest), b"")
            elif damage == "bytes":
                await shop.driver.put_content(paths.blob(what.digest), b"{}")
            else:
                await shop.driver.delete(paths.blob(what.digest))
            await repository.manifests.delete(what.digest)
            assert (await repository.tags.page()).items == ()

    async def test_not_while_pushed(self) -> None:
        """
        A push and a delete of one manifest at once leave no tag without its manifest.
        """
        locks = Locks()
        shop = open_shop(locks=locks)
        repository = shop.repository()
        what = index()
        await push(repository, what)
        release = await locks.hold([manifest_key(NAME, what.digest)])
        deleting = fires(repository.manifests.delete(what.digest))
        pushing = fires(
            repository.manifests.put(what.manifest, what.payload, what.digest, [LATEST])
        )
        release()
        assert deleting == [[]]
        assert pushing == [None]
        assert (await repository.manifests.get(LATEST)).payload == what.payload


class DockerTests:
    """
    What isn't OCI's.
    """

    async def test_docker_manifest(self, repository: IRepository) -> None:
        """
        Docker's manifests are kept with their own type.
        """
        for content in (b"{}", b"1"):
            await push_blob(repository, content)
        what = image(b"1", mediaType=media_types.DOCKER_MANIFEST)
        await push(repository, what, [LATEST])
        assert (await repository.manifests.stat(LATEST)).media_type == media_types.DOCKER_MANIFEST

    async def test_artifact(self, repository: IRepository) -> None:
        """
        Manifests with blobs instead of layers are kept.
        """
        await push_blob(repository, b"1")
        what = made(
            {
                "mediaType": media_types.OCI_ARTIFACT,
                "artifactType": "a/b",
                "blobs": [{"mediaType": "a/b", "digest": str(Digest.of(b"1")), "size": 1}],
            }
        )
        await push(repository, what, [LATEST])
        assert (await repository.manifests.get(LATEST)).payload == what.payload
