"""
Proxies between us and endpoints.
"""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.cache.redis.certificates import Authority
from tests.daemon import free_port
from tests.notifications.listener import Listener
from tests.notifications.test_poster import MESSAGE, destination
from txregistry.notifications.poster import Answer, Poster
from txregistry.notifications.proxying import BadProxy, Proxy, proxy_for
from txregistry.notifications.tls import load_tls

HTTP = {"HTTP_PROXY": "http://joe:p%40ss@proxy:3128", "NO_PROXY": "spared.example,.also.spared"}


class ChoiceTests:
    """
    Which proxy leads where.
    """

    @pytest.mark.parametrize(
        ("url", "environ", "expected"),
        [
            ("http://a.example/x", HTTP, Proxy("proxy", 3128, b"Basic am9lOnBAc3M=")),
            ("https://a.example/x", HTTP, None),
            ("http://spared.example/x", HTTP, None),
            ("http://a.also.spared/x", HTTP, None),
            ("http://localhost:80/x", HTTP, None),
            ("http://127.9.9.9/x", HTTP, None),
            ("http://[::1]/x", HTTP, None),
            ("https://a.example/x", {"https_proxy": "proxy:1"}, Proxy("proxy", 1)),
            ("https://a.example/x", {"https_proxy": "http://proxy"}, Proxy("proxy", 80)),
            ("https://a.example/x", {"https_proxy": "proxy", "no_proxy": "*"}, None),
            ("https://a.example/x", {}, None),
        ],
    )
    def test_chosen(self, url: str, environ: dict[str, str], expected: Proxy | None) -> None:
        """
        The environment says it by scheme, with exceptions.
        """
        assert proxy_for(url, environ) == expected

    @pytest.mark.parametrize(
        "text", ["socks5://hunter2@proxy", "http://:hunter2@", "http://a:b:hunter2"]
    )
    def test_unknown(self, text: str) -> None:
        """
        What is no proxy of a kind that is known is an error, which shows no password.
        """
        with pytest.raises(BadProxy, match="HTTP_PROXY") as raised:
            proxy_for("http://a.example/", {"HTTP_PROXY": text})
        assert "hunter2" not in str(raised.value)


class Relay:
    """
    A proxy in threads, which leads to one listener whatever it is asked for.

    :param refusal: what it answers instead.
    :ivar heads: what it was asked.
    """

    def __init__(self, listener: Listener, refusal: bytes = b"") -> None:
        self.port = free_port()
        self.heads: list[bytes] = []
        self._to = listener.port
        self._refusal = refusal
        self._socket = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        """
        Take no more.
        """
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += connection.recv(65536)
        head, _, rest = data.partition(b"\r\n\r\n")
        self.heads.append(head)
        with connection, socket.create_connection(("127.0.0.1", self._to)) as other:
            if self._refusal:
                connection.sendall(self._refusal)
                return
            if head.startswith(b"CONNECT"):
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                other.sendall(rest)
            else:
                other.sendall(data)
            back = threading.Thread(target=_copy, args=(other, connection), daemon=True)
            back.start()
            _copy(connection, other)
            back.join()


def _copy(source: socket.socket, to: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            to.sendall(data)
        to.shutdown(socket.SHUT_WR)


class RelayTests:
    """
    Through a real one.
    """

    def through(self, relay: Relay, listener: Listener, url: str, **more: Any) -> Poster:
        """
        :return: what posts to a URL through the proxy.
        """
        from twisted.internet import reactor

        proxy = Proxy("127.0.0.1", relay.port, b"Basic xyz")
        return Poster(reactor, destination(listener, url=url, proxy=proxy, timeout=5.0, **more))

    async def test_http(self, listener: Listener) -> None:
        """
        A proxy is asked for the whole URL, and told who we are; the connection is used again.
        """
        relay = Relay(listener)
        poster = self.through(relay, listener, "http://far.example:81/events")
        for _ in range(2):
            assert await poster.post(MESSAGE) == Answer(True, "200 OK")
        (head,) = relay.heads
        lines = head.lower().split(b"\r\n")
        assert lines[0] == b"post http://far.example:81/events http/1.1"
        assert b"host: far.example:81" in lines
        assert b"proxy-authorization: basic xyz" in lines
        assert len(listener.accepted) == 2
        await poster.close()
        relay.stop()

    async def test_https(self, tmp_path: Path) -> None:
        """
        For TLS there is a tunnel, so that the proxy sees nothing, and who answers is verified.
        """
        authority = Authority(tmp_path, "authority")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("listener"))
        listener = Listener(context)
        relay = Relay(listener)
        tls = load_tls(root_cas=[str(authority.certificate)])
        poster = self.through(relay, listener, "https://127.0.0.1:444/events", tls=tls)
        for _ in range(2):
            assert await poster.post(MESSAGE) == Answer(True, "200 OK")
        (head,) = relay.heads
        assert head.split(b"\r\n")[0] == b"CONNECT 127.0.0.1:444 HTTP/1.1"
        assert b"Proxy-Authorization: Basic xyz" in head
        assert b"proxy-authorization" not in listener.heads[0].lower()
        await poster.close()
        relay.stop()
        listener.stop()

    @pytest.mark.parametrize(
        ("refusal", "text"),
        [
            (b"HTTP/1.1 407 No\r\n\r\n", "it answered 407"),
            (b"nonsense\r\n\r\n", "it answered nothing"),
            (b"x" * 100_000, "it says too much"),
            (b"HTTP/1.1 200", "it closed the connection"),
        ],
    )
    async def test_refused(self, listener: Listener, refusal: bytes, text: str) -> None:
        """
        Why a proxy doesn't connect us is told.
        """
        relay = Relay(listener, refusal)
        poster = self.through(relay, listener, "https://far.example/events")
        assert text in (await poster.post(MESSAGE)).problem
        await poster.close()
        relay.stop()
