"""
Who looks after the socket of a worker that isn't there.
"""

from __future__ import annotations

from collections.abc import Callable

from txregistry.workers.channel import COVER, UNCOVER


class Covers:
    """
    Lets one of the others accept what comes to a worker's socket until that has a successor, so
    that nobody waits for him, or for one that fails again and again.

    :param tell: called with a worker, a word, and the number of a socket, which is also that of the
        worker whose it is.
    """

    def __init__(self, tell: Callable[[int, str, int], None]) -> None:
        self._tell = tell
        self._there: set[int] = set()
        self._missing: set[int] = set()
        self._by: dict[int, int] = {}

    def came(self, worker: int) -> None:
        """A worker serves."""
        self._there.add(worker)
        self._missing.discard(worker)
        other = self._by.pop(worker, None)
        if other is not None:
            self._tell(other, UNCOVER, worker)
        self._cover()

    def went(self, worker: int) -> None:
        """A worker accepts no more."""
        self._there.discard(worker)
        self._missing.add(worker)
        self._by = {missing: other for missing, other in self._by.items() if other != worker}
        self._cover()

    def _cover(self) -> None:
        for missing in sorted(self._missing - self._by.keys()):
            if self._there:
                covering = list(self._by.values())
                other = min(self._there, key=lambda worker: (covering.count(worker), worker))
                self._by[missing] = other
                self._tell(other, COVER, missing)
