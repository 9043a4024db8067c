"""
All repositories, in the byte order of their names.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Final

from attrs import define, field, frozen

from txregistry.deferreds import Threads, deferred
from txregistry.errors import NameInvalid, PathNotFound
from txregistry.interfaces import IStorageDriver, Page
from txregistry.model.name import RepositoryName, parse_name
from txregistry.storage import paths
from txregistry.storage.waiting import Breath

FIRST_AHEAD: Final = 8
"""How many directories are looked into at once, at first; then twice as many, and so on."""


@frozen
class Catalog:
    """
    Finds a page of names by looking only into the directories that it has to, and a few more.

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
        try:
            names = await self._driver.children(paths.REPOSITORIES)
        except PathNotFound:
            names = ()  # nothing was ever pushed
        await search.look_below("", names)
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

    async def look_below(self, prefix: str, children: Sequence[str]) -> None:
        """
        :param prefix: what the names of the children begin with: nothing, or a name and ``/``.
        :param children: the names of a directory's children, in order.
        """
        if self.last.startswith(prefix):
            children = _not_over(children, self.last[len(prefix) :])
        ahead = _Ahead(self._driver, prefix, children)
        for end in _both_places(children):
            missing = self.limit + 1 - len(self.found)
            if missing <= 0:
                return
            await self._breath.take()
            if not end.endswith("/"):
                inside = await ahead.look_into(end, missing)
                if paths.MANIFESTS in inside and prefix + end > self.last:
                    self.found.append(RepositoryName(prefix + end))
            elif below := _without_ours(ahead.leave(end[:-1])):
                await self.look_below(prefix + end, below)


@define
class _Ahead:
    """
    What is in the children of a directory, looked at some time before it is needed: to ask for
    many at once costs little more than to ask for one.

    :param prefix: as above.
    :param children: those that will be asked for, in order.
    """

    _driver: IStorageDriver
    _prefix: str
    _children: Sequence[str]
    _begin: int = 0
    _size: int = FIRST_AHEAD
    _inside: dict[str, Sequence[str]] = field(factory=dict)

    async def look_into(self, child: str, missing: int) -> Sequence[str]:
        """
        :param missing: how many repositories are still wanted.
        :return: the names in a child, in order; none if it can't be part of a repository's name.
        """
        while child not in self._inside:
            await self._look_on(min(self._size, missing))
            self._size *= 2
        return self._inside[child]

    def leave(self, child: str) -> Sequence[str]:
        """:return: the same, for the last time."""
        return self._inside.pop(child)

    async def _look_on(self, count: int) -> None:
        some = self._children[self._begin : self._begin + count]
        self._begin += count
        names = [name for name in some if _is_name(self._prefix + name)]
        directory = f"{paths.REPOSITORIES}/{self._prefix}".rstrip("/")
        self._inside.update(dict.fromkeys(some, ()))
        self._inside.update(
            zip(names, await self._driver.children_of(directory, names), strict=True)
        )


def _not_over(children: Sequence[str], last: str) -> Sequence[str]:
    """
    :param last: what to begin after, relative to the directory.
    :return: those of the children that come after it, or that have something after it below them:
        those are what it begins with, up to a character that isn't after ``/``.
    """
    ends = [end for end in range(1, len(last) + 1) if last[end : end + 1] <= "/"]
    before = [last[:end] for end in ends if _has(children, last[:end])]
    return [*before, *children[bisect_right(children, last) :]]


def _has(ordered: Sequence[str], text: str) -> bool:
    index = bisect_left(ordered, text)
    return index < len(ordered) and ordered[index] == text


def _both_places(children: Sequence[str]) -> Iterator[str]:
    """:return: the children, and each again with ``/`` behind it, all in order."""
    open_: list[str] = []
    for child in children:
        while open_ and open_[-1] < child:
            yield open_.pop()
        yield child
        open_.append(f"{child}/")
    yield from reversed(open_)


def _without_ours(children: Sequence[str]) -> Sequence[str]:
    """:return: those that are not ``_layers``, ``_manifests`` and the like."""
    return [child for child in children if not child.startswith("_")]


def _is_name(text: str) -> bool:
    try:
        parse_name(text)
    except NameInvalid:
        return False
    return True
