"""
The catalog: every repository once, in the byte order of the names, at the price of a page.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from zope.interface.verify import verifyObject

from tests.storage.kit import Shop, index, open_shop, push, push_blob
from txregistry.deferreds import deferred
from txregistry.drivers.wrapper import DriverWrapper
from txregistry.interfaces import IRegistry, IStorageDriver, Page
from txregistry.model.name import RepositoryName
from txregistry.storage import paths

components = st.from_regex(r"\A[ab](?:[.-]?[ab]){0,2}\Z")
names = st.lists(components, min_size=1, max_size=3).map("/".join)


async def make(driver: IStorageDriver, *repositories: str) -> None:
    """Let there be repositories."""
    for name in repositories:
        path = f"{paths.REPOSITORIES}/{name}/_manifests/tags/latest/current/link"
        await driver.put_content(path, b"x")


async def listed(shop: Shop, limit: int = 100) -> list[str]:
    """:return: all names, page by page."""
    found: list[str] = []
    page = Page((), True)
    while page.more:
        page = await shop.registry.page(limit, found[-1] if found else "")
        assert len(page.items) <= limit
        found += page.items
    return found


class CatalogTests:
    """
    Pages of names.
    """

    async def test_provides(self, shop: Shop) -> None:
        """
        A registry is what the interface says.
        """
        verifyObject(IRegistry, shop.registry)

    async def test_empty(self, shop: Shop) -> None:
        """
        An empty registry has no repositories.
        """
        assert await shop.registry.page(10) == Page((), False)

    async def test_what_counts(self, shop: Shop) -> None:
        """
        A repository is what has had a manifest.
        """
        await push_blob(shop.repository("only/blobs"), b"1")
        await shop.repository("only/uploads").uploads.start()
        await push(shop.repository("a/b"), index())
        emptied = shop.repository("a/emptied")
        await push(emptied, index())
        await emptied.manifests.delete(index().digest)
        assert await listed(shop) == ["a/b", "a/emptied"]

    async def test_order(self, shop: Shop) -> None:
        """
        Names are ordered as texts, not as directories.
        """
        await make(shop.driver, "foo/x", "foo", "foo-bar", "foo.bar/a", "foo0", "fo", "foo/x/y")
        expected = ["fo", "foo", "foo-bar", "foo.bar/a", "foo/x", "foo/x/y", "foo0"]
        assert await listed(shop) == expected

    @pytest.mark.parametrize(
        ("limit", "last", "expected"),
        [
            (2, "", Page(("a", "a-b"), True)),
            (2, "a", Page(("a-b", "a/b"), True)),
            (2, "a-b", Page(("a/b", "b/c"), False)),
            (2, "a-", Page(("a-b", "a/b"), True)),
            (2, "a/", Page(("a/b", "b/c"), False)),
            (2, "a/b/z", Page(("b/c",), False)),
            (2, "b", Page(("b/c",), False)),
            (2, "b/c", Page((), False)),
            (2, "zzz", Page((), False)),
            (0, "", Page((), True)),
            (1000, "", Page(("a", "a-b", "a/b", "b/c"), False)),
        ],
    )
    async def test_pages(self, shop: Shop, limit: int, last: str, expected: Page) -> None:
        """
        A page begins behind any text, whether or not it names a repository.
        """
        await make(shop.driver, "a", "a/b", "a-b", "b/c")
        assert await shop.registry.page(limit, last) == expected

    @given(
        names=st.sets(names, max_size=20),
        limit=st.integers(1, 5),
        last=st.text("ab-./", max_size=6),
    )
    @example(names={"a", "a/a", "a-a", "a-a/a", "a.a"}, limit=1, last="a-")
    async def test_any(self, names: set[str], limit: int, last: str) -> None:
        """
        Whatever the names, the pages together are their sorted list.
        """
        shop = open_shop()
        await make(shop.driver, *names)
        expected = sorted(names, key=str.encode)
        assert await listed(shop, limit) == expected
        behind = [name for name in expected if name > last]
        page = await shop.registry.page(limit, last)
        assert page == Page(tuple(behind[:limit]), len(behind) > limit)

    async def test_foreign_names(self, shop: Shop) -> None:
        """
        Directories that can't be asked for as repositories are neither listed nor entered.
        """
        await make(shop.driver, "Upper/a", "a/.b", "a/_b/c", "a/b-", "ok", "a/" + "b" * 254)
        await shop.driver.put_content(f"{paths.REPOSITORIES}/file", b"x")
        assert await listed(shop) == ["ok"]

    async def test_work(self, shop: Shop) -> None:
        """
        A page opens no more directories than it has to.
        """
        await make(
            shop.driver, *(f"org{group}/app{number}" for group in range(20) for number in range(50))
        )
        shop.driver.calls.clear()
        page = await shop.registry.page(10, "org7/app20")
        assert page.items[0] == "org7/app21"
        assert len(page.items) == 10
        assert len(shop.driver.calls) < 20

    async def test_vanishing(self, shop: Shop) -> None:
        """
        What is removed between two looks is left out.
        """
        await make(shop.driver, "a", "b/c", "d")

        class Vanishing(DriverWrapper):
            """Lets a repository go when it is about to be looked at."""

            @deferred
            async def children_of(self, path: str, names: Sequence[str]) -> Sequence[Sequence[str]]:
                if "b" in names:
                    await self.driver.delete(f"{path}/b")
                return await self.driver.children_of(path, names)

        assert await listed(open_shop(driver=Vanishing(shop.driver))) == ["a", "d"]

    async def test_deep(self, shop: Shop) -> None:
        """
        The deepest name that there can be is listed.
        """
        name = "/".join("a" for _ in range(128))
        await make(shop.driver, name)
        assert await listed(shop) == [RepositoryName(name)]
