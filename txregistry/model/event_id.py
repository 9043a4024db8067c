"""
The identity of an event.
"""

from __future__ import annotations

from random import Random
from typing import Final

_MILLION: Final = 1_000_000

UUID_LENGTH: Final = 36
"""Characters of a UUID as text."""

_random = Random()  # noqa: S311 - its numbers keep no secret


def event_id(nanoseconds: int, request_id: str = "") -> str:
    """
    :param nanoseconds: when it happened, since 1970.
    :param request_id: a UUID, whose random digits it shall have; ``""`` for others.
    :return: a UUID of version 7 (RFC 9562 §5.7 and §6.2, method 3): later ones are greater, down to
        a quarter of a microsecond.
    """
    milliseconds, rest = divmod(nanoseconds, _MILLION)
    head = f"{milliseconds & 0xFFFF_FFFF_FFFF:012x}"
    tail = request_id[19:] or _random_digits()
    return f"{head[:8]}-{head[8:]}-7{rest * 4096 // _MILLION:03x}-{tail}"


def _random_digits() -> str:
    digits = f"{_random.getrandbits(62) | 1 << 63:016x}"
    return f"{digits[:4]}-{digits[4:]}"
