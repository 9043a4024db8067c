"""
A socket that systemd, or who speaks as it does, has made for us (``sd_listen_fds(3)``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from typing import Final

from txregistry.errors import CannotServe

FIRST_DESCRIPTOR: Final = 3
VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited_socket(environ: MutableMapping[str, str]) -> int | None:
    """
    :param environ: says that there is one.  It is told to us alone, so that what tells it is taken
        out.
    :return: the descriptor of a socket that listens, if we were given one.
    :raises CannotServe: if we were given several, or something else.
    """
    told = {name: environ.pop(name, "") for name in VARIABLES}
    if told["LISTEN_PID"] != str(os.getpid()):
        return None
    if told["LISTEN_FDS"] != "1":
        raise CannotServe(f"LISTEN_FDS={told['LISTEN_FDS']}: there must be exactly one socket")
    os.set_inheritable(FIRST_DESCRIPTOR, False)
    if not _listens(FIRST_DESCRIPTOR):
        raise CannotServe("LISTEN_FDS=1: this is no stream socket that listens")
    return FIRST_DESCRIPTOR


def _listens(descriptor: int) -> bool:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as given:
            return (
                given.type == socket.SOCK_STREAM
                and given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
            )
    except OSError:
        return False
