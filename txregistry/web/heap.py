"""
Memory that is used again and again.
"""

from __future__ import annotations

import ctypes
from typing import Final

MIB: Final = 1024 * 1024

_TRIM_THRESHOLD: Final = -1
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8

KEPT: Final = 16 * MIB
"""How much may lie free at the end of the heap, in bytes."""

APART: Final = 4 * MIB
"""What is as large as this is not taken from the heap, and given back at once, in bytes."""


def keep_heap() -> None:
    """
    Let the C library keep some memory that was freed, where it can be told to.

    Bodies come in pieces of up to 1 MiB.  Left to itself, the GNU C library gives the memory of
    each back to the kernel as soon as it is stored, and asks for that of the next: to get the pages
    again takes a tenth of the processor time of a large push.

    What is kept is kept once: left to itself, the library has a heap for each thread, and after a
    while each has room for the largest document that it ever read.  Threads of Python mostly
    take turns, so they hardly wait for each other here.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return
    mallopt(_ARENA_MAX, 1)
    mallopt(_MMAP_THRESHOLD, APART)
    mallopt(_TRIM_THRESHOLD, KEPT)
