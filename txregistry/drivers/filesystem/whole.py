"""
A file system that is synced as a whole.

To sync a file or a directory costs as much as to sync all that a file system has to write, if that
is little; and what all threads of a process have written so far can be synced by one call for them
all.  So whoever has several things to sync asks for everything, and who asks while that is under
way waits for the next time, together with all who do.

What others write to the same file system has to be waited for as well.  So nobody asks while much
is to be written, and after a call that took long everybody syncs what is his for a while.
"""

from __future__ import annotations

import ctypes
import errno
import os
import re
from collections.abc import Callable
from contextlib import suppress
from threading import Lock
from time import monotonic
from typing import Final

KINDS: Final = {"btrfs", "ext4", "xfs"}
"""File systems of which it is known that they write all, wait for it, and tell what failed."""

SLOW: Final = 0.02
"""Seconds after which a call took long."""

REST: Final = 20
"""How many times as long as such a call took there is none."""

MUCH: Final = 32 * 1024 * 1024
"""Bytes that wait to be written, of whomever, with which nobody asks."""

PAUSE: Final = 0.05
"""Seconds until that is looked at again."""

_KERNEL: Final = (5, 8)
"""The first that tells by ``syncfs`` what could not be written."""

_CAN_NOT: Final = {errno.ENOSYS, errno.EINVAL, errno.EPERM, errno.EACCES}

_WAITING: Final = re.compile(rb"^(?:Dirty|Writeback): +(\d+) kB", re.MULTILINE)


def _find() -> Callable[[int], int] | None:
    """:return: ``syncfs`` of the C library, where it does what is needed."""
    system = os.uname()
    version = re.match(r"(\d+)\.(\d+)", system.release)
    if system.sysname != "Linux" or version is None:
        return None
    if (int(version[1]), int(version[2])) < _KERNEL:
        return None
    try:
        found = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        return None
    found.argtypes = (ctypes.c_int,)
    return found


_SYNCFS: Final = _find()


def is_possible() -> bool:
    """:return: whether this system can sync a file system, and tell if that failed."""
    return _SYNCFS is not None


def sync_all(descriptor: int) -> None:
    """
    Make everything durable on the file system of an open file.

    :raises OSError: if something could not be written since the file was opened, and nobody was
        told by it yet.
    """
    if _SYNCFS is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if _SYNCFS(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class Unwritten:
    """
    What all file systems of the machine have yet to write.
    """

    def __init__(self, path: str = "/proc/meminfo") -> None:
        self._descriptor = -1
        with suppress(OSError):
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def bytes(self) -> int:
        """:return: how many bytes; 0 if nobody knows."""
        try:
            text = os.pread(self._descriptor, 4096, 0)
        except OSError:
            return 0
        return sum(int(kib) * 1024 for kib in _WAITING.findall(text))

    def close(self) -> None:
        """Look no more."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _Round:
    """
    One call, and who waits for it.

    :ivar done: whether it was made.
    :ivar error: how it failed.
    """

    __slots__ = ("done", "end", "error")

    def __init__(self) -> None:
        self.done = False
        self.error: OSError | None = None
        self.end = Lock()
        self.end.acquire()

    def wait(self) -> None:
        """Wait for its end."""
        with self.end:
            pass


class Whole:
    """
    The file system of a directory.

    :param directory: is there for as long as this is used.
    :param sync: makes everything durable on the file system of a descriptor.
    :param timer: seconds since any moment.
    :param unwritten: how many bytes wait to be written.
    """

    def __init__(
        self,
        directory: str,
        sync: Callable[[int], None] = sync_all,
        timer: Callable[[], float] = monotonic,
        unwritten: Unwritten | None = None,
    ) -> None:
        # Opened now: what fails from now on is told to who asks by this descriptor.
        self._descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._device = os.fstat(self._descriptor).st_dev
        self._sync = sync
        self._timer = timer
        self._unwritten = Unwritten() if unwritten is None else unwritten
        self._lock = Lock()
        self._turn = Lock()
        self._next: _Round | None = None
        self._rests_until = 0.0
        self._usable = True

    def gathers(self) -> bool:
        """:return: whether others wait for the next call already."""
        return self._next is not None

    def has(self, place: str | int) -> bool:
        """:return: whether a directory, or an open file, is on this file system."""
        try:
            return os.stat(place).st_dev == self._device
        except OSError:
            return False

    def is_ready(self) -> bool:
        """:return: whether to ask is of any use now."""
        return self._usable and self._timer() >= self._rests_until

    def sync(self) -> bool:
        """
        Make all that was done before durable.

        :return: ``False`` if that can't be done now: then nothing is.
        :raises OSError: something could not be written, by whomever.
        """
        if not self.is_ready():
            return False
        with self._lock:
            waited = self._next
            if waited is None:
                own = self._next = _Round()
        if waited is None:
            self._lead(own)
            waited = own
        else:
            waited.wait()
        if waited.error is not None:
            raise OSError(waited.error.errno, waited.error.strerror)
        return waited.done

    def close(self) -> None:
        """Let go of it; nobody waits any more."""
        self._usable = False
        os.close(self._descriptor)
        self._unwritten.close()

    def _lead(self, own: _Round) -> None:
        """Make the call for all who came before it began."""
        try:
            with self._turn:
                with self._lock:
                    self._next = None
                own.done = self._ask()
        except OSError as error:
            own.error = error
        finally:
            own.end.release()

    def _ask(self) -> bool:
        if not self.is_ready():
            return False
        began = self._timer()
        if self._unwritten.bytes() > MUCH:
            self._rests_until = began + PAUSE
            return False
        try:
            self._sync(self._descriptor)
        except OSError as error:
            # What failed may have been anybody's.  It is told once, to those who ask now; from now
            # on everybody syncs what is his, and hears of that alone.
            self._usable = False
            if error.errno in _CAN_NOT:
                return False
            raise
        took = self._timer() - began
        if took > SLOW:
            self._rests_until = began + took + REST * took
        return True
