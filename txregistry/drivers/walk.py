"""
Walking a tree of paths: the order, and who is asked what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from attrs import frozen
from twisted.internet.defer import Deferred

from txregistry.deferreds import deferred
from txregistry.errors import PathNotFound
from txregistry.interfaces import FileInfo, IStorageDriver, Walk

#: How many children of a directory are looked at between two turns of the reactor.
BATCH = 256


@frozen
class Found:
    """
    Something that a walk came to.

    :param info: its facts.
    :param below: all that is below it, if it was looked at already.
    """

    info: FileInfo
    below: Sequence[Found] | None = None


class ISurvey(Protocol):
    """
    How a walk sees a tree.
    """

    def enter(
        self, path: str, after: str, ahead: bool
    ) -> Deferred[tuple[Sequence[str], Sequence[Found]]]:
        """
        :param after: children up to this name are left out.
        :param ahead: whether it makes sense to look below directories at once.
        :return: fires with the names of a directory's children, in order, and with what the first
            :data:`BATCH` of them are.
        :raises PathNotFound: if there is no such directory.
        """

    def look(self, path: str, names: Sequence[str], ahead: bool) -> Deferred[Sequence[Found]]:
        """
        :param ahead: as above.
        :return: fires with what these children of a path are, without those that vanished.
        """


class Tour:
    """
    One walk.

    :param survey: how to see the tree.
    :param visit: as for :meth:`~txregistry.interfaces.IStorageDriver.walk`.
    """

    def __init__(self, survey: ISurvey, visit: Callable[[FileInfo], Walk | None]) -> None:
        self._survey = survey
        self._visit = visit
        # A visitor that skips one directory will skip others: what was seen ahead of him in
        # those would be thrown away.
        self._ahead = True
        self._top = ""

    @deferred
    async def walk(self, path: str, start_after: str = "") -> None:
        """As :meth:`~txregistry.interfaces.IStorageDriver.walk`."""
        self._top = path
        await self._enter(path, _components(path, start_after))

    async def _enter(self, path: str, after: Sequence[str]) -> bool:
        """
        Visit the children of a directory.

        :param after: components of a path that leads to where the walk begins.
        :return: whether to go on afterwards.
        """
        if after and not await self._lead(path, after[0], after[1:]):
            return False
        try:
            names, sight = await self._survey.enter(path, after[0] if after else "", self._ahead)
        except PathNotFound:
            if path == self._top:
                raise
            return True  # it vanished meanwhile
        if not await self._meet(sight):
            return False
        for start in range(BATCH, len(names), BATCH):
            batch = names[start : start + BATCH]
            if not await self._meet(await self._survey.look(path, batch, self._ahead)):
                return False
        return True

    async def _lead(self, path: str, name: str, after: Sequence[str]) -> bool:
        """Enter the directory in which, or at which, the walk begins."""
        for found in await self._survey.look(path, [name], ahead=False):
            wish = self._visit(found.info) if after else Walk.ON
            return await self._follow(found, wish, after)
        return True

    async def _meet(self, sight: Sequence[Found]) -> bool:
        for found in sight:
            if not await self._follow(found, self._visit(found.info), ()):
                return False
        return True

    async def _follow(self, found: Found, wish: Walk | None, after: Sequence[str]) -> bool:
        """Do what the visitor of something wants next."""
        if wish is Walk.STOP:
            return False
        if wish is Walk.SKIP:
            self._ahead = False
        elif found.below is not None:
            return await self._meet(found.below)
        elif found.info.is_directory:
            return await self._enter(found.info.path, after)
        return True


def walk(
    driver: IStorageDriver,
    path: str,
    visit: Callable[[FileInfo], Walk | None],
    start_after: str = "",
) -> Deferred[None]:
    """
    Walk through any driver, with its ``list`` and ``stat``: for drivers that know no quicker
    way.
    """
    return Tour(_ListAndStat(driver), visit).walk(path, start_after)


class _ListAndStat:
    """
    Sees a tree as a driver shows it.
    """

    def __init__(self, driver: IStorageDriver) -> None:
        self._driver = driver

    @deferred
    async def enter(
        self, path: str, after: str, ahead: bool
    ) -> tuple[Sequence[str], Sequence[Found]]:
        children = await self._driver.list(path)
        names = sorted(child.rpartition("/")[2] for child in children)
        names = [name for name in names if name > after]
        return names, await self.look(path, names[:BATCH], ahead)

    @deferred
    async def look(self, path: str, names: Sequence[str], ahead: bool) -> Sequence[Found]:
        sight = []
        for name in names:
            try:
                sight.append(Found(await self._driver.stat(f"{path.rstrip('/')}/{name}")))
            except PathNotFound:
                continue
        return sight


def _components(path: str, start_after: str) -> Sequence[str]:
    """:return: the way from a path to one below it."""
    return start_after.removeprefix(path).strip("/").split("/") if start_after else ()
