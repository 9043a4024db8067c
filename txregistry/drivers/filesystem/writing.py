"""
Files that are being written.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from io import FileIO

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import Threads
from txregistry.drivers.filesystem import failures
from txregistry.drivers.filesystem.durability import Names, sync_directory
from txregistry.drivers.filesystem.writeback import PORTION, begin_writing
from txregistry.errors import PathBusy, PathNotFound
from txregistry.interfaces import IFileWriter

A_LITTLE = 16 * 1024
"""How many bytes are written at once, in the reactor's thread."""

AT_ONCE = 1024
"""How many pieces are written by one call: as many as Linux takes."""


def open_exclusively(path: str, local_path: str, names: Names, append: bool) -> FileIO:
    """
    Open a file for writing at its end that nobody else has open for it, in this process or another.

    The lock belongs to the open file: it ends with the process, however that ends.

    :param path: the driver's, for errors.
    :param append: keep what is in it.
    :raises PathBusy: if somebody has.
    """
    with failures.making(path):
        while True:
            file = _open_or_make(local_path, names)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_at(file, local_path):
                    if not append:
                        file.truncate(0)
                    return file
            except BlockingIOError:
                file.close()
                raise PathBusy(path) from None
            except BaseException:
                file.close()
                raise
            # Between opening and locking, who had it moved it away, or removed it.
            file.close()


def _open_or_make(local_path: str, names: Names) -> FileIO:
    try:
        return FileIO(local_path, "a", opener=_open_existing)
    except FileNotFoundError:
        pass
    names.forget(local_path)
    try:
        return names.with_directory(local_path, lambda: FileIO(local_path, "a"))
    finally:
        names.forget(local_path)


def _open_existing(local_path: str, flags: int) -> int:
    return os.open(local_path, flags & ~os.O_CREAT)


def _is_at(file: FileIO, local_path: str) -> bool:
    """:return: whether an open file is the one that has this path now."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(local_path))
    except FileNotFoundError:
        return False


def _after(pieces: list[memoryview], size: int) -> list[memoryview]:
    """:return: what comes after the first bytes of some pieces."""
    for index, piece in enumerate(pieces):
        if size < len(piece):
            return [piece[size:], *pieces[index + 1 :]]
        size -= len(piece)
    return []


@implementer(IFileWriter)
class FileWriter:
    """
    A file, open and locked.

    :param path: the driver's, for errors.
    :param local_path: where it is.
    :param file: as :func:`open_exclusively` gives it.
    :param names: for its name's durability.
    :param threads: to write in.
    :param quick: where a little is written: the kernel takes it into memory in 5 µs, which is
        less than it takes to ask a thread, and a thousand slow senders need no thousand threads.
    """

    def __init__(
        self,
        path: str,
        local_path: str,
        file: FileIO,
        names: Names,
        threads: Threads,
        quick: Threads,
    ) -> None:
        self._path = path
        self._local_path = local_path
        self._file = file
        self._names = names
        self._threads = threads
        self._quick = quick
        self._committed = False
        self.size = os.fstat(file.fileno()).st_size
        self._begun = self.size

    def write(self, *pieces: bytes) -> Deferred[None]:
        threads = self._quick if sum(map(len, pieces)) <= A_LITTLE else self._threads
        return threads.run(self._write, pieces)

    def truncate(self, size: int) -> Deferred[None]:
        return self._threads.run(self._truncate, size)

    def close(self) -> Deferred[None]:
        threads = self._threads if self._frees_much() else self._quick
        return threads.run(self._close)

    def commit(self, durable: bool = True) -> Deferred[None]:
        return (self._threads if durable else self._quick).run(self._commit, durable)

    def cancel(self) -> Deferred[None]:
        return self._threads.run(self._cancel)

    def fileno(self) -> int:
        """:return: the descriptor of the file."""
        return self._file.fileno()

    def sync(self) -> None:
        """Make its bytes durable, in this thread."""
        os.fsync(self._file.fileno())

    def _write(self, pieces: Sequence[bytes]) -> None:
        rest = [memoryview(piece) for piece in pieces if piece]
        with failures.making(self._path):
            while rest:
                written = os.writev(self._file.fileno(), rest[:AT_ONCE])
                self.size += written
                rest = _after(rest, written)
        if self.size - self._begun >= PORTION:
            begin_writing(self._file.fileno(), self._begun, self.size - self._begun)
            self._begun = self.size

    def _truncate(self, size: int) -> None:
        with failures.making(self._path):
            self._file.truncate(size)
        self.size = size
        self._begun = min(self._begun, size)

    def _frees_much(self) -> bool:
        """:return: whether closing gives much space back, since the file has been removed."""
        if self.size <= A_LITTLE:
            return False
        return self._quick is self._threads or not os.fstat(self._file.fileno()).st_nlink

    def _close(self) -> None:
        with failures.making(self._path), self._file:
            if not self._committed:
                self._check_there()

    def _commit(self, durable: bool) -> None:
        # The lock stays until the file is closed: whoever commits can move the file away
        # before anybody appends to it.
        with failures.making(self._path):
            if durable:
                self._names.settle(self._local_path, also=[self])
            self._check_there()
        self._committed = True

    def _cancel(self) -> None:
        with failures.making(self._path), self._file:
            if _is_at(self._file, self._local_path):
                os.unlink(self._local_path)
                sync_directory(os.path.dirname(self._local_path))

    def _check_there(self) -> None:
        if not _is_at(self._file, self._local_path):
            # Deleted under the writer: what he wrote is nowhere, and he must not think it is.
            raise PathNotFound(self._path)
