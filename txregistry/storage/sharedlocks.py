"""
Locks between the processes that serve one tree on one machine.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Final

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.interfaces import ILocks
from txregistry.storage.locks import Locks

FIRST_WAIT: Final = 0.001
LONGEST_WAIT: Final = 0.01
"""How long to wait before trying again, in seconds: the kernel tells nobody when a lock is free."""


@implementer(ILocks)
class SharedLocks:
    """
    Each key is a place in a file, far from all others, where two bytes can be locked
    (``fcntl(2)``, *Advisory record locking*).  The file stays empty.  The locks of a process end
    with it, however it ends.

    The second byte is the lock.  The first is a gate before it, held by the process that is next:
    otherwise one with many requests for the same thing, which takes the lock again as soon as it
    has let go of it, would keep the others out.

    Such a lock keeps processes apart and nothing within one, so that there are ordinary locks in
    front of it.

    :param path: of the file, which is the same for all processes.  No other code of a process may
        open it: closing it would end the locks.
    :param clock: to wait.
    """

    def __init__(self, path: str, clock: IReactorTime) -> None:
        self._own: Final = Locks()
        self._clock = clock
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        """Let go of everything."""
        os.close(self._file)

    @deferred
    async def hold(self, keys: Sequence[str]) -> Callable[[], None]:
        held: list[Callable[[], None]] = []

        def release() -> None:
            while held:
                held.pop()()

        try:
            for key in sorted(set(keys)):
                held.append(await self._own.hold([key]))
                held.append(await self._take(_place(key)))
        except BaseException:
            release()
            raise
        return release

    async def _take(self, place: int) -> Callable[[], None]:
        """:return: what gives it back."""
        await self._lock(place)
        try:
            await self._lock(place + 1)
        finally:
            self._unlock(place)
        return lambda: self._unlock(place + 1)

    async def _lock(self, offset: int) -> None:
        wait = FIRST_WAIT
        while not self._try(offset):
            await deferLater(self._clock, wait)
            wait = min(2 * wait, LONGEST_WAIT)

    def _try(self, offset: int) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, offset)
        except (BlockingIOError, PermissionError):  # either, says fcntl(2)
            return False
        return True

    def _unlock(self, offset: int) -> None:
        fcntl.lockf(self._file, fcntl.LOCK_UN, 1, offset)


def _place(key: str) -> int:
    """:return: an even offset that no other key has: there are 2**61 of them."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) >> 3 << 1
