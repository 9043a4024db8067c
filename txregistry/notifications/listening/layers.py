"""
What manifests say that blobs are.

The storage tree keeps no media type of a blob, so its events can't tell it.  Manifests can, and
those that went by lately are remembered: a client pulls a manifest before its layers.
"""

from __future__ import annotations

from collections.abc import Iterable

from txregistry.model.digest import Digest
from txregistry.model.event import Member
from txregistry.notifications.listening.members import READ_AT_ONCE, members
from txregistry.recent import Recent


class LayerTypes:
    """
    The media types of blobs, as far as they are known.

    :param capacity: of how many blobs, and of how many manifests it is known what is in them.
    """

    def __init__(self, capacity: int = 10_000) -> None:
        self._types: Recent[Digest, str] = Recent(capacity)
        self._known: Recent[Digest, bool] = Recent(capacity)

    def learn(self, digest: Digest, payload: bytes) -> None:
        """
        Look into a manifest that went by; not into a big one, which costs more than it is worth.

        :param digest: of it.
        """
        if len(payload) <= READ_AT_ONCE and not self._known.get(digest):
            self._known.put(digest, value=True)
            self._note(members(payload))

    def of(self, digest: Digest) -> str:
        """:return: the media type of a blob, ``""`` where it isn't known."""
        return self._types.get(digest) or ""

    def _note(self, named: Iterable[Member]) -> None:
        for member in named:
            self._types.put(member.digest, member.media_type)
