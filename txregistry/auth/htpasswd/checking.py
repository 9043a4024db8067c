"""
Passwords are checked: a few at a time, each once.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.auth.basic import BasicCredentials
from txregistry.auth.htpasswd.entries import Entries
from txregistry.auth.htpasswd.hashes import is_right
from txregistry.auth.htpasswd.outcomes import Outcomes
from txregistry.auth.htpasswd.turns import Turns
from txregistry.auth.htpasswd.watching import WatchedFile
from txregistry.deferreds import Threads, deferred, started
from txregistry.errors import Unavailable
from txregistry.interfaces import IAttempts


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
        self._running: dict[bytes, _Check] = {}
        self._settled: list[Deferred[None]] = []

    def prepare(self) -> None:
        """Look at the file before anybody asks."""
        self._file.look().addErrback(lambda failure: failure.trap(Unavailable))

    def settled(self) -> Deferred[None]:
        """:return: fires when nothing is being checked."""
        settled: Deferred[None] = Deferred()
        self._settled.append(settled)
        self._tell_settled()
        return settled

    @property
    def fresh(self) -> Entries | None:
        """What was in the file a moment ago; ``None`` if it has to be looked at."""
        return self._file.fresh

    def known_until(self, credentials: BasicCredentials) -> float:
        """
        :return: until when it is known, without any waiting, that a password is right; 0 where it
            isn't.
        """
        entries = self._file.fresh
        if entries is None:
            return 0.0
        hash_ = entries.hashes.get(credentials.user)
        if hash_ is None:
            return 0.0
        return self._outcomes.right_until(self._outcomes.key(credentials, hash_))

    @deferred
    async def are_right(self, credentials: BasicCredentials, address: str) -> bool:
        """
        :param address: the client's.
        :return: fires with whether a password is right.
        :raises TooManyRequests: if there were too many wrong ones of late.
        :raises Unavailable: if the file can't be read.
        """
        entries = await self._file.look()
        hash_ = entries.hashes.get(credentials.user)
        key = self._outcomes.key(credentials, hash_)
        known = self._outcomes.of(key)
        if known is not None:
            return known
        check = self._running.get(key)
        if check is not None:
            return await check.outcome()
        check = self._running[key] = _Check()
        outcome = check.outcome()
        started(self._check(credentials, entries, address)).addBoth(self._end, key, check)
        return await outcome

    @deferred
    async def mark(self, user: str) -> str:
        """See :class:`~txregistry.interfaces.IUserMarks`."""
        hash_ = (await self._file.look()).hashes.get(user)
        # The salt in it is as good as a key: who doesn't know it can't try passwords on this.
        return "" if hash_ is None else blake2b(hash_, digest_size=16).hexdigest()

    def _end(self, outcome: bool | Failure, key: bytes, check: _Check) -> None:
        """Tell all who wait, and those who come later."""
        del self._running[key]
        if not isinstance(outcome, Failure):
            self._outcomes.remember(key, outcome)
        check.end(outcome)
        self._tell_settled()

    def _tell_settled(self) -> None:
        if not self._running:
            settled, self._settled = self._settled, []
            for each in settled:
                each.callback(None)

    async def _check(self, credentials: BasicCredentials, entries: Entries, address: str) -> bool:
        await self._attempts.admit(credentials.user, address)
        hash_ = entries.hashes.get(credentials.user)
        await self._turns.take(address)
        try:
            right = await self._threads.run(is_right, credentials.password, hash_, entries.cost)
        finally:
            self._turns.end()
        tell = self._attempts.succeeded if right else self._attempts.failed
        tell(credentials.user, address)
        return right


class _Check:
    """
    A check that runs, and whoever waits for it.
    """

    def __init__(self) -> None:
        self._waiting: list[Deferred[bool]] = []

    def outcome(self) -> Deferred[bool]:
        """:return: fires with it.  To cancel it ends this wait, and no other."""
        waiting: Deferred[bool] = Deferred(self._waiting.remove)
        self._waiting.append(waiting)
        return waiting

    def end(self, outcome: bool | Failure) -> None:
        """Tell all of them."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(outcome)
