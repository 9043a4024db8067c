"""
A listener in threads of the test, which takes notifications, or does with them what no listener
should.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tests.daemon import free_port

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Listener:
    """
    It listens from the start; :attr:`answer` says how it answers, and may be changed at any time.

    :param tls: speaks TLS, if there is any.
    :ivar accepted: the events of all messages that were answered 200, in the order in which they
        came.
    :ivar refused: how many messages were not.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.port = free_port()
        self._tls = tls
        self.answer: Callable[[Listener, socket.socket, bytes], bool] = take
        self.accepted: list[dict[str, Any]] = []
        self.heads: list[bytes] = []
        self.refused = 0
        self.connections = 0
        self._socket: socket.socket | None = None
        self._open: set[socket.socket] = set()
        self.begin()

    @property
    def url(self) -> str:
        """
        Where events are to be posted to.
        """
        scheme = "https" if self._tls else "http"
        return f"{scheme}://127.0.0.1:{self.port}/events"

    def begin(self) -> None:
        """
        Listen.
        """
        if self._socket is None:
            made = socket.socket()
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(("127.0.0.1", self.port))
            made.listen(50)
            self._socket = made
            threading.Thread(target=self._accept, args=(made,), daemon=True).start()

    def stop(self) -> None:
        """
        Listen no more, and drop all connections.
        """
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._socket = None
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def ids(self) -> list[str]:
        """
        :return: the ids of the events that it has, each once, in the order in which they first
            came.
        """
        return list(dict.fromkeys(event["id"] for event in list(self.accepted)))

    def wait_for(self, enough: Callable[[Listener], bool], seconds: float = 30) -> None:
        """
        Wait until it has what it should.
        """
        deadline = time.monotonic() + seconds
        while not enough(self):
            assert time.monotonic() < deadline, (len(self.accepted), self.refused)
            time.sleep(0.02)

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, accepted: socket.socket) -> None:
        connection = accepted
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection.makefile("rb") as file:
                self._answer_all(connection, file)
        except OSError:
            pass
        finally:
            connection.close()
            self._open.discard(accepted)

    def _answer_all(self, connection: socket.socket, file: Any) -> None:
        while head := _head(file):
            length = next(
                int(line.split(b":")[1])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            )
            self.heads.append(head)
            if not self.answer(self, connection, file.read(length)):
                break


def _head(file: Any) -> bytes:
    lines = b""
    while line := file.readline():
        if line == b"\r\n":
            return lines
        lines += line
    return b""


def take(listener: Listener, connection: socket.socket, body: bytes) -> bool:
    """
    Take a message.
    """
    listener.accepted += json.loads(body)["events"]
    connection.sendall(OK)
    return True


def error(listener: Listener, connection: socket.socket, body: bytes) -> bool:
    """
    Answer 500.
    """
    listener.refused += 1
    connection.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno")
    return True


def hang(listener: Listener, connection: socket.socket, body: bytes) -> bool:
    """
    Answer nothing, until the other side has enough.
    """
    listener.refused += 1
    connection.recv(1)
    return False


def reset(listener: Listener, connection: socket.socket, body: bytes) -> bool:
    """
    Reset the connection.
    """
    listener.refused += 1
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.shutdown(socket.SHUT_RD)
    connection.close()
    return False


def close(listener: Listener, connection: socket.socket, body: bytes) -> bool:
    """
    Close the connection without a word.
    """
    listener.refused += 1
    connection.shutdown(socket.SHUT_RDWR)
    return False


def sending(begin: bytes, more: bytes, pause: float = 0.0) -> Callable[..., bool]:
    """
    :return: what answers with a beginning, and then again and again the same.
    """

    def answer(listener: Listener, connection: socket.socket, body: bytes) -> bool:
        listener.refused += 1
        with suppress(OSError):
            connection.sendall(begin)
            while True:
                connection.sendall(more)
                if pause:
                    time.sleep(pause)
        return False

    return answer
