"""
A listener that takes notifications as fast as it can: ``python -m benchmarks.listener COUNT``.

It writes its port, and, when so many events have come, the seconds from the first of them to the
last.
"""

from __future__ import annotations

import sys
import time

from twisted.internet import reactor
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import Factory, Protocol

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Counting(Factory):
    """
    Counts events.

    :param count: how many there are going to be.
    """

    noisy = False

    def __init__(self, count: int) -> None:
        self._left = count
        self._began = 0.0
        self.protocol = Taking  # type: ignore[assignment]  # its factory is ours

    def took(self, events: int) -> None:
        """
        Some have come.
        """
        self._began = self._began or time.monotonic()
        self._left -= events
        if self._left <= 0:
            print(time.monotonic() - self._began, flush=True)


class Taking(Protocol):
    """
    Takes messages whose length is told, one after the other.
    """

    factory: Counting

    def __init__(self) -> None:
        self._data = b""

    def dataReceived(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head = self._data[:end].lower()
            length = int(head[head.find(b"content-length:") + 15 :].split(b"\r\n")[0])
            whole = end + 4 + length
            if len(self._data) < whole:
                return
            self.factory.took(self._data.count(b'"action"', end, whole))
            self._data = self._data[whole:]
            if self.transport is not None:
                self.transport.write(ANSWER)


def main(count: int) -> None:
    """
    Listen.
    """
    running: object = reactor
    port: IListeningPort = running.listenTCP(0, Counting(count), interface="127.0.0.1")  # type: ignore[attr-defined]  # every reactor has it
    print(port.getHost().port, flush=True)  # type: ignore[attr-defined]  # it is one of TCP
    running.run()  # type: ignore[attr-defined]  # as above


if __name__ == "__main__":
    main(int(sys.argv[1]))
