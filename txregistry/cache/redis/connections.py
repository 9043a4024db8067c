"""
The connections to Redis.

txredisapi opens them, keeps them open and speaks the protocol.  What it would do otherwise than
we want is done here: it hands out connections that aren't there yet, so that callers wait for an
end of the outage; and it gives up for good when a server doesn't take the password in time.
"""
# txredisapi has no types, nor have all of Twisted's calls.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import txredisapi
from attrs import frozen
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.cache.redis.login import log_in
from txregistry.cache.redis.scripts import GENERATION, GREET, Script
from txregistry.cache.redis.sentinel import SentinelEndpoint
from txregistry.cache.redis.settings import RedisSettings
from txregistry.deferreds import deferred

MOST_WAITING: Final = 128
"""How many commands may wait for their answers on one connection."""

_STOPPED: Final = "stopped"
"""What is no trouble, and nobody is told."""

#: Makes the arguments of a script from the run_id of Redis.
Arguments = Callable[[str], Sequence[object]]

_log = Logger()


class RedisUnavailable(Exception):
    """
    Redis can't be asked just now.
    """


class RedisConnection(txredisapi.RedisProtocol):  # type: ignore[misc]  # has no types
    """
    One connection.

    :ivar run_id: by which Redis is known until it is restarted.
    """

    run_id = ""
    _why = ""

    def connectionMade(self) -> None:
        """Introduce ourselves; only then can the connection be used."""
        self._greet().addCallbacks(
            lambda _: super(RedisConnection, self).connectionMade(), self._rejected
        )

    def dataReceived(self, data: bytes, unpause: bool = False) -> None:
        """Read answers; what is no Redis says things that txredisapi can't read."""
        try:
            super().dataReceived(data, unpause)
        except Exception as error:  # noqa: BLE001 - whatever it stumbles over, it is the other's
            self.factory.told(f"answers that nobody understands: {error!r}")
            self.transport.abortConnection()

    def connectionLost(self, why: Failure) -> None:
        """Whoever waits gets an error, and storage is asked from now on."""
        self._why = why.getErrorMessage()
        if self.run_id:
            self.factory.told(f"is lost: {self._why}")
        super().connectionLost(why)

    @property
    def waiting(self) -> int:
        """How many answers are waited for."""
        return len(self.replyQueue.waiting)

    @deferred
    async def run(self, script: Script, keys: Sequence[str], arguments: Sequence[object]) -> bytes:
        """
        Run a script.

        :raises RedisError: if Redis doesn't answer, or answers that it can't.
        """
        rest = (len(keys), *keys, *arguments)
        try:
            reply = await self.execute_command("EVALSHA", script.sha1, *rest)
        except txredisapi.ResponseError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
            reply = await self.execute_command("EVAL", script.text, *rest)
        if not isinstance(reply, bytes):
            raise txredisapi.InvalidResponse(f"{script.name}: a {type(reply).__name__}")
        return reply

    @deferred
    async def _greet(self) -> None:
        settings: RedisSettings = self.factory.settings
        await log_in(self, settings.login)
        if settings.database:
            await self.execute_command("SELECT", settings.database)
        if settings.master and (await self.execute_command("ROLE"))[0] != b"master":
            raise RedisUnavailable("is no master")
        self.run_id = _run_id(await self.execute_command("INFO", "server"))
        await self.run(GREET, [GENERATION], [self.run_id])

    def _rejected(self, failure: Failure) -> None:
        self.factory.told(f"can't be used: {self._why or failure.getErrorMessage()}")
        self.transport.abortConnection()


def _run_id(info: bytes) -> str:
    for line in info.decode("utf-8", "replace").splitlines():
        name, _, value = line.partition(":")
        if name == "run_id" and value.strip():
            return value.strip()
    raise RedisUnavailable("doesn't tell its run_id")


