"""
How a walk sees directories: many at once, in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred

from txregistry.deferreds import Threads
from txregistry.drivers.filesystem import failures, hidden
from txregistry.drivers.filesystem.reading import stat_path
from txregistry.drivers.walk import BATCH, Found
from txregistry.errors import PathNotFound

#: How many files and directories one call in a thread looks at, more or less.
_AHEAD = 1024


class LocalSurvey:
    """
    What is below a local directory.

    :param root: the driver's root directory.
    :param threads: to look in.
    :param stale_after: seconds after which a file that was never finished is removed.
    """

    def __init__(self, root: str, threads: Threads, stale_after: float) -> None:
        self._root = root
        self._threads = threads
        self._stale_after = stale_after

    def enter(
        self, path: str, after: str, ahead: bool
    ) -> Deferred[tuple[Sequence[str], Sequence[Found]]]:
        return self._threads.run(self._enter, path, after, ahead)

    def look(self, path: str, names: Sequence[str], ahead: bool) -> Deferred[Sequence[Found]]:
        return self._threads.run(self._look, path, names, ahead)

    def _enter(self, path: str, after: str, ahead: bool) -> tuple[Sequence[str], Sequence[Found]]:
        names = [name for name in self._names(path) if name > after]
        return names, self._look(path, names[:BATCH], ahead)

    def _look(self, path: str, names: Sequence[str], ahead: bool) -> Sequence[Found]:
        return _Glance(self._root, self._names, ahead).look(path, names)

    def _names(self, path: str) -> Sequence[str]:
        directory = self._root + path
        with failures.existing(path):
            seen, left_behind = hidden.visible(directory)
        for name in left_behind:
            hidden.sweep(f"{directory}/{name}", self._stale_after)
        return seen


class _Glance:
    """
    One call in a thread.
    """

    def __init__(self, root: str, names: Callable[[str], Sequence[str]], ahead: bool) -> None:
        self._root = root
        self._names = names
        self._left = _AHEAD if ahead else 0

    def look(self, path: str, names: Sequence[str]) -> Sequence[Found]:
        """See what these children of a path are, and what is below them."""
        sight = []
        for name in names:
            child = f"{path.rstrip('/')}/{name}"
            try:
                info = stat_path(child, self._root + child)
                below = self._look_below(child) if info.is_directory else None
            except PathNotFound:  # it vanished meanwhile
                continue
            sight.append(Found(info, below))
        return sight

    def _look_below(self, path: str) -> Sequence[Found] | None:
        """:return: everything, or ``None`` if that is too much for now."""
        if self._left <= 0:
            return None
        names = self._names(path)
        self._left -= len(names) + 1
        return self.look(path, names) if self._left > 0 else None
