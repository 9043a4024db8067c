"""
Whatever Redis does, nobody waits longer than its time limit, and nobody fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet import reactor
from twisted.internet.defer import gatherResults
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from tests.cache.redis.conftest import Connect, MakeServer
from tests.cache.redis.server import RedisServer
from tests.daemon import free_port
from txregistry.cache.epochs import shared_cells
from txregistry.cache.redis.connections import MOST_WAITING
from txregistry.cache.redis.settings import Login
from txregistry.interfaces import Stored, Ticket
from txregistry.testing.cache import DIGEST, HERE, STORED, THERE, has, put

SECRET = "hunter2"


@pytest.fixture
def told() -> Iterator[list[str]]:
    """
    What is logged, whole, at whatever level.
    """
    lines: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        lines.append(f"{formatEvent(event)} {event.get('log_failure')}")

    globalLogPublisher.addObserver(observe)
    yield lines
    globalLogPublisher.removeObserver(observe)
    assert SECRET not in "\n".join(lines)


class RefusalTests:
    """
    Redis isn't there, or doesn't want us.
    """

    async def test_refused(self, server: RedisServer, connect: Connect, told: list[str]) -> None:
        """
        With no connection a look is a miss at once, and nothing queues up.
        """
        server.kill()
        user = await connect(server, wait=False)
        for _ in range(3):
            looks = [user.cache.look_up(HERE, DIGEST) for _ in range(1000)]
            assert all(look.called for look in looks)
            assert await gatherResults(looks) == [Ticket(None)] * 1000
            await user.sleep(0.3)
        assert user.errors == 3000
        assert (await user.cache.ticket(HERE)).epoch is None
        await user.cache.put(HERE, STORED, Ticket(None))
        about = [line for line in told if line.startswith("Redis at")]
        assert len(about) == 1
        assert "can't be reached" in about[0]
        server.start()
        await user.connected()
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)

    async def test_password(
        self, make_server: MakeServer, connect: Connect, told: list[str]
    ) -> None:
        """
        With the password we are let in.
        """
        server = make_server({"requirepass": SECRET})
        user = await connect(server, login=Login(password=SECRET))
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)
        assert SECRET not in repr(user.settings)

    async def test_user(self, make_server: MakeServer, connect: Connect, told: list[str]) -> None:
        """
        With a name and a password too, and that user need not be allowed much.
        """
        rights = "+@connection +eval +evalsha +info +get +set +del +expire +sismember +hmget"
        rights += " +hmset +hsetnx +sadd +srem +hdel"
        keys = "~blobs::* ~repository::* ~txregistry::*"
        server = make_server({"user": f"registry on >{SECRET} {keys} {rights}"})
        user = await connect(server, login=Login(username="registry", password=SECRET))
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)
        await user.cache.clear(HERE, DIGEST)
        assert not await has(user.cache, HERE, DIGEST)
        assert user.errors == 0

    @pytest.mark.parametrize("password", ["", f"not {SECRET}"])
    async def test_wrong_password(
        self, make_server: MakeServer, connect: Connect, told: list[str], password: str
    ) -> None:
        """
        With a wrong one everything is a miss; when it becomes right, it works by itself.
        """
        server = make_server({"requirepass": "another"})
        user = await connect(server, wait=False, login=Login(password=password or SECRET))
        await user.sleep(1.0)
        assert user.alive == 0
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
        about = [line for line in told if line.startswith("Redis at")]
        assert len(about) == 1
        assert "can't be used: doesn't take the password" in about[0]
        server.password = "another"
        server.command("CONFIG", "SET", "requirepass", password or SECRET)
        await user.connected()
        await put(user.cache, HERE, STORED)

    async def test_no_password(
        self, make_server: MakeServer, connect: Connect, told: list[str]
    ) -> None:
        """
        Where one is wanted and we have none, that is said.
        """
        server = make_server({"requirepass": "another"})
        user = await connect(server, wait=False)
        await user.until(lambda: any("NOAUTH" in line for line in told))
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)

    async def test_no_redis(self, connect: Connect, told: list[str]) -> None:
        """
        Where something else answers, everything is a miss.
        """

        class Babbler(Protocol):
            def dataReceived(self, data: bytes) -> None:
                assert self.transport is not None
                self.transport.write(b"$-9\r\n\xff\xfe\r\n*x\r\n:\xff\r\n" * 3)

        listening: Any = reactor
        port = listening.listenTCP(0, Factory.forProtocol(Babbler), interface="127.0.0.1")
        server = RedisServer(Path("/bin/false"), Path("/"))
        server.port = port.getHost().port
        user = await connect(server, wait=False, reply_timeout=0.1)
        await user.until(lambda: any(line.startswith("Redis at") for line in told))
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
        await user.connections.stop()
        await port.stopListening()

    async def test_unknown_host(self, connect: Connect, told: list[str]) -> None:
        """
        A host that nobody knows is one that can't be reached.
        """
        server = RedisServer(Path("/bin/false"), Path("/"))
        user = await connect(
            server, wait=False, addresses=[("nowhere.invalid", free_port())], connect_timeout=0.5
        )
        await user.until(lambda: any("can't be reached" in line for line in told))
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)


class RestartTests:
    """
    Redis goes, and comes back.
    """

    async def test_killed(self, server: RedisServer, connect: Connect, told: list[str]) -> None:
        """
        When it is killed looks are misses at once, and when it is back it is used again.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.kill()
        await user.until(lambda: user.alive == 0)
        assert user.cache.look_up(HERE, DIGEST).called
        server.start()
        await user.connected()
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)
        assert sum("is lost" in line for line in told) == 1
        assert sum("connected to Redis" in line for line in told) == 2

    async def test_killed_while_asked(self, server: RedisServer, connect: Connect) -> None:
        """
        Who waits when it is killed goes to the storage.
        """
        user = await connect(server)
        server.pause()
        looks = [user.cache.look_up(HERE, DIGEST) for _ in range(10)]
        server.kill()
        assert await gatherResults(looks) == [Ticket(None)] * 10

    async def test_old_disk(self, make_server: MakeServer, connect: Connect) -> None:
        """
        What a restarted Redis reads from its disk is not believed: it may be older than a delete.
        """
        server = make_server()
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        await put(user.cache, THERE, STORED)
        ticket = await user.cache.ticket(HERE)
        server.command("SAVE")
        await user.cache.clear(HERE, DIGEST)
        server.kill()
        await user.until(lambda: user.alive == 0)
        server.start()
        await user.connected()
        assert server.command("SISMEMBER", f"repository::{HERE}::blobs", str(DIGEST)) == b":1\r\n"
        await user.cache.put(HERE, STORED, ticket)
        assert not await has(user.cache, HERE, DIGEST)
        assert not await has(user.cache, THERE, DIGEST)
        await put(user.cache, THERE, STORED)
        assert await has(user.cache, THERE, DIGEST)

    async def test_flushed(self, server: RedisServer, connect: Connect) -> None:
        """
        When everything is flushed in the middle of a push, the push is put the next time.
        """
        user = await connect(server)
        ticket = await user.cache.ticket(HERE)
        server.command("FLUSHALL")
        await user.cache.put(HERE, STORED, ticket)
        assert not await has(user.cache, HERE, DIGEST)
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)
        assert user.errors == 0

    async def test_nothing_piles_up(self, server: RedisServer, connect: Connect) -> None:
        """
        Connections that were lost are not remembered.
        """
        user = await connect(server)
        for _ in range(5):
            server.command("CLIENT", "KILL", "TYPE", "normal")
            await user.until(lambda: user.alive == 0)
            await user.connected()
        assert len(user.connections._factory.connectionQueue.pending) == user.alive