class _Factory(txredisapi.RedisFactory):  # type: ignore[misc]  # has no types
    """
    Keeps connections open.

    :ivar pool: those that can be used.
    """

    protocol = RedisConnection
    initialDelay = 0.2  # noqa: N815 - txredisapi's name
    maxDelay = 5.0  # noqa: N815 - the same

    def __init__(self, settings: RedisSettings, told: Callable[[str], None]) -> None:
        # Of the password only the connections know: txredisapi stops for good when a server
        # is too slow to take it.
        super().__init__(
            None,
            None,
            settings.connections,
            isLazy=True,
            charset=None,
            replyTimeout=settings.reply_timeout,
            convertNumbers=False,
        )
        self.settings = settings
        self.told = told

    def addConnection(self, conn: RedisConnection) -> None:  # noqa: N802 - txredisapi calls it
        """A connection can be used."""
        super().addConnection(conn)
        if conn in self.pool:
            self.told("")

    def delConnection(self, conn: RedisConnection) -> None:  # noqa: N802 - txredisapi calls it
        """A connection is lost."""
        super().delConnection(conn)
        # Nobody takes connections from this queue here, so nobody would find those that are dead.
        with suppress(ValueError):
            self.connectionQueue.remove(conn)


@implementer(IStreamClientEndpoint)
@frozen
class _Noticed:
    """
    An endpoint of which it is told when it can't connect.
    """

    _endpoint: IStreamClientEndpoint
    _told: Callable[[str], None]

    def connect(
        self,
        protocolFactory: IProtocolFactory,  # noqa: N803 - the interface's name
    ) -> Deferred[IProtocol]:
        return self._endpoint.connect(protocolFactory).addErrback(self._failed)

    def _failed(self, failure: Failure) -> Failure:
        if not failure.check(CancelledError):
            self._told(f"can't be reached: {failure.getErrorMessage()}")
        return failure


class Connections:
    """
    All connections of this process.

    :param reactor: on which they run.
    :param settings: where they lead to.
    """

    def __init__(self, reactor: Any, settings: RedisSettings) -> None:
        self._endpoint = _Noticed(_endpoint(reactor, settings), self._told)
        self._factory = _Factory(settings, self._told)
        self._shown = ", ".join(f"{host}:{port}" for host, port in settings.addresses)
        self._trouble: str | None = None

    def start(self) -> None:
        """Begin to connect."""
        self._factory.startConnecting(self._endpoint)

    @deferred
    async def stop(self) -> None:
        """Close all connections, whatever is still waited for.  May be called twice."""
        if self._trouble == _STOPPED:
            return
        self._trouble = _STOPPED
        for connection in list(self._factory.pool):
            connection.transport.abortConnection()
        await self._factory.disconnect()

    def run(
        self,
        script: Script,
        keys: Sequence[str],
        arguments: Arguments,
        *,
        urgent: bool = False,
    ) -> Deferred[bytes]:
        """
        Run a script at once, or not at all.

        :param urgent: whether it is to be done however many others wait.
        :return: fires with what it returns.
        :raises RedisUnavailable: if there is no connection, or too many wait on each.
        :raises RedisError: if Redis doesn't answer in time, or answers that it can't.
        """
        alive = [each for each in self._factory.pool if each.connected]
        if not alive:
            return fail(RedisUnavailable("not connected"))
        connection: RedisConnection = min(alive, key=lambda each: each.waiting)
        if connection.waiting >= MOST_WAITING and not urgent:
            return fail(RedisUnavailable("too many wait for answers"))
        return connection.run(script, keys, arguments(connection.run_id))

    def _told(self, trouble: str) -> None:
        """Log how it is, when that changes."""
        if self._trouble in (trouble, _STOPPED):
            return
        self._trouble = trouble
        if trouble:
            _log.warn(
                "Redis at {address} {trouble}; storage is asked instead",
                address=self._shown,
                trouble=trouble,
            )
        else:
            _log.info("connected to Redis at {address}", address=self._shown)


def _endpoint(reactor: Any, settings: RedisSettings) -> IStreamClientEndpoint:
    if settings.master:
        return SentinelEndpoint(reactor, settings)
    ((host, port),) = settings.addresses
    endpoint = HostnameEndpoint(reactor, host, port, timeout=settings.connect_timeout)
    return endpoint if settings.tls is None else wrapClientTLS(settings.tls(host), endpoint)
