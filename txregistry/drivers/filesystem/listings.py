"""
Listing directories again and again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from typing import Final

from txregistry.deferreds import Threads, deferred
from txregistry.drivers.filesystem import failures, listing
from txregistry.drivers.filesystem.listing import Listing
from txregistry.errors import PathNotFound
from txregistry.recent import Recent

REMEMBERED_BYTES: Final = 32 * 1024 * 1024
"""How much the listings that are kept may weigh together."""


class Listings:
    """
    Lists directories in threads, and those that didn't change since from memory.

    Only directories of the root's own file system are kept: what is mounted below it may be at
    the other end of a network, where the stamp that is seen may be an old one.

    :param root: the driver's root directory.
    :param threads: to look in.
    :param capacity: how many bytes to remember; 0 where the root itself may be at the other end
        of a network.
    :param now: seconds since the epoch.
    :param timer: seconds since any moment.
    """

    def __init__(
        self,
        root: str,
        threads: Threads,
        capacity: int = REMEMBERED_BYTES,
        now: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = root
        self._threads = threads
        self._kept: Recent[str, Listing] = Recent(capacity)
        self._now = now
        self._timer = timer
        self._device = os.stat(root or "/").st_dev

    @deferred
    async def children(
        self, path: str, after: str = "", limit: int | None = None, having: str = ""
    ) -> Sequence[str]:
        """As :meth:`txregistry.interfaces.IStorageDriver.children`."""
        kept = self._kept_and_true(path)
        if kept is not None:
            known = kept.known(after, limit, having, self._timer())
            if known is not None:
                return known

        def look() -> tuple[Listing, Sequence[str]]:
            with failures.existing(path):
                there = kept or listing.read(self._root + path, self._now)
                return there, there.look(after, limit, having, self._timer())

        there, found = await self._threads.run(look)
        self._keep(path, there)
        return found

    @deferred
    async def children_of(self, path: str, names: Sequence[str]) -> Sequence[Sequence[str]]:
        """As :meth:`txregistry.interfaces.IStorageDriver.children_of`."""
        paths = [f"{path.rstrip('/')}/{name}" for name in names]
        there = [self._kept_and_true(child) for child in paths]
        missing = [child for child, kept in zip(paths, there, strict=True) if kept is None]
        if not missing:
            return [kept.names for kept in there if kept is not None]
        found = dict(zip(missing, await self._threads.run(self._read_each, missing), strict=True))
        for child, new in found.items():
            if new is not None:
                self._keep(child, new)
        both = (kept or found[child] for child, kept in zip(paths, there, strict=True))
        return [each.names if each else () for each in both]

    def _kept_and_true(self, path: str) -> Listing | None:
        """:return: what is remembered of a directory that has not changed."""
        kept = self._kept.get(path)
        if kept is None:
            return None
        try:
            if listing.stamp_of(kept.directory) == kept.stamp:
                return kept
        except OSError:
            pass  # whoever lists it now will be told
        self._kept.forget(path)
        return None

    def _keep(self, path: str, there: Listing) -> None:
        if there.settled and there.device == self._device:
            self._kept.put(path, there, there.weight)

    def _read_each(self, paths: Sequence[str]) -> Sequence[Listing | None]:
        """:return: for each path what is there; ``None`` if it is no directory."""
        found: list[Listing | None] = []
        for path in paths:
            try:
                with failures.existing(path):
                    found.append(listing.read(self._root + path, self._now))
            except PathNotFound:
                found.append(None)
        return found
