"""
Locks within this process.  Whoever runs several processes on one tree gives the registry
another :class:`~txregistry.interfaces.ILocks`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import Lock, deferred
from txregistry.interfaces import ILocks
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName, Tag


@implementer(ILocks)
class Locks:
    """
    One lock for each key that somebody holds or waits for.
    """

    def __init__(self) -> None:
        self._locks: Final[dict[str, Lock]] = {}

    @deferred
    async def hold(self, keys: Sequence[str]) -> Callable[[], None]:
        held: list[str] = []

        def release() -> None:
            while held:
                self._release(held.pop())

        try:
            for key in sorted(set(keys)):
                await self._acquire(key)
                held.append(key)
        except BaseException:
            release()
            raise
        return release

    def _acquire(self, key: str) -> Deferred[None]:
        return self._locks.setdefault(key, Lock()).acquire()

    def _release(self, key: str) -> None:
        lock = self._locks[key]
        # Whoever is next may run, and be done, before this returns.
        lock.release()
        if not lock.is_wanted and self._locks.get(key) is lock:
            del self._locks[key]


@asynccontextmanager
async def holding(locks: ILocks, *keys: str) -> AsyncIterator[None]:
    """
    Hold keys within an ``async with``.
    """
    release = await locks.hold(keys)
    try:
        yield
    finally:
        release()


# Keys in the order in which they are taken: a manifest's, tags', a blob's.


def manifest_key(name: RepositoryName, digest: Digest) -> str:
    """:return: the key of a manifest in a repository."""
    return f"1 manifest {name}@{digest}"


def tag_key(name: RepositoryName, tag: Tag) -> str:
    """:return: the key of a tag in a repository."""
    return f"2 tag {name}:{tag}"


def content_key(digest: Digest) -> str:
    """:return: the key of the bytes of a blob or manifest."""
    return f"3 content {digest}"
