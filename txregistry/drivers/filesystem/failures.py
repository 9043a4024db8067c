"""
What the operating system's errors mean for a storage driver.
"""

from __future__ import annotations

import errno
from types import TracebackType

from txregistry.errors import DriverError, InvalidPath, NoSpace, PathNotFound, StorageFailure

_NOT_THERE = {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}
_FULL = {errno.ENOSPC, errno.EDQUOT}


class making:  # noqa: N801 - read as a function, and twice as fast as one that is a generator
    """
    Turn errors about something that comes into being into the driver's.

    :param path: the driver's.
    """

    __slots__ = ("_path",)

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            raise self._meaning(error) from error

    def _meaning(self, error: OSError) -> DriverError:
        return _failure(self._path, error)


class existing(making):  # noqa: N801 - the same
    """
    Turn errors about something that should be there into the driver's; if it is of the wrong
    kind it isn't there.
    """

    __slots__ = ()

    def _meaning(self, error: OSError) -> DriverError:
        return PathNotFound(self._path) if error.errno in _NOT_THERE else super()._meaning(error)


def _failure(path: str, error: OSError) -> DriverError:
    if error.errno in _FULL:
        return NoSpace(path)
    if error.errno == errno.ENAMETOOLONG:
        return InvalidPath(path)
    return StorageFailure(path, error.strerror or str(error))
