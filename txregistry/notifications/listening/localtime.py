"""
The local time.
"""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Final

_QUARTER: Final = 900
"""Seconds.  Nowhere are clocks set forward or back but at a full quarter of an hour, nowadays."""


def local_offset(nanoseconds: int) -> int:
    """:return: what the local time is ahead of UTC at a moment, in seconds."""
    return _offset(nanoseconds // (_QUARTER * 1_000_000_000))


@lru_cache(64)
def _offset(quarter: int) -> int:
    return time.localtime(quarter * _QUARTER).tm_gmtoff
