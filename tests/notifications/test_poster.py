"""
Posting messages to real listeners.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted

from tests.cache.redis.certificates import Authority
from tests.notifications.listener import OK, Listener, close, error, hang, reset, sending, take
from txregistry.notifications.formats.message import Message
from txregistry.notifications.poster import Answer, Destination, Poster
from txregistry.notifications.tls import BadFile, load_tls

ERROR = "500 Internal Server Error"
MESSAGE = Message(((b"Content-Type", b"application/x"),), b'{"events": [{"id": "1"}]}')


def destination(listener: Listener, **more: Any) -> Destination:
    """
    :return: what is known of the listener.
    """
    return Destination(**{"url": listener.url, "tls": load_tls(), "timeout": 0.5, **more})


@pytest_twisted.async_yield_fixture
async def poster(listener: Listener) -> AsyncIterator[Poster]:
    """
    Posts to the listener.
    """
    from twisted.internet import reactor

    made = Poster(reactor, destination(listener))
    yield made
    await made.close()


def redirecting(status: int, location: str) -> Any:
    """
    :return: what answers with a redirect to requests for ``/events``, and takes all others.
    """

    def answer(listener: Listener, connection: socket.socket, body: bytes) -> bool:
        if b" /events " not in listener.heads[-1].splitlines()[0]:
            return take(listener, connection, body)
        text = f"HTTP/1.1 {status} X\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
        connection.sendall(text.encode())
        return True

    return answer


class PosterTests:
    """
    What becomes of a message.
    """

    async def test_taken(self, listener: Listener, poster: Poster) -> None:
        """
        It is taken, and the connection used again.
        """
        for _ in range(3):
            assert await poster.post(MESSAGE) == Answer(True, "200 OK")
        assert [event["id"] for event in listener.accepted] == ["1"] * 3
        assert listener.connections == 1

    async def test_headers(self, listener: Listener) -> None:
        """
        The operator's headers are sent besides, and the user of a URL as one of them.
        """
        from twisted.internet import reactor

        url = listener.url.replace("http://", "http://joe:p%40ss@")
        headers = [(b"X-Token", b"a"), (b"X-Token", b"b")]
        poster = Poster(reactor, destination(listener, url=url, headers=headers, agent_name=b"me"))
        assert (await poster.post(MESSAGE)).accepted
        lines = {line.lower() for line in listener.heads[0].split(b"\r\n")}
        assert b"post /events http/1.1" in lines
        assert {b"x-token: a", b"x-token: b", b"content-type: application/x"} <= lines
        assert b"user-agent: me" in lines
        assert b"authorization: basic am9lonbac3m=" in lines
        await poster.close()

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [
            (
                error,
                Answer(False, "500 Internal Server Error", "it answered 500 Internal Server Error"),
            ),
            (hang, Answer(False, "", "it didn't answer in time")),
            (
                sending(b"HTTP/1.1 299 \x1b[31m\r\nContent-Length: 0\r\n\r\n", b"", 1.0),
                Answer(True, "299"),
            ),
            (
                sending(b"HTTP/1.1 4711 No\r\nContent-Length: 0\r\n\r\n", b"", 1.0),
                Answer(False, "no status", "it answered no status"),
            ),
        ],
    )
    async def test_answers(
        self, listener: Listener, poster: Poster, answer: Any, expected: Answer
    ) -> None:
        """
        What it answers is told in our words, not in its own.
        """
        listener.answer = answer
        assert await poster.post(MESSAGE) == expected

    @pytest.mark.parametrize("answer", [reset, close])
    async def test_broken(self, listener: Listener, poster: Poster, answer: Any) -> None:
        """
        A connection that breaks is no answer, and the next message has a new one.
        """
        listener.answer = answer
        broken = await poster.post(MESSAGE)
        assert (broken.accepted, broken.status) == (False, "")
        assert broken.problem
        listener.answer = take
        assert (await poster.post(MESSAGE)).accepted

    async def test_down(self, listener: Listener, poster: Poster) -> None:
        """
        Where nobody listens it says so.
        """
        listener.stop()
        assert "refused" in (await poster.post(MESSAGE)).problem

    @pytest.mark.parametrize("status", [301, 302, 307, 308])
    async def test_redirect(self, listener: Listener, poster: Poster, status: int) -> None:
        """
        On the same host the message is posted where the listener says.
        """
        listener.answer = redirecting(status, "/elsewhere")
        assert (await poster.post(MESSAGE)).accepted
        assert len(listener.accepted) == 1

    async def test_redirects_without_end(self, listener: Listener, poster: Poster) -> None:
        """
        It is not followed for ever.
        """
        listener.answer = redirecting(307, "/events")
        assert (await poster.post(MESSAGE)).problem == "it redirects again and again"
        assert len(listener.heads) == 4

    @pytest.mark.parametrize(
        "location",
        [
            "http://127.0.0.2:{port}/x",
            "http://127.0.0.1:1/x",
            "http://me:mine@127.0.0.1:{port}/x",
            "//other/x",
            "ftp://127.0.0.1/",
            "http://[",
        ],
    )
    async def test_redirect_elsewhere(
        self, listener: Listener, poster: Poster, location: str
    ) -> None:
        """
        To another host, another port, or as somebody else, nothing is sent.
        """
        listener.answer = redirecting(307, location.format(port=listener.port))
        answer = await poster.post(MESSAGE)
        assert not answer.accepted
        assert len(listener.heads) == 1
        assert not listener.accepted

    async def test_cookies_are_forgotten(self, listener: Listener, poster: Poster) -> None:
        """
        Nothing that the listener says is sent back to it.
        """

        def answer(listener: Listener, connection: socket.socket, body: bytes) -> bool:
            connection.sendall(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
            return True

        listener.answer = answer
        await poster.post(MESSAGE)
        await poster.post(MESSAGE)
        assert not any(b"cookie" in head.lower() for head in listener.heads)


class TLSTests:
    """
    Listeners that speak TLS.
    """

    @pytest.fixture
    def secure(self, tmp_path: Path) -> Iterator[tuple[Listener, Authority]]:
        """
        One that wants a certificate of the client too.
        """
        authority = Authority(tmp_path, "authority")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*authority.issue("listener"))
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
        made = Listener(context)
        yield made, authority
        made.stop()

    async def test_both_are_known(self, secure: tuple[Listener, Authority]) -> None:
        """
        With its authority and a certificate of ours it takes what it is told.
        """
        from twisted.internet import reactor

        listener, authority = secure
        tls = load_tls(*authority.issue("us"), [str(authority.certificate)])
        poster = Poster(reactor, destination(listener, tls=tls, timeout=5.0))
        assert await poster.post(MESSAGE) == Answer(True, "200 OK")
        await poster.close()

    async def test_stranger(self, secure: tuple[Listener, Authority]) -> None:
        """
        A listener whose certificate nobody vouches for is sent nothing.
        """
        from twisted.internet import reactor

        listener, authority = secure
        tls = load_tls(*authority.issue("us"))
        poster = Poster(reactor, destination(listener, tls=tls, timeout=5.0))
        assert "certificate verify failed" in (await poster.post(MESSAGE)).problem
        assert not listener.heads
        await poster.close()

    async def test_end(self, secure: tuple[Listener, Authority]) -> None:
        """
        The end doesn't wait for a listener that keeps its side of the connection open.
        """
        from twisted.internet import reactor

        def linger(listener: Listener, connection: socket.socket, body: bytes) -> bool:
            connection.sendall(OK)
            ended.wait(20)
            return False

        ended = threading.Event()
        listener, authority = secure
        listener.answer = linger
        tls = load_tls(*authority.issue("us"), [str(authority.certificate)])
        poster = Poster(reactor, destination(listener, tls=tls, timeout=5.0))
        assert await poster.post(MESSAGE) == Answer(True, "200 OK")
        before = time.monotonic()
        await poster.close()
        ended.set()
        assert time.monotonic() < before + 5

    def test_files(self, tmp_path: Path) -> None:
        """
        Files that are not what they should be are told by their names.
        """
        authority = Authority(tmp_path, "authority")
        certificate, key = authority.issue("us")
        other = authority.issue("other")[1]
        for arguments, text in (
            (("/no/such", key), "/no/such: No such file"),
            ((key, key), f"{key}: no certificate in PEM"),
            ((certificate, certificate), f"{certificate}: no key in PEM"),
            ((certificate, other), f"{other}: is not that of the certificate"),
        ):
            with pytest.raises(BadFile, match=text):
                load_tls(*arguments)
