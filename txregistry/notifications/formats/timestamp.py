"""
Points in time as text.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

BILLION = 1_000_000_000


def rfc3339(nanoseconds: int, utc_offset: int = 0) -> str:
    """
    :param nanoseconds: since 1970.
    :param utc_offset: of the local time that is to be told, in seconds; RFC 3339 has minutes, so
        the rest is cut off.
    :return: the time as RFC 3339 has it, with as many digits below the second as there are.
    """
    minutes = int(utc_offset / 60)
    zone = timezone(timedelta(minutes=minutes)) if minutes else UTC
    seconds, rest = divmod(nanoseconds, BILLION)
    text = datetime.fromtimestamp(seconds, zone).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return f"{text}{fraction}{_zone(minutes)}"


def _zone(minutes: int) -> str:
    if not minutes:
        return "Z"
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02d}:{rest:02d}"
