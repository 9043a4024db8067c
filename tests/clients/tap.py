"""
A tap in the line between a client and the registry, which keeps what each of the two said.

A test with it can tell that a client really took the way that the test is about: that it sent a
range, or tried a mount. It passes bytes on as they come and understands none.
"""

from __future__ import annotations

import re
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

import attrs

__all__ = ["Head", "Tap"]

_METHODS = b"|".join((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE"))
_REQUEST = re.compile(rb"(" + _METHODS + rb") (/\S*) HTTP/1\.1\r\n((?:[^\r\n]+\r\n)*)\r\n")


@attrs.frozen
class Head:
    """
    The head of a request that went by.
    """

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def header(self, name: str) -> str | None:
        """
        The last value of a header.
        """
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[-1] if found else None


class Tap:
    """
    Listens on an address of its own and passes all on to another.

    :param address: ``host:port`` of the registry.
    """

    def __init__(self, address: str) -> None:
        host, port = address.rsplit(":", 1)
        self._upstream = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._requests: list[bytearray] = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for end in self._sockets:
            with suppress(OSError):  # it may have ended already
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads[1:]:
            thread.join()
        for end in (self._listener, *self._sockets):
            end.close()

    @property
    def heads(self) -> list[Head]:
        """
        The heads of all requests up to now, those of one connection in order.
        """
        return [_head(match) for said in self._requests for match in _REQUEST.finditer(bytes(said))]

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener was shut down
            server = socket.create_connection(self._upstream)
            self._sockets += [client, server]
            said = bytearray()
            self._requests.append(said)
            for pair in ((client, server, said), (server, client, None)):
                thread = threading.Thread(target=_pass_on, args=pair)
                self._threads.append(thread)
                thread.start()


def _pass_on(source: socket.socket, target: socket.socket, copy: bytearray | None) -> None:
    """
    Pass bytes on until one of the two ends, and tell the other.
    """
    try:
        while content := source.recv(1 << 16):
            if copy is not None:
                copy += content
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # one of the two went away: its other thread sees it too


def _head(match: re.Match[bytes]) -> Head:
    lines = match[3].decode("latin-1").splitlines()
    pairs = tuple(
        (name, value.strip()) for name, _, value in (line.partition(":") for line in lines)
    )
    return Head(match[1].decode(), match[2].decode(), pairs)
