"""
How many connections there are, and what happens when there are too many.
"""

from __future__ import annotations

from typing import Protocol

from txregistry.web.shares import ABSENT, Shares


class Pausable(Protocol):
    """A port, as far as it matters here."""

    def startReading(self) -> None: ...

    def stopReading(self) -> None: ...


class Connections:
    """
    Counts the connections of some ports, which stop accepting when there are too many: who
    comes then waits in the kernel's queue and costs nothing here.

    :param limit: how many there may be at once.

    :ivar count: how many there are.
    :ivar shares: where other processes, which serve the same clients, see how many.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.count = 0
        self.shares: Shares | None = None
        self._paused: set[Pausable] = set()

    @property
    def room(self) -> int:
        """How many more there may be."""
        return self.limit - self.count

    def opened(self) -> None:
        """Count one more."""
        self.count += 1
        if self.shares is not None:
            self.shares.tell(self.count)

    def closed(self) -> None:
        """Count one less, and let ports accept again."""
        self.count -= 1
        if self.shares is not None:
            self.shares.tell(self.count)
        paused, self._paused = self._paused, set()
        for port in paused:
            port.startReading()

    def share(self, shares: Shares) -> None:
        """Let other processes have their share."""
        self.shares = shares
        shares.all_arrived(shares.index)  # a predecessor may have counted wrong at its end
        shares.tell(self.count)

    def keep(self) -> None:
        """Take no part any more in what others share: none of theirs is accepted here."""
        if self.shares is not None:
            self.shares.tell(ABSENT)
            self.shares = None

    def pause(self, port: Pausable) -> None:
        """Let a port wait until there is room."""
        port.stopReading()
        self._paused.add(port)

    def forget(self, port: Pausable) -> None:
        """Let a port wait no more: it is closed."""
        self._paused.discard(port)
