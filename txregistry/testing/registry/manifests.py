"""
Manifests and tags: given back as they were pushed, and never without what they name.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError

from txregistry.errors import (
    ManifestBlobUnknown,
    ManifestUnknown,
    NameUnknown,
    PreconditionFailed,
)
from txregistry.interfaces import IRegistry, IRepository, Page, TagCondition
from txregistry.model.digest import HEX_LENGTHS, Digest
from txregistry.model.name import Tag
from txregistry.testing.drivers.suite import coroutine_tests
from txregistry.testing.registry.content import (
    ABSENT,
    BODY,
    LATEST,
    OTHER,
    Pushed,
    Suite,
    Told,
    image,
    index,
    opened,
    push,
    push_blob,
    push_image,
)


@coroutine_tests
class ManifestContract(Suite):
    """
    What a registry must do with manifests, tags and referrers.
    """

    async def test_manifest(self, repository: IRepository) -> None:
        """
        By digest and by tag a manifest is what was pushed, byte for byte, again and again.
        """
        await push_blob(repository, b"{}")
        for algorithm in HEX_LENGTHS:
            what = image(algorithm=algorithm)
            await push(repository, what, ["a", "b"])
            for reference in (what.digest, Tag("a"), Tag("b")) * 2:
                stored = await repository.manifests.get(reference)
                assert stored.payload == what.payload
                assert stored.descriptor.digest == what.digest
                assert stored.descriptor.size == len(what.payload)
                assert stored.descriptor.media_type == what.manifest.media_type
                assert await repository.manifests.stat(reference) == stored.descriptor

    async def test_unknown_manifest(self, registry: IRegistry, repository: IRepository) -> None:
        """
        What isn't here, or only elsewhere, is unknown; also when it was asked for before.
        """
        what = await push_image(opened(registry, OTHER), tags=[LATEST])
        for _ in range(2):
            for reference in (LATEST, what.digest, ABSENT):
                for ask in (repository.manifests.get, repository.manifests.stat):
                    with pytest.raises(ManifestUnknown):
                        await ask(reference)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.delete(what.digest)
        with pytest.raises(ManifestUnknown):
            await repository.tags.delete(LATEST)
        await push_image(repository, tags=[LATEST])
        assert (await repository.manifests.stat(LATEST)).digest == what.digest

    async def test_missing(self, repository: IRepository) -> None:
        """
        A manifest is taken only when all that it names is there; the error names all that isn't.
        """
        with pytest.raises(ManifestBlobUnknown) as caught:
            await push(repository, image(BODY), [LATEST])
        assert set(caught.value.digests) == {Digest.of(b"{}"), Digest.of(BODY)}
        child = image(BODY)
        with pytest.raises(ManifestBlobUnknown) as caught:
            await push(repository, index(child.descriptor), [LATEST])
        assert caught.value.digests == (child.digest,)
        with pytest.raises(ManifestUnknown):
            await repository.tags.get(LATEST)
        await push_image(repository, BODY)
        await push(repository, index(child.descriptor), [LATEST])

    async def test_move_tag(self, registry: IRegistry, repository: IRepository) -> None:
        """
        A tag names what was pushed under it last, for everybody at once.
        """
        first = await push_image(repository, b"1", tags=[LATEST])
        for again in (opened(registry), repository):
            assert (await again.manifests.get(LATEST)).payload == first.payload
        second = await push_image(repository, b"2", tags=[LATEST])
        for again in (opened(registry), repository):
            assert (await again.manifests.get(LATEST)).payload == second.payload
            assert await again.tags.get(LATEST) == second.digest
            assert (await again.manifests.get(first.digest)).payload == first.payload

    async def test_condition(self, repository: IRepository) -> None:
        """
        A tag is moved only if what was wanted of it holds, and nothing is stored otherwise.
        """
        first, second = index(), index(annotations={"is": "another"})
        await push(repository, first, [LATEST], TagCondition(absent=True))
        for condition in (
            TagCondition(absent=True),
            TagCondition(match=(str(second.digest),)),
            TagCondition(none_match=(str(first.digest),)),
        ):
            with pytest.raises(PreconditionFailed):
                await push(repository, second, [LATEST], condition)
        with pytest.raises(ManifestUnknown):
            await repository.manifests.get(second.digest)
        assert await repository.tags.get(LATEST) == first.digest
        await push(repository, second, [LATEST], TagCondition(match=(str(first.digest),)))
        assert await repository.tags.get(LATEST) == second.digest

    async def test_tags_page(self, repository: IRepository) -> None:
        """
        Tags are listed in the order of their bytes, in pages of any size.
        """
        with pytest.raises(NameUnknown):
            await repository.tags.page()
        await push_image(repository)
        assert await repository.tags.page() == Page((), False)
        await push(repository, image(), ["b", "a", "B", "_", "1"])
        assert await repository.tags.page() == Page(("1", "B", "_", "a", "b"), False)
        assert await repository.tags.page(2) == Page(("1", "B"), True)
        assert await repository.tags.page(2, "B") == Page(("_", "a"), True)
        assert await repository.tags.page(2, "_0") == Page(("a", "b"), False)
        assert await repository.tags.page(0) == Page((), True)

    async def test_delete_tag(self, registry: IRegistry, repository: IRepository) -> None:
        """
        A deleted tag is gone for everybody; its manifest and other tags stay.
        """
        what = await push_image(repository, tags=["a", "b"])
        await repository.manifests.get(Tag("a"))
        await repository.tags.delete(Tag("a"))
        for again in (opened(registry), repository):
            with pytest.raises(ManifestUnknown):
                await again.manifests.get(Tag("a"))
            assert (await again.tags.page()).items == ("b",)
            assert (await again.manifests.get(what.digest)).payload == what.payload

    async def test_alongside(self, registry: IRegistry, repository: IRepository) -> None:
        """
        Who is to be told of a manifest is told when everybody can see it and its tags, and the push
        waits for him, even if whoever pushes goes away.
        """
        what = await push_image(repository, b"1")
        told = Told(lambda _: opened(registry).manifests.stat(Tag("b")))
        putting = repository.manifests.put(
            what.manifest, what.payload, what.digest, [Tag("a"), Tag("b")], alongside=told
        )
        await told.come()
        (descriptor,) = told.of
        assert (descriptor.digest, descriptor.size) == (what.digest, len(what.payload))
        assert descriptor.media_type == what.manifest.media_type
        assert not putting.called
        putting.cancel()
        assert not putting.called
        told.go_on()
        with pytest.raises(CancelledError):
            await putting
        assert (await repository.tags.page()).items == ("a", "b")

    async def test_nothing_alongside(self, repository: IRepository) -> None:
        """
        Of what comes to nothing nobody is told.
        """
        what, told = image(b"missing"), Told(repository.manifests.stat)
        with pytest.raises(ManifestBlobUnknown):
            await repository.manifests.put(what.manifest, what.payload, what.digest, alongside=told)
        there = await push_image(repository, b"1", tags=["a"])
        with pytest.raises(PreconditionFailed):
            await repository.manifests.put(
                there.manifest,
                there.payload,
                there.digest,
                [Tag("a")],
                TagCondition(absent=True),
                told,
            )
        assert told.of == []

    async def test_deleted_tags(self, repository: IRepository) -> None:
        """
        Whoever deletes a manifest is told which tags went with it.
        """
        what = await push_image(repository, b"1", tags=["a", "b"])
        await push_image(repository, b"2", tags=["c", "b"])
        assert sorted(await repository.manifests.delete(what.digest)) == ["a"]
        untagged = await push_image(repository, b"3")
        assert list(await repository.manifests.delete(untagged.digest)) == []

    async def test_delete_manifest(self, registry: IRegistry, repository: IRepository) -> None:
        """
        A deleted manifest is gone for everybody, with its tags and no others; pushed again it is
        there.
        """
        kept = await push_image(repository, b"1", tags=["keep"])
        what = await push_image(repository, b"2", tags=["a", "b"])
        for reference in (what.digest, Tag("a")):
            await repository.manifests.get(reference)
            await repository.manifests.stat(reference)
        await repository.manifests.delete(what.digest)
        for again in (opened(registry), repository):
            for reference in (what.digest, Tag("a"), Tag("b")):
                for ask in (again.manifests.get, again.manifests.stat):
                    with pytest.raises(ManifestUnknown):
                        await ask(reference)
            assert (await again.tags.page()).items == ("keep",)
            assert (await again.manifests.get(kept.digest)).payload == kept.payload
        await push(repository, what, ["a"])
        assert (await repository.manifests.get(Tag("a"))).payload == what.payload

    async def test_referrers(self, repository: IRepository) -> None:
        """
        What refers to something is listed in order, by type if wanted, as long as it is there.
        """
        subject = image()
        made = [
            index(
                subject=subject.descriptor,
                artifactType=f"a/{number % 2}",
                annotations={"n": str(number)},
            )
            for number in range(6)
        ]
        for what in made:
            await push(repository, what)
        assert await self.listed(repository, subject.digest) == _sorted(made)
        assert await self.listed(repository, subject.digest, "a/1") == _sorted(made[1::2])
        assert await self.listed(repository, ABSENT) == []
        await repository.manifests.delete(made[0].digest)
        assert await self.listed(repository, subject.digest) == _sorted(made[1:])

    async def listed(
        self, repository: IRepository, subject: Digest, *artifact_types: str
    ) -> list[str]:
        """:return: the digests of all referrers, page by page."""
        found: list[str] = []
        last = ""
        while True:
            page = await repository.referrers.page(subject, 2, last, artifact_types)
            found += [str(entry.descriptor.digest) for entry in page.items]
            last = page.next
            if not last:
                return found


def _sorted(manifests: list[Pushed]) -> list[str]:
    return sorted(str(what.digest) for what in manifests)
