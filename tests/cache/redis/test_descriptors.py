"""
The cache in a real Redis: what lies there, and who is believed.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import Deferred

from tests.cache.redis.conftest import Connect, MakeServer
from tests.cache.redis.server import RedisServer
from tests.cache.redis.users import User
from txregistry.interfaces import Stored, Ticket
from txregistry.model.descriptor import Descriptor
from txregistry.model.digest import Digest
from txregistry.testing.cache import (
    DIGEST,
    HERE,
    STORED,
    THERE,
    DescriptorCacheContract,
    Sharing,
    has,
    put,
)

SET = f"repository::{HERE}::blobs"
OWN = f"{SET}::{DIGEST}"
ALL = f"blobs::{DIGEST}"


def wait(coroutine: Coroutine[Deferred[Any], Any, User]) -> User:
    """
    Wait for what a fixture needs.
    """
    user: User = pytest_twisted.blockon(Deferred.fromCoroutine(coroutine))
    return user


class OneProcessTests(DescriptorCacheContract):
    """
    One process.
    """

    @pytest.fixture
    def sharing(self, server: RedisServer, connect: Connect) -> Sharing:
        """
        The same twice.
        """
        cache = wait(connect(server)).cache
        return cache, cache


class SeveralProcessesTests(DescriptorCacheContract):
    """
    Processes that share nothing but Redis.
    """

    @pytest.fixture
    def sharing(self, server: RedisServer, connect: Connect) -> Sharing:
        """
        Two of them.
        """
        return wait(connect(server)).cache, wait(connect(server)).cache


class SchemaTests:
    """
    What lies in Redis.
    """

    async def test_keys(self, server: RedisServer, connect: Connect) -> None:
        """
        A blob lies there as distribution 3 wants to find it.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        assert server.command("SISMEMBER", SET, str(DIGEST)) == b":1\r\n"
        assert server.command("HGET", OWN, "mediatype") == b"$24\r\napplication/octet-stream\r\n"
        assert server.command("HGET", ALL, "digest") == b"$71\r\n%s\r\n" % str(DIGEST).encode()
        assert server.command("HGET", ALL, "size") == b"$1\r\n6\r\n"
        assert server.command("HGET", ALL, "mediatype") == b"$24\r\napplication/octet-stream\r\n"
        assert server.command("HLEN", ALL) == b":3\r\n"
        assert server.command("TTL", ALL) == b":-1\r\n"

    async def test_media_type_stays(self, server: RedisServer, connect: Connect) -> None:
        """
        The media type for all is that of who came first; a repository has its own.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        other = Stored(Descriptor("application/other", DIGEST, 6), DIGEST)
        await put(user.cache, THERE, other)
        assert server.command("HGET", ALL, "mediatype") == b"$24\r\napplication/octet-stream\r\n"
        assert await user.cache.look_up(HERE, DIGEST) == STORED
        assert await user.cache.look_up(THERE, DIGEST) == other

    async def test_cleared(self, server: RedisServer, connect: Connect) -> None:
        """
        A delete leaves nothing of the blob there.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        await user.cache.clear(HERE, DIGEST)
        for key in (SET, OWN, ALL):
            assert server.command("EXISTS", key) == b":0\r\n"

    async def test_database(self, server: RedisServer, connect: Connect) -> None:
        """
        Another database is another cache.
        """
        user = await connect(server, database=3)
        await put(user.cache, HERE, STORED)
        assert server.command("DBSIZE") == b":0\r\n"
        assert not await has((await connect(server)).cache, HERE, DIGEST)
        assert await has((await connect(server, database=3)).cache, HERE, DIGEST)

    async def test_epochs_pass(self, server: RedisServer, connect: Connect) -> None:
        """
        Epochs of repositories that nobody asks for are forgotten; who comes late is refused.
        """
        user = await connect(server)
        ticket = await user.cache.ticket(HERE)
        key = f"txregistry::epoch::{HERE}"
        assert int(server.command("TTL", key)[1:]) > 3600
        server.command("DEL", key)
        await user.cache.put(HERE, STORED, ticket)
        assert not await has(user.cache, HERE, DIGEST)

    async def test_counted(self, server: RedisServer, connect: Connect) -> None:
        """
        Requests and hits are counted, and how long Redis takes.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        await user.cache.look_up(HERE, DIGEST)
        assert (user.metrics.of_cache("requests"), user.metrics.of_cache("hits")) == (2, 1)
        name, operation = "registry_storage_cache_redis_seconds", {"operation": "Stat"}
        assert user.metrics.observed.count((name, operation)) == 2
        assert user.errors == 0


class BeliefTests:
    """
    A hit needs everything that distribution needs, and our stamp.
    """

    @pytest.mark.parametrize(
        "command",
        [
            ["DEL", SET],
            ["SREM", SET, str(DIGEST)],
            ["DEL", OWN],
            ["HDEL", OWN, "mediatype"],
            ["HDEL", OWN, "txregistry"],
            ["HSET", OWN, "txregistry", "x"],
            ["HSET", OWN, "txregistry", ""],
            ["DEL", ALL],
            ["HDEL", ALL, "size"],
            ["HDEL", ALL, "digest"],
            ["DEL", "txregistry::generation"],
            ["FLUSHALL"],
        ],
    )
    async def test_something_missing(
        self, server: RedisServer, connect: Connect, command: list[str]
    ) -> None:
        """
        If anything is missing it is a miss, and can be put again.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.command(*command)
        assert isinstance(await user.cache.look_up(HERE, DIGEST), Ticket)
        await put(user.cache, HERE, STORED)
        assert await user.cache.look_up(HERE, DIGEST) == STORED
        assert user.errors == 0

    async def test_version_2(self, server: RedisServer, connect: Connect) -> None:
        """
        What distribution 2.0 put there is a miss, and no error.
        """
        user = await connect(server)
        server.command("SADD", SET, str(DIGEST))
        server.command("HSET", ALL, "path", "/a/b", "length", "6")
        assert isinstance(await user.cache.look_up(HERE, DIGEST), Ticket)
        await put(user.cache, HERE, STORED)
        assert await user.cache.look_up(HERE, DIGEST) == STORED
        assert user.errors == 0

    async def test_version_3(self, server: RedisServer, connect: Connect) -> None:
        """
        What distribution 3 put there is a miss until storage has been asked: it may have put it
        there after a delete.
        """
        user = await connect(server)
        server.command("SADD", SET, str(DIGEST))
        server.command("HSET", OWN, "mediatype", "a/b")
        server.command("HSET", ALL, "digest", str(DIGEST), "size", "6", "mediatype", "a/b")
        await put(user.cache, HERE, STORED)
        assert await user.cache.look_up(HERE, DIGEST) == STORED

    async def test_deleted_by_distribution(self, server: RedisServer, connect: Connect) -> None:
        """
        What distribution 3.1 removes when it deletes is enough for us not to find it, also when
        another repository's blob is put there again.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.command("SREM", SET, str(DIGEST))
        server.command("DEL", OWN)
        server.command("HDEL", ALL, "digest", "size", "mediatype")
        await put(user.cache, THERE, STORED)
        assert not await has(user.cache, HERE, DIGEST)
        assert await has(user.cache, THERE, DIGEST)

    async def test_revived_by_another(self, server: RedisServer, connect: Connect) -> None:
        """
        A repository that deleted a blob doesn't get it back when another brings the entry for
        all back (CVE-2026-35172).
        """
        first, second = await connect(server), await connect(server)
        await put(first.cache, HERE, STORED)
        await put(first.cache, THERE, STORED)
        await first.cache.clear(HERE, DIGEST)
        assert not await has(second.cache, THERE, DIGEST)
        await put(second.cache, THERE, STORED)
        assert await has(second.cache, THERE, DIGEST)
        for user in (first, second):
            assert not await has(user.cache, HERE, DIGEST)

    @pytest.mark.parametrize("key", [SET, OWN, ALL])
    async def test_wrong_types(self, server: RedisServer, connect: Connect, key: str) -> None:
        """
        What is of a type that it can't be is an error that is counted and a miss; a delete heals
        it.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.command("SET", key, "x")
        assert isinstance(await user.cache.look_up(HERE, DIGEST), Ticket)
        assert user.errors == 1
        await user.cache.clear(HERE, DIGEST)
        assert user.errors == 1
        await put(user.cache, HERE, STORED)
        assert await user.cache.look_up(HERE, DIGEST) == STORED

    @pytest.mark.parametrize(
        "text", ["{g} x 6", "{g} sha256:1 6", "{g} {d} -1", "{g} {d} x", "{g} {d}", "{g} {d} \xff"]
    )
    async def test_wrong_stamps(self, server: RedisServer, connect: Connect, text: str) -> None:
        """
        A stamp that can't be read is an error that is counted, and a miss.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        generation = server.command("GET", "txregistry::generation").split(b"\r\n")[1].decode()
        server.command("HSET", OWN, "txregistry", text.format(g=generation, d=DIGEST))
        found = await user.cache.look_up(HERE, DIGEST)
        assert found == Ticket(None)
        assert user.errors == 1
        await user.cache.put(HERE, STORED, Ticket(None))

    async def test_full(self, server: RedisServer, connect: Connect) -> None:
        """
        A Redis that is full still answers, and is told of deletes.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.command("CONFIG", "SET", "maxmemory", "1")
        assert await user.cache.look_up(HERE, DIGEST) == STORED
        await user.cache.clear(HERE, DIGEST)
        assert user.errors == 0
        assert isinstance(await user.cache.look_up(HERE, DIGEST), Ticket)
        assert user.errors == 1

    async def test_scripts_are_lost(self, server: RedisServer, connect: Connect) -> None:
        """
        A Redis that has forgotten the scripts learns them again.
        """
        user = await connect(server)
        await put(user.cache, HERE, STORED)
        server.command("SCRIPT", "FLUSH")
        assert await user.cache.look_up(HERE, DIGEST) == STORED
        assert user.errors == 0

    async def test_sha512(self, server: RedisServer, connect: Connect) -> None:
        """
        Digests of all algorithms have entries.
        """
        user = await connect(server)
        digest = Digest.of(b"x", "sha512")
        stored = Stored(Descriptor("a/b", digest, 0), digest)
        await put(user.cache, HERE, stored)
        assert await user.cache.look_up(HERE, digest) == stored

    async def test_replica(self, make_server: MakeServer, connect: Connect) -> None:
        """
        A Redis that can't be written to is an error, and everything a miss.
        """
        master = make_server()
        replica = make_server({"replicaof": f"127.0.0.1 {master.port}"})
        user = await connect(replica, wait=False)
        for _ in range(3):
            assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
            await user.cache.clear(HERE, DIGEST)
        assert user.errors == 6
