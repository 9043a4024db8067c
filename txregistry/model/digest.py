"""
Digests: ``algorithm:hex``, the names of all content.

See *Digests* in the OCI image specification (``descriptor.md``).
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

from attrs import frozen

from txregistry.errors import DigestInvalid

CANONICAL: Final = "sha256"
"""The algorithm of everything whose algorithm nobody chose."""

HEX_LENGTHS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
"""The algorithms that are accepted, with the number of hexadecimal characters of each."""

_DIGEST = re.compile(r"(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})\Z")


REMEMBERED: Final = 4096
"""How many digests that were read are remembered: those of base layers come again and again."""


@frozen(order=True, cache_hash=True)
class Digest:
    """
    The name of some content.

    :param algorithm: one of :data:`HEX_LENGTHS`.
    :param hex: the hash in lower case.
    """

    algorithm: str
    hex: str

    @classmethod
    def parse(cls, text: str) -> Digest:
        """
        Read a digest.

        :param text: ``algorithm:hex``.
        :raises DigestInvalid: if it is malformed, of another algorithm, or of the wrong length.
        """
        return _parse(text)

    @classmethod
    def of(cls, content: bytes, algorithm: str = CANONICAL) -> Digest:
        """
        Compute the digest of some content.

        :param content: the whole of it.
        :param algorithm: one of :data:`HEX_LENGTHS`.
        """
        return cls(algorithm, hashlib.new(algorithm, content).hexdigest())

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.hex}"


@lru_cache(REMEMBERED)
def _parse(text: str) -> Digest:
    if _DIGEST.match(text) is None:
        raise DigestInvalid({"digest": text[:256], "reason": _reason(text)})
    algorithm, _, hex = text.partition(":")
    return Digest(algorithm, hex)


def parse_algorithm(text: str) -> str:
    """
    Read the name of a digest algorithm.

    :raises DigestInvalid: if it is not one of :data:`HEX_LENGTHS`.
    """
    if text not in HEX_LENGTHS:
        raise DigestInvalid({"algorithm": text[:64], "reason": _UNSUPPORTED})
    return text


_UNSUPPORTED = f"unsupported algorithm, use one of {', '.join(HEX_LENGTHS)}"


def _reason(text: str) -> str:
    """Say what is wrong with a digest that did not parse."""
    algorithm, colon, hex = text.partition(":")
    if not colon:
        return "a digest is written algorithm:hex"
    if algorithm not in HEX_LENGTHS:
        return _UNSUPPORTED
    if len(hex) != HEX_LENGTHS[algorithm]:
        return f"{algorithm} has {HEX_LENGTHS[algorithm]} hexadecimal characters"
    return "a digest is written in lower-case hexadecimal"
