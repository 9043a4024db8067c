"""
Files that commands change: one at a time.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def locked(path: str) -> Iterator[None]:
    """
    Keep others who do the same from changing a file.

    It is its directory that is locked: the file itself is replaced.  Where the path is a link,
    what it leads to is meant.

    :raises OSError: if the directory isn't there.
    """
    directory = os.open(os.path.dirname(os.path.realpath(path)), os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
