"""
Durations and sizes: Go's notation of the one, binary multiples of bytes for the other.
"""

from __future__ import annotations

import re
from fractions import Fraction

#: Nanoseconds of each unit of Go's ``time.ParseDuration``, the largest first.
_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ns": 1,
}
_PIECE = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION = re.compile(rf"([+-]?)((?:{_PIECE.pattern})+)")
_LONGEST = 2**63 - 1

_BYTES = {
    "TIB": 2**40,
    "GIB": 2**30,
    "MIB": 2**20,
    "KIB": 2**10,
    "TB": 10**12,
    "GB": 10**9,
    "MB": 10**6,
    "KB": 10**3,
    "B": 1,
    "": 1,
}
_SIZE = re.compile(r"([0-9]{1,18}) ?([KMGT]?I?B)?", re.IGNORECASE)
_SPELLING = {"TIB": "TiB", "GIB": "GiB", "MIB": "MiB", "KIB": "KiB"}


def parse_duration(text: str) -> int:
    """
    :param text: as Go writes durations: ``1h30m``, ``1.5s``, ``-100ms``, ``0``.
    :return: nanoseconds; parts of them are dropped, as Go does.
    :raises ValueError: if it is none, or longer than Go could hold (292 years).
    """
    if text in {"0", "+0", "-0"}:
        return 0
    match = _DURATION.fullmatch(text) if len(text) <= 100 else None
    if match is None:
        raise ValueError("not a duration")
    total = sum(
        int(_number(number) * _NANOSECONDS[unit]) for number, unit in _PIECE.findall(match[2])
    )
    if total > _LONGEST:
        raise ValueError("too long a duration")
    return -total if match[1] == "-" else total


def _number(text: str) -> Fraction:
    whole, _, part = text.partition(".")
    return Fraction(int(whole or "0")) + Fraction(int(part or "0"), 10 ** len(part))


def format_duration(nanoseconds: int) -> str:
    """
    :return: the shortest form of whole units that :func:`parse_duration` reads back.
    """
    if nanoseconds == 0:
        return "0s"
    pieces = ["-"] if nanoseconds < 0 else []
    rest = abs(nanoseconds)
    for unit in ("h", "m", "s", "ms", "us", "ns"):
        count, rest = divmod(rest, _NANOSECONDS[unit])
        if count:
            pieces.append(f"{count}{unit}")
    return "".join(pieces)


def parse_size(text: str) -> int:
    """
    :param text: a number of bytes, alone or with a unit: ``65536``, ``64KiB``, ``4 MB``.
    :return: bytes.
    :raises ValueError: if it is none.
    """
    match = _SIZE.fullmatch(text)
    unit = (match[2] or "").upper() if match else ""
    if match is None or unit not in _BYTES:
        raise ValueError("not a size")
    return int(match[1]) * _BYTES[unit]


def format_size(size: int) -> int | str:
    """
    :return: the size in the largest binary unit that divides it, which :func:`parse_size` reads
        back.
    """
    for unit, spelling in _SPELLING.items():
        if size and size % _BYTES[unit] == 0:
            return f"{size // _BYTES[unit]}{spelling}"
    return size
