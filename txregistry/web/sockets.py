"""
What there is to know of listening sockets, whoever makes them.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import Final

BACKLOG: Final = 1024
ANY: Final = "::"
"""Every address of this machine."""

NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})
"""What it means where there is none."""


def remove_stale(path: str | bytes) -> None:
    """
    Remove the file of a unix socket on which nobody listens: its owner was killed.

    :raises OSError: if there is anything else.
    """
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(errno.EEXIST, "not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # somebody listens, and is busy
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
