"""
Byte ranges: which part of a blob is wanted (``Range``), and which part of an upload comes
(``Content-Range``).

RFC 9110 §14, and the OCI distribution specification, *Pushing a blob in chunks*.
"""

from __future__ import annotations

import re
from typing import Final

from attrs import frozen

from txregistry.errors import RangeMalformed

MAXIMUM_RANGES: Final = 4096
"""Where there are more ranges than this, they are ignored.  Partial pulls ask for up to 1024."""

MAXIMUM_DIGITS: Final = 19
"""A position with more digits is over any size that there is."""

_SPEC = re.compile(r"(\d*)-(\d*)\Z", re.ASCII)
_CONTENT_RANGE = re.compile(
    r"(?:bytes[ =])?[ \t]*(\d{1,19})-(\d{1,19})(?:/(?:\d{1,19}|\*))?\Z", re.ASCII
)


@frozen
class ByteRange:
    """
    Some bytes in a row.

    :param first: the position of the first.
    :param length: how many, at least one.
    """

    first: int
    length: int

    @property
    def last(self) -> int:
        """The position of the last byte."""
        return self.first + self.length - 1


class RangeNotSatisfiable(Exception):
    """None of the wanted bytes exists, or the wish can't be read."""


def parse_range(header: str, size: int) -> tuple[ByteRange, ...] | None:
    """
    Read a ``Range`` field.

    :param header: its value.
    :param size: the size of the content in bytes.
    :return: the ranges that exist, in the order asked, each clamped to the size; or ``None``
        if the whole content is to be sent: its unit is not ``bytes``, the content is empty, the
        ranges are too many, or add up to more than all of it.
    :raises RangeNotSatisfiable: if no range lies within the content, or the syntax is wrong.
    """
    unit, equals, specs = header.partition("=")
    if not equals or unit.strip().lower() != "bytes" or size == 0:
        return None
    parts = [part.strip(" \t") for part in specs.split(",")]
    if len(parts) > MAXIMUM_RANGES:
        return None
    wanted = [_resolve(part, size) for part in parts if part]
    ranges = tuple(each for each in wanted if each is not None)
    if not ranges:
        raise RangeNotSatisfiable
    if len(ranges) > 1 and sum(each.length for each in ranges) > size:
        return None
    return ranges


def _resolve(spec: str, size: int) -> ByteRange | None:
    """:return: the range that one spec means, or ``None`` if it lies beyond the content."""
    match = _SPEC.match(spec)
    if match is None or spec == "-":
        raise RangeNotSatisfiable
    first, last = (_position(text) for text in match.groups())
    if first is None:
        length = min(last or 0, size)
        return ByteRange(size - length, length) if length else None
    if last is not None and last < first:
        raise RangeNotSatisfiable
    if first >= size:
        return None
    end = size if last is None else min(last + 1, size)
    return ByteRange(first, end - first)


def _position(text: str) -> int | None:
    if not text:
        return None
    # Positions of any length are legal; converting thousands of digits is not worth it.
    return int(text) if len(text) <= MAXIMUM_DIGITS else 10**MAXIMUM_DIGITS


@frozen
class ContentRange:
    """
    The part of an upload that a request says to carry.

    :param first: the position of the first byte.
    :param last: the number given as the end, inclusive by the specification.
    """

    first: int
    last: int

    def accepts(self, length: int) -> bool:
        """
        :return: whether a body of this many bytes is what was announced.  Some clients give an
            end that is one too far; that is tolerated.
        """
        return self.last - self.first in (length - 1, length)


def parse_content_range(header: str) -> ContentRange:
    """
    Read a ``Content-Range`` of an upload: ``a-b``, or ``bytes a-b/size`` as in HTTP.

    :raises RangeMalformed: if it is neither, or ends before it begins.
    """
    match = _CONTENT_RANGE.match(header.strip())
    if match is None:
        raise RangeMalformed({"range": header[:128], "reason": "expected <first>-<last>"})
    first, last = int(match[1]), int(match[2])
    if last < first:
        raise RangeMalformed({"range": header[:128], "reason": "it ends before it begins"})
    return ContentRange(first, last)