class SlownessTests:
    """
    Redis takes its time.
    """

    async def test_stands_still(
        self, server: RedisServer, connect: Connect, told: list[str]
    ) -> None:
        """
        It is waited for once, for its time limit, and then no more until it goes on.
        """
        user = await connect(server, reply_timeout=0.3)
        await put(user.cache, HERE, STORED)
        server.pause()
        looks = gatherResults([user.cache.look_up(HERE, DIGEST) for _ in range(50)])
        found, seconds = await user.lasts(looks)
        assert found == [Ticket(None)] * 50
        assert 0.2 < seconds < 0.8
        await user.until(lambda: user.alive == 0)
        for _ in range(20):
            _, seconds = await user.lasts(user.cache.look_up(HERE, DIGEST))
            assert seconds < 0.1
            await user.sleep(0.05)
        server.resume()
        await user.connected()
        assert await has(user.cache, HERE, DIGEST)

    async def test_password_takes_long(self, make_server: MakeServer, connect: Connect) -> None:
        """
        A Redis that is too slow to take the password isn't given up.
        """
        server = make_server({"requirepass": SECRET})
        server.pause()
        user = await connect(server, wait=False, login=Login(password=SECRET), reply_timeout=0.1)
        await user.sleep(1.0)
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
        server.resume()
        await user.connected()

    async def test_who_asked_goes_away(self, server: RedisServer, connect: Connect) -> None:
        """
        The answer to who has gone away is given to nobody else.
        """
        user = await connect(server, connections=1)
        await put(user.cache, HERE, STORED)
        gone = user.cache.look_up(HERE, DIGEST)
        gone.addErrback(lambda _: None)
        other = user.cache.look_up(THERE, DIGEST)
        third = user.cache.look_up(HERE, DIGEST)
        gone.cancel()
        assert isinstance(await other, Ticket)
        assert isinstance(await third, Stored)
        assert user.errors == 0

    async def test_exhausted(self, server: RedisServer, connect: Connect) -> None:
        """
        When too many wait on all connections the rest goes to the storage at once; a delete is
        told all the same.
        """
        user = await connect(server, connections=2, reply_timeout=5.0)
        await put(user.cache, HERE, STORED)
        server.pause()
        looks = [user.cache.look_up(HERE, DIGEST) for _ in range(3 * MOST_WAITING)]
        missed = [look for look in looks if look.called]
        assert len(missed) == MOST_WAITING
        assert user.waiting == 2 * MOST_WAITING
        clearing = user.cache.clear(HERE, DIGEST)
        server.resume()
        await clearing
        assert user.errors == MOST_WAITING
        assert not user.debt.owed
        await gatherResults(looks)
        assert not await has(user.cache, HERE, DIGEST)

    async def test_stop(self, server: RedisServer, connect: Connect) -> None:
        """
        An end doesn't wait for a Redis that stands still, and who waits goes to the storage.
        """
        user = await connect(server, reply_timeout=60.0)
        server.pause()
        look = user.cache.look_up(HERE, DIGEST)
        _, seconds = await user.lasts(user.connections.stop())
        assert seconds < 1.0
        assert await look == Ticket(None)


