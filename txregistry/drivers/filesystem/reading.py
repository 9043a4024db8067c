"""
Files that are being read.
"""

from __future__ import annotations

import os
import stat
from io import FileIO

from twisted.internet.defer import Deferred, succeed
from zope.interface import implementer

from txregistry.deferreds import Threads
from txregistry.drivers.filesystem import failures
from txregistry.interfaces import FileInfo, IFileReader


def open_file(path: str, local_path: str) -> FileIO:
    """
    :param path: the driver's, for errors.
    :raises PathNotFound: if there is no such file.
    """
    with failures.existing(path):
        return FileIO(local_path, "r")


def read_small(path: str, local_path: str, most: int) -> bytes | None:
    """
    Read a file whole, with as few system calls as can be.

    :param path: the driver's, for errors.
    :param most: in bytes.
    :return: its content; ``None`` if there is more of it.
    :raises PathNotFound: if there is no such file.
    """
    with failures.existing(path):
        descriptor = os.open(local_path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            content = os.read(descriptor, most + 1)
            # Fewer than were asked for need not be all, but on the file systems of a few networks.
            whole = len(content) == os.fstat(descriptor).st_size
        finally:
            os.close(descriptor)
    return content if whole else None


def read_whole(path: str, local_path: str) -> bytes:
    """
    Read a file of any size whole.

    :param path: the driver's, for errors.
    :raises PathNotFound: if there is no such file.
    """
    with open_file(path, local_path) as file, failures.existing(path):
        return file.read()


def has_content(local_path: str, content: bytes) -> bool:
    """
    :return: whether a file is known to have some content, and no more.
    """
    try:
        if os.stat(local_path).st_size != len(content):
            return False
        with open(local_path, "rb", buffering=0) as file:
            return file.readall() == content
    except OSError:
        return False


def stat_path(path: str, local_path: str) -> FileInfo:
    """
    :param path: the driver's.
    :raises PathNotFound: if nothing is there.
    """
    with failures.existing(path):
        facts = os.stat(local_path)
    directory = stat.S_ISDIR(facts.st_mode)
    return FileInfo(path, 0 if directory else facts.st_size, facts.st_mtime, directory)


@implementer(IFileReader)
class FileReader:
    """
    A stream of a file's bytes.

    :param path: the driver's, for errors.
    :param file: open, and where reading is to begin.
    :param threads: to read in.
    """

    def __init__(self, path: str, file: FileIO, threads: Threads) -> None:
        self._path = path
        self._file = file
        self._threads = threads

    def read(self, maximum: int) -> Deferred[bytes]:
        return self._threads.run(self._read, maximum)

    def close(self) -> Deferred[None]:
        self._file.close()  # nothing was written: this waits for nothing
        return succeed(None)

    def _read(self, maximum: int) -> bytes:
        with failures.existing(self._path):
            return self._file.read(maximum) or b""
