"""
The identity of an event: a number, a moment.
"""

from __future__ import annotations

import time
from random import Random
from typing import Final

MILLION: Final = 1_000_000

_random = Random()  # noqa: S311 - its numbers keep no secret


def event_id(nanoseconds: int) -> str:
    """
    :param nanoseconds: since 1970.
    :return: a UUID of version 7 (RFC 9562 §5.7 and §6.2, method 3): later ones are greater, down to
        a quarter of a microsecond.
    """
    milliseconds, rest = divmod(nanoseconds, MILLION)
    fraction = rest * 4096 // MILLION
    head = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
    tail = f"{_random.getrandbits(62) | 1 << 63:016x}"
    return f"{head[:8]}-{head[8:]}-7{fraction:03x}-{tail[:4]}-{tail[4:]}"


def local_offset(nanoseconds: int) -> int:
    """:return: what the local time is ahead of UTC at a moment, in seconds."""
    return time.localtime(nanoseconds // 1_000_000_000).tm_gmtoff
