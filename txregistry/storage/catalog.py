"""
All repositories, in the byte order of their names.
"""

from __future__ import annotations

from attrs import field, frozen

from txregistry.deferreds import Threads, deferred
from txregistry.errors import NameInvalid, PathNotFound
from txregistry.interfaces import IStorageDriver, Page
from txregistry.model.name import RepositoryName, parse_name
from txregistry.storage import paths
from txregistry.storage.waiting import Breath


@frozen
class Catalog:
    """
    Finds a page of names by looking only into the directories that it has to.

    A directory's name sorts in two places: as the end of a repository's name, and, with a ``/``
    behind it, as the beginning of the names below it.  Names like ``foo-bar`` stand between
    ``foo`` and ``foo/x``, for ``-`` and ``.`` sort before ``/``.
    """

    _driver: IStorageDriver
    _threads: Threads

    @deferred
    async def page(self, limit: int, last: str) -> Page:
        """As :meth:`txregistry.interfaces.IRegistry.page`."""
        search = _Search(limit, last, self._driver, Breath(self._threads))
        await search.look_below("", await search.children(paths.REPOSITORIES))
        return Page(tuple(search.found[:limit]), len(search.found) > limit)


@frozen
class _Search:
    """
    One walk through the tree.

    :param limit: one more than this is looked for, to know whether there is more.
    :param last: what to begin after.
    :param found: the names so far.
    """

    limit: int
    last: str
    _driver: IStorageDriver
    _breath: Breath
    found: list[RepositoryName] = field(factory=list)

    async def look_below(self, prefix: str, children: list[str]) -> None:
        """
        :param prefix: what the names of the children begin with: nothing, or a name and ``/``.
        :param children: the names of a directory's children.
        """
        known: dict[str, list[str]] = {}
        for end in sorted([*children, *(f"{child}/" for child in children)]):
            if len(self.found) > self.limit:
                return
            text = prefix + end
            if self._is_over(text) or not _is_name(text.removesuffix("/")):
                continue
            await self._breath.take()
            if text.endswith("/"):
                below = known.pop(end[:-1], None)
                if below is None:
                    below = await self.children(f"{paths.REPOSITORIES}/{text[:-1]}")
                await self.look_below(text, _without_ours(below))
            else:
                await self._look_at(text, known, end)

    async def _look_at(self, name: str, known: dict[str, list[str]], child: str) -> None:
        """Find out whether a directory is a repository, and remember what is in it."""
        inside = await self.children(f"{paths.REPOSITORIES}/{name}")
        if paths.MANIFESTS in inside:
            self.found.append(RepositoryName(name))
        known[child] = _without_ours(inside)

    def _is_over(self, text: str) -> bool:
        """:return: whether a name, or all names with a beginning, come before what is wanted."""
        if text.endswith("/"):
            return text <= self.last and not self.last.startswith(text)
        return text <= self.last

    async def children(self, path: str) -> list[str]:
        """:return: the names in a directory; none if there is no such directory (any more)."""
        try:
            return [paths.last_component(child) for child in await self._driver.list(path)]
        except PathNotFound:
            return []


def _without_ours(children: list[str]) -> list[str]:
    """:return: those that are not ``_layers``, ``_manifests`` and the like."""
    return [child for child in children if not child.startswith("_")]


def _is_name(text: str) -> bool:
    try:
        parse_name(text)
    except NameInvalid:
        return False
    return True
