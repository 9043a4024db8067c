"""
What a power cut can't take away.

That a file's bytes are on the disk says nothing about its name, which is in a directory that
has to be synced itself; nor about the directory's own name, in the directory above it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import Protocol, TypeVar

from txregistry.drivers.filesystem.together import Calls, one_after_another
from txregistry.drivers.filesystem.whole import Whole

T = TypeVar("T")

#: How often to make a directory that others remove.
_ATTEMPTS = 100

#: Of so many things everything is synced rather than one after the other.
_FEW = 2


class Unsynced(Protocol):
    """
    An open file whose bytes may not be durable.
    """

    def fileno(self) -> int:
        """:return: its descriptor."""

    def sync(self) -> None:
        """Make them so."""


def sync_directory(directory: str) -> None:
    """
    Make the names in a directory durable: those that came, and that others went.  If it has
    gone itself meanwhile, so have they.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        except OSError as error:
            # Some network file systems can't sync a directory, and have nothing to sync.
            if error.errno not in {errno.EINVAL, errno.ENOTSUP}:
                raise
        finally:
            os.close(descriptor)


class Names:
    """
    The names below a root directory, and which of them are known to be durable.

    That somebody else made a directory doesn't mean that he has come round to syncing it, or
    lived to do so.  So every process syncs every name on the way to what it writes, once: to
    sync what is clean costs milliseconds on a real disk.

    :param root: is there already, and nothing above it is touched.
    :param memory: how many names to remember.
    :param sync: makes the names in a directory durable.
    :param together: makes several calls, in whatever order.
    :param whole: their file system, if it can be synced as a whole.
    """

    def __init__(
        self,
        root: str,
        memory: int = 8192,
        sync: Callable[[str], None] = sync_directory,
        together: Callable[[Calls], None] = one_after_another,
        whole: Whole | None = None,
    ) -> None:
        self._root = root
        self._sync = sync
        self._together = together
        self._whole = whole
        self._memory = memory
        self._settled: set[str] = set()
        self._lock = Lock()
        self._settling: dict[str, object] = {}

    def make_directory(self, directory: str) -> None:
        """Make a directory, and those above it.  It is not durable before it is settled."""
        if directory == self._root:
            return
        # Before, for who finds the new directory at once; and after, for who is just settling
        # the one that had this name before.
        self.forget(directory)
        try:
            os.mkdir(directory)
        except FileExistsError:
            return
        except FileNotFoundError:
            above = os.path.dirname(directory)
            if above == self._root:
                raise
            self.make_directory(above)
            with suppress(FileExistsError):
                os.mkdir(directory)
        self.forget(directory)

    def with_directory(self, path: str, operation: Callable[[], T]) -> T:
        """
        Do something that needs the directory of a path, which others may remove meanwhile.

        :param operation: raises :class:`FileNotFoundError` if there is no such directory.
        """
        directory = os.path.dirname(path)
        if not self.is_settled(directory):  # mostly it isn't there
            self._make_if_possible(directory)
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):
                return operation()
            self._make_if_possible(directory)
        return operation()

    def _make_if_possible(self, directory: str) -> None:
        with suppress(FileNotFoundError):
            self.make_directory(directory)

    def forget(self, name: str) -> None:
        """A name is about to come into being, or just did: what is known of it is old."""
        with self._lock:
            self._settled.discard(name)
            self._settling.pop(name, None)

    def is_settled(self, name: str) -> bool:
        """:return: whether a name is known to be durable."""
        return name in self._settled

    def settle(
        self, *names: str, directories: Iterable[str] = (), also: Sequence[Unsynced] = ()
    ) -> None:
        """
        Make names and those on the way to them durable.

        :param directories: are synced as well, whatever is known of the names in them.
        :param also: files that are synced at the same time.
        """
        unsettled: dict[str, list[str]] = {}
        for name in names:
            for each in self._unsettled(name):
                unsettled.setdefault(os.path.dirname(each), []).append(each)
        for directory in directories:
            unsettled.setdefault(directory, [])
        if not self._settle_whole(unsettled, also):
            syncs = [partial(self._settle, *each) for each in unsettled.items()]
            self._together([*syncs, *(each.sync for each in also)])

    def _settle_whole(
        self, unsettled: Mapping[str, Sequence[str]], also: Sequence[Unsynced]
    ) -> bool:
        """:return: whether all that was to be synced is so, by one call for everything."""
        whole, count = self._whole, len(unsettled) + len(also)
        if whole is None or not count or not whole.is_ready():
            return False
        if count < _FEW and not whole.gathers():
            return False
        places: list[str | int] = [*unsettled, *(each.fileno() for each in also)]
        if not all(map(whole.has, places)):
            return False
        names = [name for each in unsettled.values() for name in each]
        token = self._begin(names)
        if not whole.sync():
            return False
        self._end(names, token)
        return True

    def _unsettled(self, name: str) -> list[str]:
        """:return: of a name and those on the way to it those that may not be durable."""
        way = []
        while name != self._root and name not in self._settled:
            way.append(name)
            name = os.path.dirname(name)
        return way[::-1]

    def _settle(self, directory: str, names: Sequence[str]) -> None:
        """Make names in a directory durable."""
        token = self._begin(names)
        self._sync(directory)
        self._end(names, token)

    def _begin(self, names: Sequence[str]) -> object:
        """:return: what tells later if one of the names has come into being anew."""
        token = object()
        with self._lock:
            self._settling.update(dict.fromkeys(names, token))
        return token

    def _end(self, names: Sequence[str], token: object) -> None:
        with self._lock:
            for name in names:
                if self._settling.get(name) is token:
                    del self._settling[name]
                    self._settled.add(name)
            if len(self._settled) > self._memory:
                self._settled.clear()
