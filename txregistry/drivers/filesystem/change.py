"""
Single changes, in the parts of which a change in steps is made.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress

from twisted.logger import Logger

from txregistry.drivers.filesystem import failures, hidden
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.reading import stat_path
from txregistry.errors import PathNotFound
from txregistry.interfaces import Move

_log = Logger()

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Changing:
    """
    One change on its way.

    :param path: the driver's, for errors.

    :ivar has_bytes: whether there is something to sync before it can be seen.
    :ivar way: what is to be settled before it can be seen.
    :ivar names: what is to be settled then, since others may have made it anew.
    :ivar directories: which are to be synced then.
    """

    has_bytes = True
    way: Sequence[str] = ()
    names: Sequence[str] = ()
    directories: Sequence[str] = ()

    def __init__(self, path: str) -> None:
        self.path = path
        self._descriptor = -1

    def begin(self) -> None:
        """Do what nobody sees."""

    def fileno(self) -> int:
        """:return: the descriptor of its bytes."""
        return self._descriptor

    def sync(self) -> None:
        """Make its bytes durable."""
        with failures.making(self.path):
            os.fsync(self._descriptor)

    def show(self) -> None:
        """Let it be seen."""

    def end(self) -> None:
        """Let go of everything."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class Putting(Changing):
    """
    A small file, which is written under a hidden name.

    :param local_path: where it will be.
    """

    def __init__(self, path: str, local_path: str, content: bytes, names: Names) -> None:
        super().__init__(path)
        self._local_path = local_path
        self._content = content
        self._names = names
        self._hidden = ""
        self.directories = self.names = self.way = (os.path.dirname(local_path),)

    def begin(self) -> None:
        with failures.making(self.path):
            self._names.with_directory(self._local_path, self._write)

    def show(self) -> None:
        with failures.making(self.path):
            try:
                self._rename()
            except FileNotFoundError:
                # Somebody removed the directory, with what was hidden in it.
                self._names.with_directory(self._local_path, self._once_more)

    def end(self) -> None:
        super().end()
        if self._hidden:
            with suppress(OSError):
                os.unlink(self._hidden)

    def _write(self) -> None:
        self._hidden = hidden.hidden_file(self._local_path)
        self._descriptor = os.open(self._hidden, _NEW, 0o666)
        rest = memoryview(self._content)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _rename(self) -> None:
        os.rename(self._hidden, self._local_path)
        self._hidden = ""

    def _once_more(self) -> None:
        self.end()
        self._write()
        self.sync()
        self._rename()


class Moving(Changing):
    """
    A file that gets another name.

    :param root: of local paths.
    """

    def __init__(self, change: Move, root: str, names: Names) -> None:
        super().__init__(change.destination)
        self._source = change.source
        self._old = root + change.source
        self._new = root + change.destination
        self._names = names
        self.names = (os.path.dirname(self._new),)
        self.directories = (os.path.dirname(self._new), os.path.dirname(self._old))

    def begin(self) -> None:
        self._descriptor = _opened(self._source, self._old)

    def show(self) -> None:
        with failures.making(self.path):
            self._names.with_directory(self._new, self._rename)

    def _rename(self) -> None:
        try:
            os.rename(self._old, self._new)
        except FileNotFoundError:
            stat_path(self._source, self._old)  # tells if it is that which is missing
            raise


class Settling(Changing):
    """
    A file that is there, and need not have been synced.
    """

    def __init__(self, path: str, local_path: str, names: Names) -> None:
        super().__init__(path)
        self._local_path = local_path
        self.has_bytes = not names.is_settled(local_path)
        self.names = (local_path,)

    def begin(self) -> None:
        if self.has_bytes:
            self._descriptor = _opened(self.path, self._local_path)
        elif not os.path.isfile(self._local_path):
            raise PathNotFound(self.path)


class Discarding(Changing):
    """
    What may go, and need not.
    """

    has_bytes = False

    def __init__(self, path: str, local_path: str) -> None:
        super().__init__(path)
        self._local_path = local_path

    def show(self) -> None:
        remains = hidden.hidden_directory(self._local_path)
        try:
            os.rename(self._local_path, remains)
            hidden.remove(remains)
        except FileNotFoundError:
            pass
        except OSError:
            _log.failure("{path}: could not be removed", path=self.path)


class Telling(Changing):
    """
    Nothing that changes.

    :param tell: how it is called.
    """

    has_bytes = False

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__("")
        self._tell = tell

    def show(self) -> None:
        self._tell()


def _opened(path: str, local_path: str) -> int:
    """
    :return: the descriptor of a file.
    :raises PathNotFound: if there is none.
    """
    with failures.existing(path):
        descriptor = os.open(local_path, os.O_RDONLY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PathNotFound(path)
    return descriptor
