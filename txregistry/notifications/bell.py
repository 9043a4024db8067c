"""
How the one that delivers is woken, by whichever process has put something into the outbox.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from twisted.internet.interfaces import IDelayedCall, IReadDescriptor
from zope.interface import implementer

_RING: Final = b"!"

REST_SECONDS: Final = 0.02
"""How long it isn't listened for after it rang: rings of that time are one."""


class BellRope:
    """
    Rings a bell.  Where nobody listens, nothing happens: whoever delivers looks from time to time.

    :param path: of its socket.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._directory, self._name = os.path.split(path)
        self._descriptor = -1
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def ring(self) -> None:
        """Wake who listens."""
        try:
            if self._descriptor < 0:
                self._descriptor = _opened(self._directory)
            self._socket.sendto(_RING, _short(self._descriptor, self._name))
        except BlockingIOError:
            pass  # it rings already
        except OSError:
            self._let_go()  # perhaps the directory is another one now

    def close(self) -> None:
        """Ring no more."""
        self._let_go()
        self._socket.close()

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


@implementer(IReadDescriptor)
class Bell:
    """
    Listens for the bell.

    :param reactor: watches the socket, and has the time.
    :param path: of the socket.
    :param woken: called when it rings.
    """

    def __init__(self, reactor: Any, path: str, woken: Callable[[], None]) -> None:
        self._reactor = reactor
        self._path = path
        self._woken = woken
        self._socket: socket.socket | None = None
        self._inode = 0
        self._rest: IDelayedCall | None = None

    def listen(self) -> bool:
        """
        Listen from now on, instead of whoever did before.

        :return: whether that is possible.
        """
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        made.setblocking(False)
        try:
            with suppress(FileNotFoundError):
                os.unlink(self._path)
            directory, name = os.path.split(self._path)
            descriptor = _opened(directory)
            try:
                made.bind(_short(descriptor, name))
            finally:
                os.close(descriptor)
            os.chmod(self._path, 0o600)
            inode = os.stat(self._path).st_ino
        except OSError:
            made.close()
            return False
        self.stop()
        self._socket, self._inode = made, inode
        self._reactor.addReader(self)
        return True

    def hears(self) -> bool:
        """:return: whether it is listened, and nobody has removed the socket."""
        if self._socket is None:
            return False
        try:
            return os.stat(self._path).st_ino == self._inode
        except OSError:
            return False

    def stop(self) -> None:
        """Listen no more."""
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        if self._socket is not None:
            self._reactor.removeReader(self)
            self._socket.close()
            self._socket = None

    def fileno(self) -> int:
        """:return: the descriptor to watch."""
        return -1 if self._socket is None else self._socket.fileno()

    def doRead(self) -> None:
        """It rang."""
        if self._socket is not None:
            with suppress(BlockingIOError):
                while True:
                    self._socket.recv(16)
            self._reactor.removeReader(self)
            self._rest = self._reactor.callLater(REST_SECONDS, self._listen_again)
            self._woken()

    def _listen_again(self) -> None:
        self._rest = None
        self._reactor.addReader(self)

    def connectionLost(self, reason: Any) -> None:
        """The reactor ends."""
        self.stop()

    def logPrefix(self) -> str:
        """:return: what it is called in logs."""
        return "bell"


def _opened(directory: str) -> int:
    return os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)


def _short(directory: int, name: str) -> str:
    """
    Name a socket by a descriptor of its directory: the name of a socket may have 107 bytes only.
    """
    return f"/proc/self/fd/{directory}/{name}"
