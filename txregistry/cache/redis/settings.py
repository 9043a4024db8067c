"""
Where Redis is, and how it is spoken to.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import field, frozen
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

#: Makes the TLS of a connection to a host, whose name or address it verifies.
TLS = Callable[[str], IOpenSSLClientConnectionCreator]


@frozen(kw_only=True)
class Login:
    """
    Who we are.

    :param username: ``""`` for the default user.
    :param password: ``""`` for none at all.
    """

    username: str = ""
    password: str = field(default="", repr=False)


@frozen(kw_only=True)
class RedisSettings:
    """
    All of it.

    :param addresses: host and port of the server, or of each sentinel.
    :param master: the name of the master that sentinels know; ``""`` if there are none.
    :param database: its number.
    :param login: at the server.
    :param sentinel_login: at the sentinels.
    :param connect_timeout: seconds until a connection must be there.
    :param reply_timeout: seconds until an answer must be there.
    :param connections: how many are kept open.
    :param tls: how to speak TLS; ``None`` to speak in the clear.
    """

    addresses: Sequence[tuple[str, int]]
    master: str = ""
    database: int = 0
    login: Login = Login()
    sentinel_login: Login = Login()
    connect_timeout: float = 5.0
    reply_timeout: float = 0.5
    connections: int = 4
    tls: TLS | None = field(default=None, repr=False)
