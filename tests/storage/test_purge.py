"""
Purging: what nobody finished goes, everything else stays, and nothing stops it.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.storage.kit import NAME, Shop, files, fires, index, open_shop, push, push_blob
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.inmemory import MemoryDriver
from txregistry.errors import BlobUploadUnknown, StorageFailure
from txregistry.interfaces import IRepository
from txregistry.model.name import RepositoryName
from txregistry.storage import paths
from txregistry.storage.purge import Purger, PurgeReport
from txregistry.testing.streams import ComingStream, GivenStream

WEEK = timedelta(days=7)
UUID = "7b0bd9d6-6a0b-4f5c-8f66-3f5d6a6d3c11"


def purger(shop: Shop, dry_run: bool = False) -> Purger:
    """:return: one that goes by the shop's clock."""
    return Purger(shop.driver, lambda: shop.time[0], WEEK, dry_run)


@pytest.fixture
def shop() -> Shop:
    """One whose driver goes by the same clock."""
    clock: list[Shop] = []
    shop = open_shop(
        driver=CheckedDriver(MemoryDriver(lambda: clock[0].time[0].timestamp() if clock else 0))
    )
    clock.append(shop)
    return shop


class PurgerTests:
    """
    Removing abandoned uploads.
    """

    async def test_age(self, shop: Shop) -> None:
        """
        What was begun longer ago than the age goes, in all repositories; what is younger stays.
        """
        old = [
            await shop.repository(name, "ann").uploads.start("sha512")
            for name in ("a", "a/b", "c/d/e")
        ]
        await old[0].append(GivenStream(b"01"))
        shop.pass_time(days=1)
        young = await shop.repository("a").uploads.start()
        await young.append(GivenStream(b"01"))
        before = await files(shop.driver, paths.repository(NAME))
        shop.pass_time(days=6, seconds=1)
        report = await purger(shop).purge()
        assert set(report.removed) == {
            paths.upload(RepositoryName(name), upload.id)
            for name, upload in zip(("a", "a/b", "c/d/e"), old, strict=True)
        }
        assert report.failures == 0
        assert await files(shop.driver, paths.repository(NAME)) == before
        assert (await shop.repository("a").uploads.resume(young.id)).size == 2
        with pytest.raises(BlobUploadUnknown):
            await shop.repository("a", "ann").uploads.resume(old[0].id)
        assert len(await files(shop.driver)) == 1

    async def test_everything_else_stays(self, shop: Shop, repository: IRepository) -> None:
        """
        Blobs, manifests and tags are not touched.
        """
        await push_blob(repository, b"1")
        await push(repository, index(), ["a"])
        before = await files(shop.driver)
        shop.pass_time(days=100)
        await purger(shop).purge()
        assert await files(shop.driver) == before

    async def test_empty(self, shop: Shop) -> None:
        """
        There may be nothing at all.
        """
        assert await purger(shop).purge() == PurgeReport((), 0, False)

    async def test_dry_run(self, shop: Shop, repository: IRepository) -> None:
        """
        A dry run tells what it would remove, and changes nothing.
        """
        upload = await repository.uploads.start()
        await upload.append(GivenStream(b"1"))
        shop.pass_time(days=8)
        before = await files(shop.driver)
        report = await purger(shop, dry_run=True).purge()
        assert report.removed == (paths.upload(NAME, upload.id),)
        assert str(report) == "1 uploads would be removed, 0 failures"
        assert await files(shop.driver) == before

    @pytest.mark.parametrize(
        ("text", "goes"),
        [
            ("2026-08-01T00:00:00Z", True),
            ("2026-08-01T00:00:00.123456789Z", True),
            ("2026-08-01T00:00:00+02:00", True),
            ("2026-08-17T00:00:00Z", False),
            ("2027-08-01T00:00:00Z", False),
            ("", False),
            ("yesterday", False),
            ("\udcff", False),
        ],
    )
    async def test_started_at(self, shop: Shop, text: str, goes: bool) -> None:
        """
        The start is read as distribution writes it; what can't be read is left alone.
        """
        path = paths.upload_started_at(NAME, UUID)
        await shop.driver.put_content(path, text.encode("utf-8", "surrogateescape"))
        report = await purger(shop).purge()
        assert bool(report.removed) == goes
        assert (path in await files(shop.driver)) != goes

    async def test_not_a_uuid(self, shop: Shop) -> None:
        """
        What isn't named by a UUID is left alone.
        """
        path = paths.upload_started_at(NAME, "other")
        await shop.driver.put_content(path, b"2020-01-01T00:00:00Z")
        await purger(shop).purge()
        assert path in await files(shop.driver)

    async def test_remains(self, shop: Shop) -> None:
        """
        What was left of an upload goes when all of it is old enough.
        """
        await shop.driver.put_content(paths.upload_data(NAME, UUID), b"x")
        shop.pass_time(days=6)
        await shop.driver.put_content(f"{paths.upload(NAME, UUID)}/data", b"x")
        shop.pass_time(days=6)
        assert (await purger(shop).purge()).removed == ()
        shop.pass_time(days=2)
        assert (await purger(shop).purge()).removed == (paths.upload(NAME, UUID),)
        assert await files(shop.driver) == {}

    async def test_in_use(self, shop: Shop, repository: IRepository) -> None:
        """
        An upload that somebody is writing to just now is left for the next time.
        """
        upload = await repository.uploads.start()
        stream = ComingStream()
        outcome = fires(upload.append(stream))
        stream.feed(b"0123")
        shop.pass_time(days=8)
        assert (await purger(shop).purge()).removed == ()
        stream.end()
        assert outcome == [4]
        assert (await purger(shop).purge()).removed == (paths.upload(NAME, upload.id),)

    async def test_failures(self, shop: Shop, logged_failures: list[object]) -> None:
        """
        What fails is counted and logged, and the rest is done.
        """
        uploads = {
            name: await shop.repository(name).uploads.start() for name in ("a", "b", "c", "d")
        }
        for upload in uploads.values():
            await upload.append(GivenStream(b"1"))
        shop.pass_time(days=8)
        error = StorageFailure("/x", "Input/output error")
        shop.driver.fail("list", error, f"{paths.REPOSITORIES}/a")
        shop.driver.fail("get_content", error, f"{paths.REPOSITORIES}/b")
        shop.driver.fail("delete", error, f"{paths.REPOSITORIES}/c")
        report = await purger(shop).purge()
        assert report.removed == (paths.upload(RepositoryName("d"), uploads["d"].id),)
        assert report.failures == len(logged_failures) == 3
        logged_failures.clear()
        assert len((await purger(shop).purge()).removed) == 3

    async def test_sweeping(self, shop: Shop) -> None:
        """
        In the days after its start it walks through everything, so that drivers can tidy up.
        """
        purging = purger(shop)
        await purging.purge()
        shop.pass_time(days=1.5)
        await purging.purge()
        assert shop.driver.count("walk") == 2
        shop.pass_time(days=1)
        await purging.purge()
        assert shop.driver.count("walk") == 2

    async def test_sweeping_fails(
        self, shop: Shop, repository: IRepository, logged_failures: list[object]
    ) -> None:
        """
        That a walk fails is counted.
        """
        await push_blob(repository, b"1")
        shop.driver.fail("walk", StorageFailure("/x", "Input/output error"))
        assert (await purger(shop).purge()).failures == len(logged_failures) == 1
        logged_failures.clear()
