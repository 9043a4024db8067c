"""
The directory of one run: what its processes share.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from txregistry.service.context import EPOCHS, WorkerContext
from txregistry.web.shares import Shares

_PREFIX: Final = "txregistry-"
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

_YOUNG: Final = 60.0
"""Seconds in which one that was just made must have been held."""


class RunDirectory:
    """
    Makes it, in memory where that can be had, for nobody else to look into.

    :param environ: may tell where such directories are made.
    :param count: of workers.
    :ivar path: where it is.
    :ivar shares_path: of :class:`~txregistry.web.shares.Shares`.
    :raises OSError: if it can't be made, for example for want of space.
    """

    def __init__(self, environ: Mapping[str, str], count: int) -> None:
        place = _place(environ)
        _sweep(place)
        self.path = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
        hold(self.path)
        self._count = count
        self._epochs_path = f"{self.path}/epochs"
        self.shares_path = f"{self.path}/shares"
        try:
            self._fill()
        except OSError:
            remove(self.path)
            raise

    def context(self, index: int) -> WorkerContext:
        """:return: what a process is told of it."""
        return WorkerContext(
            index=index,
            count=self._count,
            run_directory=self.path,
            epochs_path=self._epochs_path,
            shares_path=self.shares_path,
        )

    def _fill(self) -> None:
        with open(self._epochs_path, "xb") as epochs:
            # Writing to a page for which there is no space then would end the process.
            os.posix_fallocate(epochs.fileno(), 0, 8 * EPOCHS)
        Shares.make(self.shares_path, self._count)


def hold(path: str) -> int:
    """
    Show that a process of the run is there, until that ends.

    :return: by what it is held.
    :raises OSError: if the run is over.
    """
    # The lock ends with the descriptor, and that with the process.
    descriptor = os.open(path, _DIRECTORY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


@contextmanager
def held(path: str) -> Iterator[None]:
    """
    Hold one as long as this lasts, and remove it then if no other process of the run is there: the
    supervisor does that, if it isn't killed.
    """
    descriptor = hold(path)
    try:
        yield
    finally:
        with suppress(BlockingIOError):  # somebody is there
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(path)
        os.close(descriptor)


def remove(path: str) -> None:
    """Remove one, unless somebody else has."""
    # Under another name nobody makes anything in it meanwhile.
    leaving = f"{path}-"
    try:
        os.rename(path, leaving)
    except OSError:
        leaving = path
    shutil.rmtree(leaving, ignore_errors=True)


def _sweep(place: str) -> None:
    """Remove what is left of runs all of whose processes were killed."""
    for name in os.listdir(place):
        if name.startswith(_PREFIX):
            with suppress(OSError):  # it is somebody else's, or in use
                _remove_left(os.path.join(place, name))


def _remove_left(path: str) -> None:
    descriptor = os.open(path, _DIRECTORY)
    try:
        found = os.fstat(descriptor)
        if found.st_uid == os.geteuid() and found.st_mtime < time.time() - _YOUNG:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(path)
    finally:
        os.close(descriptor)


def _place(environ: Mapping[str, str]) -> str:
    """
    :return: where to make it: ``RUNTIME_DIRECTORY`` is systemd's for the service,
        ``XDG_RUNTIME_DIR`` the user's.
    """
    for place in (environ.get("RUNTIME_DIRECTORY"), environ.get("XDG_RUNTIME_DIR"), "/dev/shm"):  # noqa: S108 - mkdtemp is safe there
        if place and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    return tempfile.gettempdir()
