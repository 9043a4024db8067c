"""
Which repositories have a blob: a guess, for mounts that don't say from where.

It is made of what was seen, in memory, and can be lost at any time.  So that nothing deleted
comes back, each guess is checked against the link when it is used.
"""

from __future__ import annotations

from typing import Final

from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName
from txregistry.recent import Recent

REMEMBERED_BLOBS: Final = 10_000
REMEMBERED_HOLDERS: Final = 8
"""For each blob: one that the requester may read is all that is needed."""


class Holders:
    """
    The latest repositories of the latest blobs.

    :param capacity: of how many blobs.
    """

    def __init__(self, capacity: int = REMEMBERED_BLOBS) -> None:
        self._names: Final[Recent[Digest, tuple[RepositoryName, ...]]] = Recent(capacity)

    def note(self, digest: Digest, name: RepositoryName) -> None:
        """A repository was seen to have a blob."""
        names = self._names.get(digest) or ()
        if not names or names[0] != name:
            rest = tuple(other for other in names if other != name)
            self._names.put(digest, (name, *rest[: REMEMBERED_HOLDERS - 1]))

    def forget(self, digest: Digest, name: RepositoryName) -> None:
        """A repository was seen not to have it."""
        names = tuple(other for other in self._names.get(digest) or () if other != name)
        if names:
            self._names.put(digest, names)
        else:
            self._names.forget(digest)

    def of(self, digest: Digest) -> tuple[RepositoryName, ...]:
        """:return: the repositories that may have it, the latest first."""
        return self._names.get(digest) or ()
