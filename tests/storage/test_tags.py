"""
Tags: listed in order, deleted, and never without their manifest.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from tests.storage.kit import (
    LATEST,
    NAME,
    Shop,
    files,
    image,
    index,
    open_shop,
    push,
    push_blob,
    push_image,
)
from txregistry.errors import CorruptLink, ManifestUnknown, NameUnknown, StorageFailure
from txregistry.interfaces import IRepository, ITags, Page
from txregistry.model.name import Tag
from txregistry.storage import paths

tag_texts = st.from_regex(r"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,8}\Z")


class PageTests:
    """
    Lists of tags.
    """

    async def test_provides(self, repository: IRepository) -> None:
        """
        They are what the interface says.
        """
        verifyObject(ITags, repository.tags)

    @pytest.mark.parametrize(
        ("limit", "last", "expected"),
        [
            (None, "", Page(("1", "A", "_", "a", "b"), False)),
            (None, "A", Page(("_", "a", "b"), False)),
            (2, "", Page(("1", "A"), True)),
            (2, "A", Page(("_", "a"), True)),
            (2, "AA", Page(("_", "a"), True)),
            (2, "_", Page(("a", "b"), False)),
            (5, "", Page(("1", "A", "_", "a", "b"), False)),
            (1000, "", Page(("1", "A", "_", "a", "b"), False)),
            (0, "", Page((), True)),
            (0, "b", Page((), False)),
            (3, "b", Page((), False)),
            (3, "zzz", Page((), False)),
        ],
    )
    async def test_page(
        self, repository: IRepository, limit: int | None, last: str, expected: Page
    ) -> None:
        """
        Byte order, from anywhere, as many as wanted.
        """
        await push(repository, index(), ["a", "b", "A", "_", "1"])
        assert await repository.tags.page(limit, last) == expected

    @given(tags=st.sets(tag_texts, min_size=1, max_size=30), limit=st.integers(1, 10))
    async def test_pages(self, tags: set[str], limit: int) -> None:
        """
        The pages together are the list, whatever it is.
        """
        repository = open_shop().repository()
        await push(repository, index(), sorted(tags))
        found: list[str] = []
        page = Page((), True)
        while page.more:
            page = await repository.tags.page(limit, found[-1] if found else "")
            assert len(page.items) <= limit
            found += page.items
        assert found == sorted(tags, key=str.encode)
        assert (await repository.tags.page()).items == tuple(found)

    async def test_unknown(self, repository: IRepository) -> None:
        """
        Where there never was a manifest there is no repository.
        """
        await push_blob(repository, b"1")
        with pytest.raises(NameUnknown) as caught:
            await repository.tags.page()
        assert caught.value.detail == {"name": NAME}

    async def test_none(self, repository: IRepository) -> None:
        """
        A repository without tags has an empty list; also when the last one was removed.
        """
        what = await push_image(repository)
        assert await repository.tags.page() == Page((), False)
        await push(repository, what, [LATEST])
        await repository.tags.delete(LATEST)
        assert await repository.tags.page(10) == Page((), False)

    async def test_parents(self, shop: Shop) -> None:
        """
        That there are repositories below a name doesn't make it one.
        """
        await push(shop.repository("a/b/c"), index(), [LATEST])
        for name in ("a", "a/b"):
            with pytest.raises(NameUnknown):
                await shop.repository(name).tags.page()

    async def test_crash(self, shop: Shop, repository: IRepository) -> None:
        """
        What a crash left of a tag that was about to be made is no tag.
        """
        what = await push_image(repository, tags=[f"t{number:02}" for number in range(0, 40, 2)])
        for number in range(1, 40, 2):
            tag = Tag(f"t{number:02}")
            path = paths.tag_index_link(NAME, tag, what.digest)
            await shop.driver.put_content(path, str(what.digest).encode())
        page = await repository.tags.page(5, "t03")
        assert page == Page(("t04", "t06", "t08", "t10", "t12"), True)
        assert len((await repository.tags.page()).items) == 20
        assert await repository.tags.page(2, "t35") == Page(("t36", "t38"), False)
        with pytest.raises(ManifestUnknown):
            await repository.tags.delete(Tag("t01"))

    async def test_foreign_names(self, shop: Shop, repository: IRepository) -> None:
        """
        What could not be a tag isn't listed.
        """
        await push(repository, index(), [LATEST])
        for name in (".hidden", "-x", "a" * 129):
            await shop.driver.put_content(f"{paths.tags(NAME)}/{name}/current/link", b"x")
        assert (await repository.tags.page()).items == (LATEST,)

    async def test_many(self, shop: Shop, repository: IRepository) -> None:
        """
        A page looks at no more tags than are on it, and one or few more.
        """
        await push(repository, index(), [f"t{number:03}" for number in range(300)])
        shop.driver.calls.clear()
        page = await repository.tags.page(20, "t100")
        assert len(page.items) == 20
        assert len(shop.driver.calls) < 30


class GetTests:
    """
    What a tag names.
    """

    async def test_get(self, repository: IRepository) -> None:
        """
        A tag names the manifest that was pushed under it, by the digest that was used.
        """
        await push(repository, index(algorithm="sha512"), [LATEST])
        assert await repository.tags.get(LATEST) == index(algorithm="sha512").digest
        with pytest.raises(ManifestUnknown):
            await repository.tags.get(Tag("Latest"))

    async def test_corrupt(self, shop: Shop, repository: IRepository) -> None:
        """
        A damaged tag is listed, is an error to ask for, and can be deleted.
        """
        await push(repository, index(), [LATEST])
        await shop.driver.put_content(paths.tag_current_link(NAME, LATEST), b"")
        assert (await repository.tags.page()).items == (LATEST,)
        with pytest.raises(CorruptLink):
            await repository.tags.get(LATEST)
        await repository.tags.delete(LATEST)
        assert (await repository.tags.page()).items == ()


class DeleteTests:
    """
    A tag goes.
    """

    async def test_delete(self, shop: Shop, repository: IRepository) -> None:
        """
        The tag goes with its history; the manifest and other tags stay.
        """
        await push_image(repository, b"1", tags=["a"])
        what = await push_image(repository, b"2", tags=["a", "b"])
        await repository.tags.delete(Tag("a"))
        with pytest.raises(ManifestUnknown):
            await repository.tags.delete(Tag("a"))
        assert (await repository.tags.page()).items == ("b",)
        assert (await repository.manifests.get(what.digest)).payload == what.payload
        directory = paths.tag(NAME, Tag("a"))
        assert not [path for path in await files(shop.driver) if path.startswith(directory)]

    async def test_similar(self, repository: IRepository) -> None:
        """
        Tags whose names begin alike are others.
        """
        await push(repository, index(), ["a", "a.b", "aa", "a-"])
        await repository.tags.delete(Tag("a"))
        assert (await repository.tags.page()).items == ("a-", "a.b", "aa")

    async def test_fails(self, shop: Shop, repository: IRepository) -> None:
        """
        A storage that fails is told.
        """
        what = image()
        await push_image(repository, tags=[LATEST])
        shop.driver.fail("delete", StorageFailure("/x", "Input/output error"))
        with pytest.raises(StorageFailure):
            await repository.tags.delete(LATEST)
        assert await repository.tags.get(LATEST) == what.digest
