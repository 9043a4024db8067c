"""
Content for proofs: as much as one likes, never in memory, the same each time.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from functools import cached_property, lru_cache

import attrs

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB

#: The bytes that one block has: each begins with its place in the stream, so that no block is
#: like another, and none can stand in another's place unnoticed.
BLOCK = MIB
STAMP = 16


@lru_cache(maxsize=1)
def _filling() -> bytes:
    return random.Random("txregistry").randbytes(BLOCK - STAMP)


@attrs.define(frozen=True, slots=False)
class Content:
    """
    A stream of bytes that its seed and its size determine.

    :param seed: another one means other bytes, from the first on.
    :param size: in bytes.
    """

    seed: int
    size: int

    def pieces(
        self, start: int = 0, end: int | None = None, maximum: int = 256 * KIB
    ) -> Iterator[memoryview]:
        """
        Give the bytes from one place to another.

        :param start: in bytes from the beginning.
        :param end: the first byte that isn't wanted; ``None`` for all.
        :param maximum: the most bytes of one piece.
        """
        end = self.size if end is None else end
        while start < end:
            index, offset = divmod(start, BLOCK)
            block = memoryview(self._block(index))
            stop = min(BLOCK, offset + end - start)
            for first in range(offset, stop, maximum):
                yield block[first : min(first + maximum, stop)]
            start += stop - offset

    def _block(self, index: int) -> bytes:
        return self.seed.to_bytes(8, "big") + index.to_bytes(8, "big") + _filling()

    def whole(self) -> bytes:
        """
        All of it; for what is small.
        """
        return b"".join(self.pieces())

    @cached_property
    def digest(self) -> str:
        """
        Its sha256 digest.
        """
        running = hashlib.sha256()
        for piece in self.pieces():
            running.update(piece)
        return "sha256:" + running.hexdigest()


def sha256(content: bytes) -> str:
    """
    The sha256 digest of some bytes, as registries write it.
    """
    return "sha256:" + hashlib.sha256(content).hexdigest()


def mebibytes(size: float) -> str:
    """
    Write a number of bytes for people.
    """
    return f"{size / MIB:.1f} MiB"
