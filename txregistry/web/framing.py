"""
Where the body of a request ends: RFC 9112 §6 and §7.

llhttp could find the end too, but httptools doesn't tell where in the data it was, and what
follows is the head of another request that has to be checked as a whole.  It also takes chunk
extensions and trailers without an end.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from txregistry.errors import BodyInvalid
from txregistry.web.head import FIELD_LINE
from txregistry.web.limits import Limits

LINES_AT_ONCE: Final = 8192
"""How many lines of a chunked body are looked at in one turn: a few milliseconds."""

VIEWED: Final = 4096
"""A smaller chunk is copied: a view of it would keep all that came with it."""

Piece = bytes | memoryview
"""Bytes of a body, or a view of them in what was received."""

CHUNK_LINE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[\t ]*;[\t\x20-\x7e\x80-\xff]*)?\r\n")


class Framing(Protocol):
    """
    Takes the bytes of a connection apart.

    :ivar ended: whether the body is complete.
    :ivar left: how many bytes are missing at least; exactly so many if ``is_exact``.
    """

    is_exact: bool

    @property
    def ended(self) -> bool: ...

    @property
    def left(self) -> int: ...

    def take(self, data: bytes, pieces: list[Piece]) -> bytes:
        """
        Take what belongs to the body.

        :param data: what came.
        :param pieces: to which the content is appended, also if an error is raised.
        :return: what is left: what doesn't belong to the body any more if it has ended, else
            what can't be looked at in one turn of the reactor.
        :raises BodyInvalid: if the framing is broken.
        """
        ...


class Sized:
    """
    A body of a length that was announced.

    :param length: in bytes.
    """

    is_exact = True

    def __init__(self, length: int) -> None:
        self.left = length

    @property
    def ended(self) -> bool:
        return self.left == 0

    def take(self, data: bytes, pieces: list[Piece]) -> bytes:
        if len(data) > self.left:
            piece, data = data[: self.left], data[self.left :]
        else:
            piece, data = data, b""
        if piece:
            pieces.append(piece)
            self.left -= len(piece)
        return data


class Chunked:
    """
    A body in chunks (RFC 9112 §7.1).

    Chunk extensions are ignored and trailers dropped.  Lines are kept until they are complete;
    their lengths are limited, and so is what all extensions together are more than the content.
    """

    is_exact = False

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._left = 0  # of the chunk that is being read
        self._size = 0  # of that chunk
        self._between = b""  # what is between it and one of the same size
        self._line = b""  # the beginning of a line
        self._next = self._size_line
        self._excess = 0
        self._trailers = 0
        self.ended = False

    @property
    def left(self) -> int:
        return self._left

    def take(self, data: bytes, pieces: list[Piece]) -> bytes:
        position = 0
        size = len(data)
        lines = LINES_AT_ONCE
        while position < size and lines and not self.ended:
            if self._left:
                position = self._take_content(data, position, pieces)
                continue
            end = data.find(b"\n", position) + 1
            if not end:
                self._keep(data[position:])
                return b""
            line = data[position:end]
            position = end
            lines -= 1
            if self._line:
                line = self._line + line
                self._line = b""
            if len(line) > self._limits.chunk_line:
                raise BodyInvalid("a line of the chunked body is too long")
            self._next(line)
        return data[position:]

    def _take_content(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        """:return: where the content of the chunk ends, or that of the last of several alike."""
        end = min(position + self._left, len(data))
        self._left -= end - position
        if end - position < VIEWED:
            pieces.append(data[position:end])
            return end
        pieces.append(memoryview(data)[position:end])
        return end if self._left else self._take_alike(data, end, pieces)

    def _take_alike(self, data: bytes, position: int, pieces: list[Piece]) -> int:
        """
        Take the whole chunks that follow if they begin as the last one: clients send chunks of one
        size, a MiB of them at a time, and there is nothing about these that wasn't looked at.
        """
        view, between, size = memoryview(data), self._between, self._size
        while (end := position + len(between) + size) <= len(data):
            if not data.startswith(between, position):
                break
            pieces.append(view[end - size : end])
            position = end
        return position

    def _keep(self, beginning: bytes) -> None:
        self._line += beginning
        if len(self._line) > self._limits.chunk_line:
            raise BodyInvalid("a line of the chunked body is too long")

    def _size_line(self, line: bytes) -> None:
        match = CHUNK_LINE.fullmatch(line)
        if match is None:
            raise BodyInvalid("malformed chunk size")
        self._left = self._size = int(match[1], 16)
        self._between = b"\r\n" + line
        self._excess = max(0, self._excess + len(line) - self._left - 32)
        if self._excess > self._limits.trailers:
            raise BodyInvalid("the chunked body has more extensions than content")
        self._next = self._chunk_end if self._left else self._trailer_line

    def _chunk_end(self, line: bytes) -> None:
        if line != b"\r\n":
            raise BodyInvalid("a chunk is longer than its size")
        self._next = self._size_line

    def _trailer_line(self, line: bytes) -> None:
        self._trailers += len(line)
        if self._trailers > self._limits.trailers:
            raise BodyInvalid("the trailers are too large")
        if line == b"\r\n":
            self.ended = True
        elif not FIELD_LINE.fullmatch(line):
            raise BodyInvalid("malformed trailer")