class DebtTests:
    """
    Redis could not be told of a delete.
    """

    async def test_paid(self, server: RedisServer, connect: Connect) -> None:
        """
        Nobody of this machine finds what was deleted when Redis is there again, whoever of them
        is first; nor does another machine from then on.
        """
        cells = shared_cells_of(server)
        deleting = await connect(server, cells=cells, reply_timeout=0.2)
        other = await connect(server, cells=cells)
        elsewhere = await connect(server)
        await put(deleting.cache, HERE, STORED)
        server.pause()
        await deleting.cache.clear(HERE, DIGEST)
        assert other.debt.owed
        server.resume()
        assert not await has(other.cache, HERE, DIGEST)
        assert not other.debt.owed
        assert not await has(elsewhere.cache, HERE, DIGEST)
        await deleting.connected()
        await put(deleting.cache, HERE, STORED)
        for user in (deleting, other, elsewhere):
            assert await has(user.cache, HERE, DIGEST)

    async def test_owed_meanwhile(self, server: RedisServer, connect: Connect) -> None:
        """
        As long as something is owed nobody asks.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.kill()
        await user.until(lambda: user.alive == 0)
        await user.cache.clear(HERE, DIGEST)
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
        assert user.debt.owed
        server.start()
        await user.connected()
        assert not await has(user.cache, HERE, DIGEST)
        assert not user.debt.owed

    async def test_late(self, server: RedisServer, connect: Connect) -> None:
        """
        What was on its way while something was owed is refused.
        """
        user, other = await connect(server, reply_timeout=0.2), await connect(server)
        ticket = await other.cache.ticket(HERE)
        server.pause()
        await user.cache.clear(HERE, DIGEST)
        server.resume()
        await user.connected()
        await user.cache.ticket(HERE)
        assert not user.debt.owed
        await other.cache.put(HERE, STORED, ticket)
        assert not await has(other.cache, HERE, DIGEST)

    async def test_paid_once(self, server: RedisServer, connect: Connect) -> None:
        """
        Many who ask at the same time pay once.
        """
        user = await connect(server)
        user.debt.owe()
        looks = [user.cache.look_up(HERE, DIGEST) for _ in range(10)]
        found = await gatherResults(looks)
        assert sum(each == Ticket(None) for each in found) == 9
        calls = [labels["operation"] for _, labels in user.metrics.observed]
        assert calls.count("ClearAll") == 1


def shared_cells_of(server: RedisServer) -> Any:
    """
    Memory that processes of one machine share.
    """
    file = server.directory / "epochs"
    file.write_bytes(bytes(8 * 4096))
    return shared_cells(str(file))
