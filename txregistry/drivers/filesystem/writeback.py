"""
Letting the disk write while more comes.

The kernel keeps what is written in memory until somebody syncs it; then a big file takes its
time.  Asked to begin early, the disk works while the network does.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final

PORTION: Final = 8 * 1024 * 1024
"""After how many bytes the disk is told to begin."""

_SYNC_FILE_RANGE_WRITE: Final = 2

Begin = Callable[[int, int, int, int], int]


def _find() -> Begin | None:
    """:return: ``sync_file_range`` of the C library, where there is one: on Linux."""
    try:
        found = ctypes.CDLL(None).sync_file_range
    except (AttributeError, OSError):
        return None
    found.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint)
    return found


_BEGIN: Final = _find()


def begin_writing(descriptor: int, offset: int, size: int) -> None:
    """
    Ask the kernel to begin to write a part of a file to the disk.  Nothing is promised by it, and
    if it can't be done nothing is lost.
    """
    if _BEGIN is not None:
        _BEGIN(descriptor, offset, size, _SYNC_FILE_RANGE_WRITE)
