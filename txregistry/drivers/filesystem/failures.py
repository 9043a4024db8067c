"""
What the operating system's errors mean for a storage driver.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from txregistry.errors import DriverError, InvalidPath, NoSpace, PathNotFound, StorageFailure

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def existing(path: str) -> Iterator[None]:
    """
    Turn errors about something that should be there into the driver's; if it is of the wrong
    kind it isn't there.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _NOT_THERE:
            raise PathNotFound(path) from error
        raise _failure(path, error) from error


@contextmanager
def making(path: str) -> Iterator[None]:
    """Turn errors about something that comes into being into the driver's."""
    try:
        yield
    except OSError as error:
        raise _failure(path, error) from error


def _failure(path: str, error: OSError) -> DriverError:
    if error.errno in _FULL:
        return NoSpace(path)
    if error.errno == errno.ENAMETOOLONG:
        return InvalidPath(path)
    return StorageFailure(path, error.strerror or str(error))
