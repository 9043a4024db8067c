"""
The directory of an outbox: what lies where, and whose it is.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from attrs import frozen

_OWN: Final = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class InUse(Exception):
    """
    Another registry has this outbox.
    """


@frozen
class OutboxDirectory:
    """
    Where everything of an outbox lies.

    :param path: the directory; nobody else may look into it, since events tell who pulls what.
    :param in_memory: whether it is in a file system in memory, and goes with the registry.
    """

    path: str
    in_memory: bool = False

    @property
    def database(self) -> str:
        """The events, and how far each endpoint has come."""
        return f"{self.path}/events.db"

    @property
    def journal(self) -> str:
        """The directory of what has been written and is not among the events yet."""
        return f"{self.path}/journal"

    @property
    def taking(self) -> str:
        """A file that whoever takes events out of the journal holds a lock on meanwhile."""
        return f"{self.path}/taking"

    @property
    def dead_letters(self) -> str:
        """What was given up."""
        return f"{self.path}/dead-letters.jsonl"

    @property
    def dead_lock(self) -> str:
        """A file that whoever changes those holds a lock on."""
        return f"{self.path}/dead-letters.lock"

    @property
    def bell(self) -> str:
        """The socket on which the one that delivers is woken."""
        return f"{self.path}/bell"

    @property
    def owner(self) -> str:
        """A file with the name of the run whose processes hold a lock on it."""
        return f"{self.path}/owner"

    @property
    def delivering(self) -> str:
        """A file that the one process that delivers holds a lock on."""
        return f"{self.path}/delivering"

    @property
    def clock(self) -> str:
        """How the clock was set."""
        return f"{self.path}/clock"

    @property
    def writing(self) -> str:
        """A file that whoever writes holds a lock on meanwhile."""
        return f"{self.path}/writing"

    def make(self) -> bool:
        """
        :return: whether it was not there.
        :raises OSError: if that can't be.
        """
        try:
            os.makedirs(self.path, mode=0o700)
        except FileExistsError:
            if os.path.isdir(self.path):
                return False
            raise
        return True


class FileLock:
    """
    A lock between processes, for one thread of each at a time.  Who waits for it sleeps.

    :param path: of the file; ``""`` where there are no other processes.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = -1
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """
        Hold it; whoever holds it already may do so again.

        :raises OSError: if the file can't be had.
        """
        if not self._path:
            yield
            return
        if self._depth == 0:
            self._take()
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _take(self) -> None:
        if self._file < 0 or not is_at(self._file, self._path):
            self.close()
            self._file = open_lock(self._path)
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def close(self) -> None:
        """Let go of the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class Ownership:
    """
    Keeps two registries from sharing an outbox by accident, as long as this process lives.

    :param directory: of the outbox.
    :param run: a name for all processes of one registry, and for no other.
    """

    def __init__(self, directory: OutboxDirectory, run: str) -> None:
        self._directory = directory
        self._run = run
        self._file = -1

    def take(self) -> None:
        """
        :raises InUse: if another registry has it.
        :raises OSError: if it can't be had at all.
        """
        if self._file >= 0:
            return
        file = os.open(self._directory.owner, _OWN, 0o600)
        try:
            self._sign(file)
        except BaseException:
            os.close(file)
            raise
        self._file = file

    def _sign(self, file: int) -> None:
        if locked(file):
            os.truncate(file, 0)
            os.pwrite(file, self._run.encode(), 0)
        # Somebody may come in between the two locks; what stands there then is theirs.
        fcntl.flock(file, fcntl.LOCK_SH)
        if os.pread(file, 4096, 0).decode(errors="replace") != self._run:
            raise InUse(
                f"the outbox {self._directory.path} belongs to another registry that runs; name "
                "another directory in notifications.outbox.path"
            )

    def renew(self) -> None:
        """
        Have it again, if the directory is another one now.

        :raises InUse: if another registry has it.
        :raises OSError: if it can't be had at all.
        """
        if self._file >= 0 and not is_at(self._file, self._directory.owner):
            self.release()
            self.take()

    def release(self) -> None:
        """Let others have it."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def locked(file: int) -> bool:
    """
    Try to lock a file alone.

    :return: whether it worked.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in {errno.EWOULDBLOCK, errno.EACCES}:
            return False
        raise
    return True


def is_locked(path: str) -> bool:
    """:return: whether a process holds a lock on a file; it doesn't, if there is none."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return not locked(file)
    finally:
        os.close(file)


def open_lock(path: str) -> int:
    """
    :return: the descriptor of a file that only serves to be locked.
    :raises OSError: if it can't be had.
    """
    file = os.open(path, _OWN, 0o600)
    try:
        give_to_owner(file, os.path.dirname(path))
    except BaseException:
        os.close(file)
        raise
    return file


def give_to_owner(file: int, directory: str) -> None:
    """
    Let a file be theirs who own the directory: it may be root who looks into the outbox of a
    registry that is not.

    :raises OSError: if that can't be.
    """
    if os.geteuid() == 0:
        owner = os.stat(directory)
        os.fchown(file, owner.st_uid, owner.st_gid)


def sync_directory(path: str) -> None:
    """Make names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_at(file: int, path: str) -> bool:
    """:return: whether an open file is still the one with that name."""
    try:
        return os.path.samestat(os.fstat(file), Path(path).stat())
    except OSError:
        return False


def which(path: str) -> tuple[int, int] | None:
    """
    :return: which file has a name now; ``None`` if there is none.
    :raises OSError: if that can't be told.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
