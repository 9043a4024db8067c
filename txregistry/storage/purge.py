"""
Removing uploads that nobody finished.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from attrs import define, field, frozen
from twisted.logger import Logger

from txregistry.deferreds import deferred, shielded
from txregistry.errors import DriverError, PathBusy, PathNotFound
from txregistry.interfaces import FileInfo, IStorageDriver
from txregistry.storage import paths

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

SWEEPING: Final = timedelta(days=2)
"""
For how long after the start everything is walked through, by which drivers find what a process
that was killed left half written, once it is old enough.
"""


@frozen
class PurgeReport:
    """
    What a run came to.

    :param removed: the directories of the uploads that were removed, or would have been.
    :param failures: how many things could not be looked at or removed; they are in the log.
    :param dry_run: whether nothing was to be removed.
    """

    removed: tuple[str, ...]
    failures: int
    dry_run: bool

    def __str__(self) -> str:
        done = "would be removed" if self.dry_run else "removed"
        return f"{len(self.removed)} uploads {done}, {self.failures} failures"


class Purger:
    """
    Removes them from all repositories.

    As ``distribution`` does, it goes by ``startedat`` and leaves alone what is not named by a
    UUID, or whose ``startedat`` can't be read.  Without one there is no upload, for
    ``distribution`` neither; what lies there is removed when all of it is old enough.

    :param driver: where everything is.
    :param now: tells the time of day, in UTC.
    :param age: how long after its start an upload is taken for abandoned.
    :param dry_run: only tell what would be removed.
    """

    def __init__(
        self,
        driver: IStorageDriver,
        now: Callable[[], datetime],
        age: timedelta,
        dry_run: bool = False,
    ) -> None:
        self._driver = driver
        self._now = now
        self._age = age
        self._dry_run = dry_run
        self._made = now()

    @deferred
    async def purge(self) -> PurgeReport:
        """
        Go through all repositories once.  What fails is logged and left for the next time.
        """
        now = self._now()
        run = _Run(self._driver, now - self._age, self._dry_run)
        await run.look_below(paths.REPOSITORIES)
        if now - self._made < SWEEPING and not self._dry_run:
            await run.sweep()
        return PurgeReport(tuple(run.removed), run.failures, self._dry_run)


@define
class _Run:
    """
    One run.

    :param before: what is older than this is abandoned.
    """

    _driver: IStorageDriver
    before: datetime
    dry_run: bool
    removed: list[str] = field(factory=list)
    failures: int = 0
    _log: Logger = field(factory=Logger)

    async def look_below(self, top: str) -> None:
        """Look into a directory of repositories, and those in it."""
        todo = [top]
        while todo:
            directory = todo.pop()
            for path in await self._children(directory):
                name = paths.last_component(path)
                if name == paths.UPLOADS:
                    await self._look_at_uploads(path)
                elif not name.startswith("_"):
                    todo.append(path)

    async def sweep(self) -> None:
        """Give the driver an occasion to remove what it has no use for."""
        try:
            await self._driver.walk(paths.ROOT, lambda _: None)
        except PathNotFound:
            pass
        except DriverError:
            self._failed(paths.ROOT)

    async def _look_at_uploads(self, directory: str) -> None:
        for path in await self._children(directory):
            if _UUID.match(paths.last_component(path)):
                try:
                    if await self._is_abandoned(path):
                        await self._remove(path)
                except DriverError:
                    self._failed(path)

    async def _is_abandoned(self, path: str) -> bool:
        try:
            text = await self._driver.get_content(f"{path}/{paths.STARTED_AT}")
        except PathNotFound:
            return await self._last_change(path) < self.before
        try:
            return _time(text) < self.before
        except ValueError:
            return False

    async def _last_change(self, path: str) -> datetime:
        """:return: when anything in a directory was changed last."""
        latest = (await self._driver.stat(path)).modified

        def visit(info: FileInfo) -> None:
            nonlocal latest
            latest = max(latest, info.modified)

        await self._driver.walk(path, visit)
        return datetime.fromtimestamp(latest, UTC)

    async def _remove(self, path: str) -> None:
        if not self.dry_run and not await shielded(self._delete(path)):
            return
        self._log.info(
            "abandoned upload {path} {done}",
            path=path,
            done="would be removed" if self.dry_run else "removed",
        )
        self.removed.append(path)

    @deferred
    async def _delete(self, path: str) -> bool:
        """
        Remove an upload, unless somebody is writing to it just now.

        :return: whether it was removed.
        """
        try:
            writer = await self._driver.writer(f"{path}/{paths.DATA}", append=True)
        except PathBusy:
            return False
        try:
            await self._driver.delete(path)
        finally:
            await writer.cancel()
        return True

    async def _children(self, path: str) -> list[str]:
        try:
            return list(await self._driver.list(path))
        except PathNotFound:
            # Gone meanwhile, or no directory.
            return []
        except DriverError:
            self._failed(path)
            return []

    def _failed(self, path: str) -> None:
        self.failures += 1
        self._log.failure("upload purging: could not look at or remove {path}", path=path)


def _time(text: bytes) -> datetime:
    """
    :raises ValueError: if it is no time.
    """
    time = datetime.fromisoformat(text.decode("ascii").strip())
    return time if time.tzinfo else time.replace(tzinfo=UTC)
