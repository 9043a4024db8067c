"""
Referrers: those that were pushed here, and those that clients noted themselves.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from tests.storage.kit import (
    NAME,
    Made,
    Shop,
    image,
    index,
    open_shop,
    push,
    push_image,
)
from txregistry.interfaces import IReferrers, IRepository, IStorageDriver
from txregistry.model import media_types
from txregistry.model.digest import Digest
from txregistry.storage import paths, referrers
from txregistry.storage.referrers import fallback_tag

SUBJECT = index(annotations={"is": "the subject"})
SIGNATURE = "application/vnd.example.signature"
SBOM = "application/vnd.example.sbom"


def referrer(number: int = 0, artifact_type: str = SIGNATURE, **more: Any) -> Made:
    """:return: something that refers to the subject."""
    return index(
        subject=SUBJECT.descriptor,
        artifactType=artifact_type,
        annotations={"number": str(number)},
        **more,
    )


async def forget(driver: IStorageDriver, what: Made) -> None:
    """Let it be as if distribution had taken this referrer."""
    await driver.delete(paths.referrer(NAME, SUBJECT.digest, what.digest))


async def digests(
    repository: IRepository, subject: Digest = SUBJECT.digest, limit: int = 100, **more: Any
) -> list[str]:
    """:return: the digests of all referrers, page by page."""
    found: list[str] = []
    last = ""
    while True:
        page = await repository.referrers.page(subject, limit, last, **more)
        assert len(page.items) <= limit
        found += [str(entry.descriptor.digest) for entry in page.items]
        last = page.next
        if not last:
            return found


class PushedTests:
    """
    Referrers that were pushed here.
    """

    async def test_provides(self, repository: IRepository) -> None:
        """
        They are what the interface says.
        """
        verifyObject(IReferrers, repository.referrers)

    async def test_none(self, repository: IRepository) -> None:
        """
        What nobody refers to, or nobody knows, has none.
        """
        assert await digests(repository) == []
        await push(repository, SUBJECT)
        assert await digests(repository) == []

    async def test_entry(self, repository: IRepository) -> None:
        """
        An entry tells what it is, with its annotations; the subject need not be there.
        """
        what = referrer(7)
        await push(repository, what)
        (entry,) = (await repository.referrers.page(SUBJECT.digest, 10)).items
        assert entry.as_json() == {
            "mediaType": media_types.OCI_INDEX,
            "digest": str(what.digest),
            "size": len(what.payload),
            "artifactType": SIGNATURE,
            "annotations": {"number": "7"},
        }

    async def test_type_of_an_image(self, repository: IRepository) -> None:
        """
        An image manifest without an artifact type is what its config is.
        """
        await push_image(repository, subject=SUBJECT.descriptor)
        (entry,) = (await repository.referrers.page(SUBJECT.digest, 10)).items
        assert entry.artifact_type == media_types.OCI_IMAGE_CONFIG

    async def test_after_restart(self, shop: Shop, repository: IRepository) -> None:
        """
        What is listed is the same when nothing is remembered.
        """
        await push(repository, referrer())
        before = await repository.referrers.page(SUBJECT.digest, 10)
        again = open_shop(driver=shop.driver).repository()
        assert await again.referrers.page(SUBJECT.digest, 10) == before

    @pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
    async def test_algorithms(self, repository: IRepository, algorithm: str) -> None:
        """
        Subject and referrer may have digests of any algorithm, in one list.
        """
        subject = {**SUBJECT.descriptor, "digest": str(Digest.of(SUBJECT.payload, algorithm))}
        made = [index(subject=subject, algorithm=each) for each in ("sha256", "sha512")]
        for what in made:
            await push(repository, what)
        found = await digests(repository, Digest.of(SUBJECT.payload, algorithm), 1)
        assert found == sorted(str(what.digest) for what in made)

    async def test_order_and_pages(self, repository: IRepository) -> None:
        """
        The pages together are the list, in the order of the digests, each once.
        """
        made = [referrer(number) for number in range(25)]
        for what in made:
            await push(repository, what)
        expected = sorted(str(what.digest) for what in made)
        for limit in (1, 7, 25, 26):
            assert await digests(repository, limit=limit) == expected

    async def test_last_page_is_known(self, repository: IRepository) -> None:
        """
        A page that ends the list says so.
        """
        for number in range(2):
            await push(repository, referrer(number))
        page = await repository.referrers.page(SUBJECT.digest, 2)
        assert (len(page.items), page.next) == (2, "")

    async def test_filter(self, repository: IRepository) -> None:
        """
        Only what is of a wanted type is listed.
        """
        for number in range(30):
            await push(repository, referrer(number, (SIGNATURE, SBOM, "a/b")[number % 3]))
        for wanted, count in (([SIGNATURE], 10), ([SIGNATURE, SBOM], 20), (["c/d"], 0), ([], 30)):
            assert len(await digests(repository, limit=4, artifact_types=wanted)) == count

    async def test_bounded(
        self, monkeypatch: pytest.MonkeyPatch, shop: Shop, repository: IRepository
    ) -> None:
        """
        However few fit, one page looks at no more than so many.
        """
        monkeypatch.setattr(referrers, "MOST_LOOKED_AT", 32)
        for number in range(100):
            await push(repository, referrer(number))
        shop.driver.calls.clear()
        page = await repository.referrers.page(SUBJECT.digest, 10, "", ["c/d"])
        assert page.items == ()
        assert page.next
        assert shop.driver.count("stat") == 32
        assert await digests(repository, artifact_types=["c/d"]) == []

    async def test_deleted(self, shop: Shop, repository: IRepository) -> None:
        """
        What was deleted isn't listed any more; pushed again it is.
        """
        first, second = referrer(1), referrer(2)
        for what in (first, second):
            await push(repository, what)
        await repository.manifests.delete(first.digest)
        assert await digests(repository) == [str(second.digest)]
        await push(repository, first)
        assert len(await digests(repository)) == 2

    async def test_subject_deleted(self, repository: IRepository) -> None:
        """
        The referrers of a subject stay when it goes.
        """
        await push(repository, SUBJECT)
        await push(repository, referrer())
        await repository.manifests.delete(SUBJECT.digest)
        assert len(await digests(repository)) == 1

    async def test_broken(self, shop: Shop, repository: IRepository) -> None:
        """
        Entries whose manifest is gone, damaged or no longer linked are left out.
        """
        made = [referrer(number) for number in range(5)]
        for what in made:
            await push(repository, what)
        await shop.driver.delete(paths.revision_link(NAME, made[0].digest))
        await shop.driver.put_content(paths.revision_link(NAME, made[1].digest), b"")
        await shop.driver.delete(paths.blob(made[2].digest))
        await shop.driver.put_content(paths.blob(made[3].digest), b"{}")
        directory = paths.referrers(NAME, SUBJECT.digest)
        await shop.driver.put_content(f"{directory}/sha256/nonsense/link", b"")
        await shop.driver.put_content(f"{directory}/nonsense", b"")
        assert await digests(repository) == [str(made[4].digest)]

    async def test_other_subject(self, shop: Shop, repository: IRepository) -> None:
        """
        An entry for what refers to something else is left out.
        """
        other = index(subject=image().descriptor)
        await push(repository, other)
        link = paths.referrer_link(NAME, SUBJECT.digest, other.digest)
        await shop.driver.put_content(link, str(other.digest).encode())
        assert await digests(repository) == []

    async def test_repositories(self, shop: Shop, repository: IRepository) -> None:
        """
        Each repository has its own.
        """
        await push(shop.repository("library/else"), referrer())
        assert await digests(repository) == []


class FallbackTests:
    """
    Referrers that clients noted under a tag.
    """

    @pytest.mark.parametrize(
        ("algorithm", "length"), [("sha256", 64), ("sha384", 64), ("sha512", 64)]
    )
    def test_tag(self, algorithm: str, length: int) -> None:
        """
        The tag is the algorithm and at most 64 characters of the hash.
        """
        digest = Digest.of(b"", algorithm)
        assert fallback_tag(digest) == f"{algorithm}-{digest.hex[:length]}"

    async def test_merged(self, shop: Shop, repository: IRepository) -> None:
        """
        They are listed with the others, each once, if they are here and refer to the subject.
        """
        here, noted, both = referrer(1), referrer(2), referrer(3)
        stranger = index(subject=image().descriptor)
        nothing = index(annotations={"no": "subject"})
        for what in (here, noted, both, stranger, nothing):
            await push(repository, what)
        await forget(shop.driver, noted)
        assert await digests(repository) == sorted([str(here.digest), str(both.digest)])
        absent = {**referrer(4).descriptor}
        children = [what.descriptor for what in (noted, both, stranger, nothing)]
        payload = index(*children, absent)
        await shop.driver.put_content(paths.blob(payload.digest), payload.payload)
        for link in (
            paths.revision_link(NAME, payload.digest),
            paths.tag_current_link(NAME, fallback_tag(SUBJECT.digest)),
        ):
            await shop.driver.put_content(link, str(payload.digest).encode())
        expected = sorted(str(what.digest) for what in (here, noted, both))
        assert await digests(repository) == expected
        assert await digests(repository, limit=1) == expected

    async def test_no_index(self, repository: IRepository) -> None:
        """
        If something else is under the tag, there are none.
        """
        await push_image(repository, tags=[fallback_tag(SUBJECT.digest)])
        assert await digests(repository) == []

    @pytest.mark.parametrize("damage", ["tag", "link", "bytes", "no bytes"])
    async def test_damaged(self, shop: Shop, repository: IRepository, damage: str) -> None:
        """
        A damaged note doesn't hide the others.
        """
        await push(repository, referrer())
        what = index()
        tag = fallback_tag(SUBJECT.digest)
        await push(repository, what, [tag])
        if damage == "tag":
            await shop.driver.put_content(paths.tag_current_link(NAME, tag), b"")
        elif damage == "link":
            await shop.driver.put_content(paths.revision_link(NAME, what.digest), b"x")
        elif damage == "bytes":
            await shop.driver.put_content(paths.blob(what.digest), b"{}")
        else:
            await shop.driver.delete(paths.blob(what.digest))
        assert await digests(repository) == [str(referrer().digest)]


class ManyTests:
    """
    Any number of them.
    """

    @given(
        pushed=st.sets(st.integers(0, 30)),
        noted=st.sets(st.integers(0, 30)),
        deleted=st.sets(st.integers(0, 30)),
        limit=st.integers(1, 12),
    )
    async def test_any(
        self, pushed: set[int], noted: set[int], deleted: set[int], limit: int
    ) -> None:
        """
        Whatever was pushed, noted and deleted, the pages are the sorted list of what is there.
        """
        shop = open_shop()
        repository = shop.repository()
        for number in pushed | noted:
            await push(repository, referrer(number))
        for number in noted - pushed:
            await forget(shop.driver, referrer(number))
        children = [referrer(number).descriptor for number in sorted(noted)]
        await push(repository, index(*children), [fallback_tag(SUBJECT.digest)])
        for number in deleted & (pushed | noted):
            await repository.manifests.delete(referrer(number).digest)
        left = (pushed | noted) - deleted
        expected = sorted(str(referrer(number).digest) for number in left)
        assert await digests(repository, limit=limit) == expected
