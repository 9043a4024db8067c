"""
The bytes of small manifests.
"""

from __future__ import annotations

from typing import Final

from txregistry.model.digest import Digest
from txregistry.recent import Recent

LARGEST: Final = 64 * 1024
"""A manifest of more bytes is not remembered."""

CAPACITY: Final = 16 * 1024 * 1024
"""How many bytes are remembered at most."""

_WEIGHT_OF_ONE: Final = 512
"""What one takes besides its bytes, about."""


class Payloads:
    """
    The manifests that were used lately.  They can't go stale, since they are found by the digest
    of their bytes.  Whether a repository has one is never taken from here.

    :param capacity: in bytes.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._payloads: Recent[Digest, bytes] = Recent(capacity)

    def get(self, digest: Digest) -> bytes | None:
        """:return: the bytes, if they are remembered."""
        return self._payloads.get(digest)

    def put(self, digest: Digest, payload: bytes) -> None:
        """
        :param digest: that of the bytes.
        """
        if len(payload) <= LARGEST:
            self._payloads.put(digest, payload, len(payload) + _WEIGHT_OF_ONE)
