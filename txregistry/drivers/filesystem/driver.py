"""
The driver.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from io import FileIO

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.deferreds import InlineThreads, Threads, deferred
from txregistry.drivers.filesystem import failures, hidden
from txregistry.drivers.filesystem.changing import Changes
from txregistry.drivers.filesystem.durability import Names, sync_directory
from txregistry.drivers.filesystem.listings import REMEMBERED_BYTES, Listings
from txregistry.drivers.filesystem.reading import (
    FileReader,
    open_file,
    read_small,
    read_whole,
    stat_path,
)
from txregistry.drivers.filesystem.scribe import Scribe
from txregistry.drivers.filesystem.survey import LocalSurvey
from txregistry.drivers.filesystem.threads import DriverThreads, opened
from txregistry.drivers.filesystem.together import INSTANT, Syncs
from txregistry.drivers.filesystem.whole import Whole
from txregistry.drivers.filesystem.writing import FileWriter, open_exclusively
from txregistry.drivers.walk import Tour
from txregistry.errors import (
    ConfigurationError,
    NoSpace,
    Problem,
    StorageFailure,
)
from txregistry.interfaces import (
    Change,
    FileInfo,
    IFileReader,
    IFileWriter,
    IStorageDriver,
    LocalFile,
    Move,
    Put,
    Settle,
    Tell,
    Walk,
)

#: The key of the root directory, for messages.
ROOT_KEY = "storage.filesystem.rootdirectory"

#: Files up to this many bytes are read where small things are done.
_SMALL = 64 * 1024


@implementer(IStorageDriver)
class FilesystemDriver:
    """
    Files below a directory of this machine.

    Small things that only look (``stat``, opening what is there, reading up to 64 KiB) are done
    in the reactor's thread where the file system is a local one.  Measured on ext4, what is in the
    page cache takes 3 µs to stat and 12 µs to read; to ask a thread and to be told takes 70 to
    120 µs more.  All that changes or lists something, but for appending a few bytes, and all of a
    file system that may be at the other end of a network, is done in threads.

    :param root: the directory, which is there.
    :param threads: the driver's own; it stops them when it is closed.
    :param quick: whether to do small things at once.
    :param stale_after: seconds after which a file that was never finished is swept up.
    :param whole: whether the file system may be synced as a whole.
    """

    name = "filesystem"

    def __init__(
        self,
        root: str,
        threads: DriverThreads,
        quick: bool = True,
        stale_after: float = 86400,
        whole: bool = False,
    ) -> None:
        self._root = root.rstrip("/")
        self._threads = threads
        self._quick: Threads = InlineThreads() if quick else threads
        self._syncs = Syncs()
        self._whole = Whole(self._root or "/") if whole else None
        self._names = Names(self._root or "/", together=self._syncs.together, whole=self._whole)
        self._changes = Changes(self._root, self._names, threads)
        self._scribe = Scribe(self._changes, threads)
        self._survey = LocalSurvey(self._root, threads, stale_after)
        self._listings = Listings(self._root, threads, REMEMBERED_BYTES if quick else 0)

    def check_writable(self) -> None:
        """
        Find out before anybody writes.

        :raises ConfigurationError: if nothing can be written, unless it is for want of space:
            a registry that is full still serves, and can be cleaned.
        """
        probe = hidden.hidden_file(self._local("/probe"))
        try:
            with failures.making("/"):
                os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC))
                os.unlink(probe)
        except NoSpace:
            pass
        except StorageFailure as error:
            text = f"can't write to {self._root}: {error.reason}"
            raise ConfigurationError([Problem(key=ROOT_KEY, text=text)]) from error

    @deferred
    async def get_content(self, path: str) -> bytes:
        local_path = self._local(path)
        content = await self._quick.run(read_small, path, local_path, _SMALL)
        if content is not None:
            return content
        return await self._threads.run(read_whole, path, local_path)

    def put_content(self, path: str, content: bytes, durable: bool = True) -> Deferred[None]:
        return self._threads.run(self._changes.make, [[Put(path, content)]], durable)

    @deferred
    async def reader(self, path: str, offset: int = 0) -> IFileReader:
        file = await self._open(path)
        file.seek(min(offset, _size(file)))
        return FileReader(path, file, self._threads)

    @deferred
    async def writer(self, path: str, append: bool = False) -> IFileWriter:
        local_path = self._local(path)
        threads = self._quick if append and self._is_there(local_path) else self._threads
        file = await opened(threads, open_exclusively, path, local_path, self._names, append)
        return FileWriter(path, local_path, file, self._names, self._threads, self._quick)

    def stat(self, path: str) -> Deferred[FileInfo]:
        return self._quick.run(stat_path, path, self._local(path))

    def list(self, path: str) -> Deferred[Sequence[str]]:
        return self._threads.run(self._list, path)

    def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Deferred[Sequence[str]]:
        return self._listings.children(path, after, limit, having)

    def children_of(self, path: str, names: Sequence[str]) -> Deferred[Sequence[Sequence[str]]]:
        return self._listings.children_of(path, names)

    def move(self, source: str, destination: str) -> Deferred[None]:
        return self.change([Move(source, destination)])

    def settle(self, path: str) -> Deferred[None]:
        return self.change([Settle(path)])

    def change(self, *steps: Sequence[Change]) -> Deferred[None]:
        if _is_little(steps) and self._one_thread_will_do():
            return self._scribe.make(steps)
        return self._threads.run(self._changes.make, steps)

    def _one_thread_will_do(self) -> bool:
        """:return: whether several would not sync sooner what they write."""
        return (self._whole is not None and self._whole.is_ready()) or self._syncs.is_quick(INSTANT)

    def delete(self, path: str, durable: bool = True) -> Deferred[None]:
        return self._threads.run(self._delete, path, durable)

    def walk(
        self, path: str, visit: Callable[[FileInfo], Walk | None], start_after: str = ""
    ) -> Deferred[None]:
        return Tour(self._survey, visit).walk(path, start_after)

    def redirect_url(self, method: str, path: str) -> Deferred[str | None]:
        return succeed(None)

    @deferred
    async def local_file(self, path: str) -> LocalFile | None:
        file = await self._open(path)
        return LocalFile(file, _size(file))

    def close(self) -> Deferred[None]:
        return self._threads.stop().addCallback(lambda _: self._let_go())

    def _let_go(self) -> None:
        self._syncs.close()
        if self._whole is not None:
            self._whole.close()

    def _local(self, path: str) -> str:
        return self._root + path

    def _is_there(self, local_path: str) -> bool:
        """:return: whether something is known to be there, if that can be found out at once."""
        return self._quick is not self._threads and os.path.exists(local_path)

    def _open(self, path: str) -> Deferred[FileIO]:
        return opened(self._quick, open_file, path, self._local(path))

    def _list(self, path: str) -> Sequence[str]:
        with failures.existing(path):
            seen, _ = hidden.visible(self._local(path))
        above = path.rstrip("/")
        return [f"{above}/{name}" for name in seen]

    def _delete(self, path: str, durable: bool) -> None:
        local_path = self._local(path)
        with failures.existing(path):
            try:
                os.unlink(local_path)
                remains = None
            except IsADirectoryError:
                remains = hidden.hidden_directory(local_path)
                os.rename(local_path, remains)
            if durable:
                sync_directory(os.path.dirname(local_path))
            if remains is not None:
                hidden.remove(remains)


def _is_little(steps: Sequence[Sequence[Change]]) -> bool:
    """:return: whether changes are quickly made, each by itself."""
    return all(
        isinstance(change, (Settle, Tell))
        or (isinstance(change, Put) and len(change.content) <= _SMALL)
        for step in steps
        for change in step
    )


def _size(file: FileIO) -> int:
    return os.fstat(file.fileno()).st_size
