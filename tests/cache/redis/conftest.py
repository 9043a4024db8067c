"""
Real servers, and caches in them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor

from tests.cache.redis.server import RedisServer
from tests.cache.redis.users import User
from txregistry.cache.epochs import Cells, Debt, private_cells
from txregistry.cache.redis.settings import RedisSettings

MakeServer = Callable[..., RedisServer]
Connect = Callable[..., Coroutine[Any, Any, User]]


@pytest.fixture
def make_server(component: Callable[..., Path], tmp_path: Path) -> Iterator[MakeServer]:
    """
    Makes servers, with the arguments of ``RedisServer`` after the directory, and starts them.
    """
    program = component("redis-server")
    made: list[RedisServer] = []

    def make(*args: Any, **kwargs: Any) -> RedisServer:
        server = RedisServer(program, tmp_path / f"redis{len(made)}", *args, **kwargs)
        made.append(server)
        return server.start()

    yield make
    for server in made:
        server.kill()


@pytest.fixture
def server(make_server: MakeServer) -> RedisServer:
    """
    An empty server.
    """
    return make_server()


@pytest_twisted.async_yield_fixture
async def connect() -> AsyncIterator[Connect]:
    """
    Lets a process use a server; what is given besides are settings.
    """
    made: list[User] = []

    async def make(
        server: RedisServer, *, wait: bool = True, cells: Cells | None = None, **settings: Any
    ) -> User:
        settings.setdefault("addresses", [("127.0.0.1", server.port)])
        settings.setdefault("connections", 2)
        debt = Debt(private_cells() if cells is None else cells)
        user = User(reactor, RedisSettings(**settings), debt)
        made.append(user)
        user.connections.start()
        if wait:
            await user.connected()
        return user

    yield make
    for user in made:
        await user.connections.stop()
