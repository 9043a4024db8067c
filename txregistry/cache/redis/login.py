"""
Saying who we are, to a Redis or a sentinel.
"""

from __future__ import annotations

from typing import Any

import txredisapi

from txregistry.cache.redis.settings import Login


async def log_in(connection: Any, login: Login) -> None:
    """
    :param connection: a connection of txredisapi.
    :raises RedisError: if we are not let in.
    """
    if not login.password:
        return
    names = (login.username,) if login.username else ()
    try:
        await connection.execute_command("AUTH", *names, login.password)
    except txredisapi.ResponseError:
        # What Redis says to that may repeat the password.
        raise txredisapi.RedisError("doesn't take the password") from None
