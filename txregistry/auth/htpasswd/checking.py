"""
Passwords are checked: a few at a time, each once.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import TypeAlias

from twisted.internet.defer import Deferred

from txregistry.auth.basic import BasicCredentials
from txregistry.auth.htpasswd.entries import Entries
from txregistry.auth.htpasswd.hashes import is_right
from txregistry.auth.htpasswd.once import Once
from txregistry.auth.htpasswd.outcomes import Outcomes
from txregistry.auth.htpasswd.turns import Turns
from txregistry.auth.htpasswd.watching import WatchedFile
from txregistry.deferreds import Threads, deferred, shielded, started
from txregistry.errors import Unavailable
from txregistry.interfaces import IAttempts

Origin: TypeAlias = tuple[str, str]
"""A client's address, and the proxy that tells it; ``""`` where none does."""


class Passwords:
    """
    Knows whether passwords are right.

    :param file: where the hashes are.
    :param threads: where checks run.
    :param at_once: how many, at most.
    :param attempts: asked before each check.
    :param seconds: a clock that only goes forward.
    """

    def __init__(
        self,
        file: WatchedFile,
        threads: Threads,
        at_once: int,
        attempts: IAttempts,
        seconds: Callable[[], float],
    ) -> None:
        self._file = file
        self._threads = threads
        self._turns = Turns(at_once)
        self._attempts = attempts
        self._outcomes = Outcomes(seconds)
        self._trying: Once[tuple[Entries, float]] = Once()
        self._checking: Once[bool] = Once()

    def prepare(self) -> None:
        """Look at the file before anybody asks."""
        self._file.look().addErrback(lambda failure: failure.trap(Unavailable))

    @deferred
    async def settled(self) -> None:
        """Wait until nothing is being checked."""
        await self._trying.settled()
        await self._checking.settled()

    @property
    def fresh(self) -> Entries | None:
        """What was in the file a moment ago; ``None`` if it has to be looked at."""
        return self._file.fresh

    def look(self) -> Deferred[Entries]:
        """
        Find out what is in the file now.

        :raises Unavailable: if it can't be read.
        """
        return self._file.look()

    @deferred
    async def check(
        self, credentials: BasicCredentials, address: str, proxy: str = ""
    ) -> tuple[Entries, float]:
        """
        Find out whether a password is right.

        :param address: the client's.
        :param proxy: who says so; see :class:`~txregistry.interfaces.IAttempts`.
        :return: fires with what is in the file, and until when it is known that by this the
            password is right; with 0 if it is wrong.
        :raises TooManyRequests: if there were too many wrong ones of late.
        :raises Unavailable: if the file can't be read.
        """
        entries = await self._file.look()
        key = self._outcomes.key(credentials, entries.hashes.get(credentials.user))
        return await self._trying.run(
            (key, address, proxy), lambda: self._try(credentials, (address, proxy))
        )

    @deferred
    async def mark(self, user: str) -> str:
        """See :class:`~txregistry.interfaces.IUserMarks`."""
        hash_ = (await self._file.look()).hashes.get(user)
        # The salt in it is as good as a key: who doesn't know it can't try passwords on this.
        return "" if hash_ is None else blake2b(hash_, digest_size=16).hexdigest()

    async def _try(self, credentials: BasicCredentials, origin: Origin) -> tuple[Entries, float]:
        # Before anything is said, be it remembered or not.
        await self._attempts.admit(credentials.user, *origin)
        # Who goes away after that has tried all the same.
        return await shielded(started(self._begun(credentials, origin)))

    async def _begun(self, credentials: BasicCredentials, origin: Origin) -> tuple[Entries, float]:
        # If nothing comes of it, it is no failure of his.
        tell = self._attempts.withdrawn
        try:
            # He may have waited, and the file been changed meanwhile.
            entries = self._file.fresh or await self._file.look()
            key = self._outcomes.key(credentials, entries.hashes.get(credentials.user))
            known = self._outcomes.of(key)
            right = known
            if known is None:
                right = await self._checked(credentials, entries, key, origin[0])
            if right:
                tell = self._attempts.succeeded
            elif known is None:  # who repeats what is known to be wrong guesses nothing
                tell = self._attempts.failed
            return entries, self._outcomes.right_until(key) if right else 0.0
        finally:
            tell(credentials.user, *origin)

    def _checked(
        self, credentials: BasicCredentials, entries: Entries, key: bytes, address: str
    ) -> Deferred[bool]:
        return self._checking.run(key, lambda: self._check(credentials, entries, key, address))

    async def _check(
        self, credentials: BasicCredentials, entries: Entries, key: bytes, address: str
    ) -> bool:
        hash_ = entries.hashes.get(credentials.user)
        await self._turns.take(address)
        try:
            right = await self._threads.run(is_right, credentials.password, hash_, entries.cost)
        finally:
            self._turns.end()
        self._outcomes.remember(key, right)
        return right
