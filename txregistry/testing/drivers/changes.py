"""
Changes in steps.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.defer import Deferred

from txregistry.deferreds import deferred
from txregistry.errors import InvalidPath, PathBusy, PathNotFound
from txregistry.interfaces import Change, Discard, IStorageDriver, Move, Put, Settle, Tell
from txregistry.testing.drivers.notes import Note
from txregistry.testing.drivers.suite import Suite, coroutine_tests, names, read, together


@coroutine_tests
class ChangeContract(Suite):
    """
    ``change``, and ``commit`` before it.
    """

    async def test_change(self, driver: IStorageDriver) -> None:
        """All is changed, in as many steps as one likes."""
        await driver.put_content("/change/moved", b"moved")
        await driver.put_content("/change/there", b"there")
        await driver.put_content("/change/gone/deep/file", b"x")
        await driver.change(
            [Move("/change/moved", "/change/new/place"), Put("/change/made/file", b"made")],
            [Settle("/change/there")],
            [],
            [Put("/change/there", b"again"), Discard("/change/gone")],
        )
        assert await driver.get_content("/change/new/place") == b"moved"
        assert await driver.get_content("/change/made/file") == b"made"
        assert await driver.get_content("/change/there") == b"again"
        assert await names(driver, "/change") == ["/change/made", "/change/new", "/change/there"]

    async def test_change_tells(self, driver: IStorageDriver) -> None:
        """What is to be told is told once, when what is before it can be seen."""
        seen: list[Sequence[str]] = []
        told: list[Deferred[None]] = []

        @deferred
        async def look() -> None:
            seen.append(await names(driver, "/change"))

        tell = Tell(lambda: told.append(look()))
        await driver.change(
            [Put("/change/a", b"x")], [Put("/change/b", b"x"), tell], [Put("/change/c/d", b"x")]
        )
        assert len(told) == 1
        await told[0]
        assert {"/change/a", "/change/b"} <= set(seen[0])

    async def test_change_notes(self, driver: IStorageDriver) -> None:
        """What may be written instead is, or it is told: one of both, once."""
        done: list[str] = []
        tell = Tell(lambda: done.append("told"), Note(lambda: done.append("written")))
        await driver.change([Put("/change/a", b"x"), tell], [Put("/change/b", b"x")])
        assert done in (["told"], ["written"])

    async def test_change_tells_nothing(self, driver: IStorageDriver) -> None:
        """Of what fails nothing is told."""
        told: list[int] = []
        with pytest.raises(PathNotFound):
            await driver.change([Settle("/change/absent"), Tell(lambda: told.append(1))])
        with pytest.raises(PathNotFound):
            await driver.change([Settle("/change/absent")], [Tell(lambda: told.append(2))])
        tell = Tell(lambda: told.append(3), Note(lambda: told.append(3)))
        with pytest.raises(PathNotFound):
            await driver.change([Settle("/change/absent"), tell])
        assert told == []

    async def test_change_once(self, driver: IStorageDriver) -> None:
        """What is to be there once is there afterwards, whatever was before."""
        once = Put("/change/file", b"content", once=True)
        for before in (None, b"content", b"cont", b"contents", b"another", b""):
            if before is not None:
                await driver.put_content("/change/file", before)
            await driver.change([once])
            assert await driver.get_content("/change/file") == b"content"

    async def test_change_nothing(self, driver: IStorageDriver) -> None:
        """No change is one, too."""
        await driver.change()
        await driver.change([])

    async def test_change_in_order(self, driver: IStorageDriver) -> None:
        """Of several changes of one path the last one counts."""
        await driver.change([Put("/change/file", b"1"), Put("/change/file", b"2")])
        await driver.change([Put("/change/file", b"3")], [Put("/change/file", b"4")])
        assert await driver.get_content("/change/file") == b"4"

    async def test_change_moves_committed(self, driver: IStorageDriver) -> None:
        """What a writer committed, durably or not, can be moved before it is closed."""
        for durable in (True, False):
            writer = await driver.writer("/change/upload/data")
            await writer.write(b"mine")
            await writer.commit(durable)
            assert await driver.get_content("/change/upload/data") == b"mine"
            with pytest.raises(PathBusy):
                await driver.writer("/change/upload/data", append=True)
            await driver.change(
                [Move("/change/upload/data", "/change/blob")], [Discard("/change/upload")]
            )
            await writer.close()
            assert await read(driver, "/change/blob") == b"mine"
            assert await names(driver, "/change") == ["/change/blob"]

    @pytest.mark.parametrize(
        "missing", [Move("/change/absent", "/change/b"), Settle("/change/absent")]
    )
    async def test_change_missing(self, driver: IStorageDriver, missing: Change) -> None:
        """What isn't there can't be moved or settled, and nothing comes after it."""
        await driver.put_content("/change/a", b"x")
        with pytest.raises(PathNotFound) as raised:
            await driver.change([missing], [Put("/change/c", b"x")], [Discard("/change/a")])
        assert (raised.value.path, raised.value.driver) == ("/change/absent", driver.name)
        assert await names(driver, "/change") == ["/change/a"]

    async def test_change_directories(self, driver: IStorageDriver) -> None:
        """A directory is no file."""
        await driver.put_content("/change/directory/file", b"x")
        for change in (Move("/change/directory", "/change/other"), Settle("/change/directory")):
            with pytest.raises(PathNotFound):
                await driver.change([change])
        assert await names(driver, "/change") == ["/change/directory"]
        assert await names(driver, "/change/directory") == ["/change/directory/file"]

    async def test_discard_nothing(self, driver: IStorageDriver) -> None:
        """What isn't there need not be removed."""
        await driver.change([Discard("/change/absent")])

    @pytest.mark.parametrize(
        "bad", [Put("a", b""), Move("/a", "/.."), Move("/", "/a"), Settle("/a/"), Discard("/")]
    )
    async def test_change_no_path(self, driver: IStorageDriver, bad: Change) -> None:
        """If anything of it isn't a path nothing is changed."""
        with pytest.raises(InvalidPath):
            await driver.change([Put("/change/file", b"x")], [bad])
        with pytest.raises(PathNotFound):
            await driver.stat("/change/file")

    async def test_changes_at_once(self, driver: IStorageDriver) -> None:
        """Directories that one discards don't keep another from writing."""
        await together(
            driver.change([Put(f"/change/{number % 2}/file", b"x")], [Discard("/change/0")])
            for number in range(40)
        )
        assert await driver.get_content("/change/1/file") == b"x"
