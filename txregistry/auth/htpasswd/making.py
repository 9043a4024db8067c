"""
A file of passwords is made where there is none.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import Final

from twisted.logger import Logger

from txregistry.auth.htpasswd.hashes import new_hash

USER: Final = "docker"
COST: Final = 10

_log = Logger(__name__)


def make_if_missing(path: str) -> None:
    """
    Make the file, with one user and a password that only the log tells, once.

    Of several processes that do the same one makes it, and only that one tells.  Blocks.

    :raises OSError: if that can't be.
    """
    if os.path.lexists(path):
        return
    directory = os.path.dirname(os.path.abspath(path))
    os.makedirs(directory, mode=0o700, exist_ok=True)
    password = secrets.token_urlsafe(32)
    line = f"{USER}:{new_hash(password.encode('ascii'), COST).decode('ascii')}\n"
    own = os.path.join(directory, f".{os.path.basename(path)}.{secrets.token_hex(8)}")
    try:
        with open(own, "xb", opener=_private) as file:
            file.write(line.encode("ascii"))
            os.fsync(file.fileno())
        # Whoever is second finds that there is one, and nobody finds a half of one.
        with suppress(FileExistsError):
            os.link(own, path)
            _log.warn(
                "{path} was missing; it has the user {user} now, whose password is {password}",
                path=path,
                user=USER,
                password=password,
            )
    finally:
        with suppress(OSError):
            os.unlink(own)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
