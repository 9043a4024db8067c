"""
The cache itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import txredisapi
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.cache.counting import Counts
from txregistry.cache.epochs import Debt
from txregistry.cache.redis.connections import Arguments, Connections, RedisUnavailable
from txregistry.cache.redis.scripts import (
    CLEAR,
    CLEAR_ALL,
    GENERATION,
    LOOK_UP,
    PUT,
    TICKET,
    Script,
    keys_of,
)
from txregistry.deferreds import deferred
from txregistry.errors import DigestInvalid
from txregistry.interfaces import IBlobDescriptorCache, Stored, Ticket
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName

_log = Logger()

#: Where Redis can't be asked, it isn't told either.
_NONE = Ticket(None)


@implementer(IBlobDescriptorCache)
class RedisDescriptorCache:
    """
    Remembers which blobs repositories have, for all who use the same Redis.

    When a delete could not be told, Redis is not asked before everything in it has been
    forgotten.

    :param connections: to Redis.
    :param debt: whether Redis has still to be told of a delete.
    """

    def __init__(self, connections: Connections, debt: Debt, counts: Counts | None = None) -> None:
        self._connections = connections
        self._debt = debt
        self._counts = counts or Counts()
        self._paying = False
        self._trouble = ""

    def look_up(self, name: RepositoryName, digest: Digest) -> Deferred[Stored | Ticket]:
        self._counts.request()
        return self._found(LOOK_UP, keys_of(name, digest), digest)

    @deferred
    async def ticket(self, name: RepositoryName) -> Ticket:
        found = await self._found(TICKET, keys_of(name))
        return found if isinstance(found, Ticket) else _NONE

    @deferred
    async def put(self, name: RepositoryName, stored: Stored, ticket: Ticket) -> None:
        if ticket.epoch is None:
            return
        facts = stored.descriptor
        await self._asked(
            PUT,
            keys_of(name, facts.digest),
            lambda _: [*ticket.epoch, facts.digest, stored.target, facts.size, facts.media_type],
        )

    @deferred
    async def clear(self, name: RepositoryName, digest: Digest) -> None:
        try:
            await self._run(CLEAR, keys_of(name, digest), lambda _: [digest], urgent=True)
        except Exception as error:
            if not self._debt.owed:
                _log.warn("Redis could not be told of a delete; until it can it is asked nothing")
            # At once: from now on no process of this machine asks Redis.
            self._debt.owe()
            if isinstance(error, CancelledError):
                raise
            self._failed(CLEAR, error)

    @deferred
    async def _found(
        self, script: Script, keys: Sequence[str], digest: Digest | None = None
    ) -> Stored | Ticket:
        answer = await self._asked(
            script, keys, lambda run_id: [f"{run_id}-{_random()}", _random(), digest or ""]
        )
        if answer is None:
            return _NONE
        try:
            found = _read(answer.decode(), digest)
        except (ValueError, DigestInvalid) as error:
            self._failed(script, error)
            return _NONE
        if isinstance(found, Stored):
            self._counts.hit()
        return found

    async def _asked(
        self, script: Script, keys: Sequence[str], arguments: Arguments
    ) -> bytes | None:
        """:return: what Redis says, or nothing: nothing that it does may fail a request."""
        try:
            if self._debt.owed and not await self._pay():
                return None
            return await self._run(script, keys, arguments)
        except CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - Redis may do whatever it likes
            self._failed(script, error)
            return None

    async def _pay(self) -> bool:
        """
        Let everything in Redis be forgotten.

        :return: whether Redis may be asked again.
        """
        if self._paying:
            return False
        self._paying = True
        try:
            owed = self._debt.owed
            await self._run(CLEAR_ALL, [GENERATION], lambda _: [], urgent=True)
            self._debt.pay(owed)
        finally:
            self._paying = False
        _log.info("Redis could not be told of a delete, and has now forgotten everything")
        return True

    def _run(
        self, script: Script, keys: Sequence[str], arguments: Arguments, *, urgent: bool = False
    ) -> Deferred[bytes]:
        answer = self._connections.run(script, keys, arguments, urgent=urgent)
        return self._counts.timed(script.name, answer)

    def _failed(self, script: Script, error: Exception) -> None:
        self._counts.error()
        # The connections tell in the log how they are.
        text = f"{script.name}: {error}"
        if (
            not isinstance(error, RedisUnavailable | txredisapi.ConnectionError)
            and text != self._trouble
        ):
            self._trouble = text
            _log.warn("Redis: {trouble}; storage is asked instead", trouble=text)


def _random() -> str:
    return os.urandom(16).hex()


def _read(answer: str, digest: Digest | None) -> Stored | Ticket:
    """
    :param digest: what was asked for.
    :raises ValueError: if the answer is none.
    :raises DigestInvalid: if there is another thing where a digest should be.
    """
    match answer.split(" ", 4):
        case ["ticket", generation, epoch]:
            return Ticket((generation, epoch))
        case ["stored", _, target, size, media_type] if digest is not None and size.isdecimal():
            return Stored(Descriptor(media_type, digest, int(size)), Digest.parse(target))
        case _:
            raise ValueError("an answer that nobody understands")
