"""
How large everything is, random content, and a word on what goes on.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import BinaryIO

from attrs import frozen

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB


def say(text: str) -> None:
    """
    Tell whoever waits what is being done.
    """
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


@frozen
class Scale:
    """
    How large everything is.

    :param factor: 1 for what the figures are about; less is quicker and means less.
    """

    factor: float = 1.0

    def size(self, full: int) -> int:
        """
        Bytes of a large thing.
        """
        return max(64 * KIB, round(full * self.factor))

    def count(self, full: int, least: int = 8) -> int:
        """
        A number of things.
        """
        return max(least, round(full * self.factor))

    def seconds(self, full: float) -> float:
        """
        How long something goes on.
        """
        return max(0.2, full * min(self.factor, 1.0))


def write_random(path: Path, size: int, count: int = 1) -> list[str]:
    """
    Write a file of random blobs, one after the other.

    :param size: of each, in bytes.
    :return: their digests.
    """
    with path.open("wb") as file:
        return [append_random(file, size) for _ in range(count)]


def append_random(file: BinaryIO, size: int) -> str:
    """
    Write random bytes.

    :return: their digest.
    """
    hashed = hashlib.sha256()
    for begin in range(0, size, MIB):
        piece = os.urandom(min(MIB, size - begin))
        hashed.update(piece)
        file.write(piece)
    return f"sha256:{hashed.hexdigest()}"
