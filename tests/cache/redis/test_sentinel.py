"""
Redis that is found by sentinels.
"""

from __future__ import annotations

import pytest

from tests.cache.redis.conftest import Connect, MakeServer
from tests.cache.redis.server import RedisServer
from tests.daemon import free_port
from txregistry.cache.redis.settings import Login
from txregistry.interfaces import Ticket
from txregistry.testing.cache import DIGEST, HERE, STORED, has, put

MASTER = "mymaster"


def sentinel(make_server: MakeServer, master: RedisServer, **more: str) -> RedisServer:
    """
    A sentinel that watches a master, and is quick to find it down.
    """
    about = f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 1"
    options = {
        about: "",
        f"sentinel down-after-milliseconds {MASTER}": "300",
        f"sentinel failover-timeout {MASTER}": "3000",
        **more,
    }
    return make_server(options, arguments=["--sentinel"])


class SentinelTests:
    """
    Sentinels.
    """

    async def test_found(self, make_server: MakeServer, connect: Connect) -> None:
        """
        The master that a sentinel names is used.
        """
        master = make_server()
        watching = sentinel(make_server, master)
        user = await connect(watching, master=MASTER)
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)
        assert master.command("EXISTS", f"blobs::{DIGEST}") == b":1\r\n"

    async def test_logins(self, make_server: MakeServer, connect: Connect) -> None:
        """
        Sentinels and the master each have a password of their own.
        """
        master = make_server({"requirepass": "for-the-master"})
        watching = sentinel(
            make_server,
            master,
            requirepass="for-sentinels",
            **{f"sentinel auth-pass {MASTER}": "for-the-master"},
        )
        logins = {
            "login": Login(password="for-the-master"),
            "sentinel_login": Login(password="for-sentinels"),
        }
        user = await connect(watching, master=MASTER, **logins)
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)

    async def test_some_are_down(self, make_server: MakeServer, connect: Connect) -> None:
        """
        One sentinel that answers is enough.
        """
        watching = sentinel(make_server, make_server())
        addresses = [("127.0.0.1", free_port()), ("127.0.0.1", watching.port)]
        user = await connect(watching, master=MASTER, addresses=addresses)
        await put(user.cache, HERE, STORED)

    @pytest.mark.parametrize("name", [MASTER, "another"])
    async def test_not_found(self, make_server: MakeServer, connect: Connect, name: str) -> None:
        """
        Where none answers, or knows the name, everything is a miss.
        """
        watching = sentinel(make_server, make_server())
        if name == MASTER:
            watching.kill()
        user = await connect(watching, master=name, wait=False)
        await user.until(lambda: user.connections._trouble is not None)
        assert "no sentinel knows the master" in str(user.connections._trouble)
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)

    async def test_failover(self, make_server: MakeServer, connect: Connect) -> None:
        """
        When the master dies another takes its place, and nothing from before is believed: the
        other may not have heard of a delete.
        """
        master = make_server()
        replica = make_server({"replicaof": f"127.0.0.1 {master.port}"})
        watching = sentinel(make_server, master)
        user = await connect(watching, master=MASTER)
        await put(user.cache, HERE, STORED)
        await user.until(lambda: replica.command("EXISTS", f"blobs::{DIGEST}") == b":1\r\n")
        await user.until(lambda: b"slaves=1" in watching.command("INFO", "sentinel"))
        master.kill()
        await user.until(lambda: user.alive == 0)
        assert user.cache.look_up(HERE, DIGEST).called
        await user.connected()
        assert replica.command("ROLE").startswith(b"*3\r\n$6\r\nmaster")
        assert not await has(user.cache, HERE, DIGEST)
        await put(user.cache, HERE, STORED)
        assert await has(user.cache, HERE, DIGEST)

    async def test_a_replica_is_no_master(self, make_server: MakeServer, connect: Connect) -> None:
        """
        What a sentinel takes for the master by mistake isn't used if it says that it is none.
        """
        master = make_server()
        user = await connect(sentinel(make_server, master), master=MASTER)
        master.command("REPLICAOF", "127.0.0.1", str(free_port()))
        master.command("CLIENT", "KILL", "TYPE", "normal")
        await user.until(lambda: user.alive == 0)
        await user.until(lambda: "is no master" in str(user.connections._trouble))
        assert await user.cache.look_up(HERE, DIGEST) == Ticket(None)
