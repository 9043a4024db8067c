"""
Smuggling and nonsense: what others could read in another way is refused.
"""

from __future__ import annotations

import pytest

from tests.wire.harness import HOST, Served, request_bytes
from txregistry.model.digest import Digest

CONTENT = b"0123456789"
DIGEST = Digest.of(CONTENT)
HIDDEN = f"DELETE /v2/a/blobs/{DIGEST} HTTP/1.1\r\nHost: {HOST}\r\n\r\n"


def post(*lines: str, body: str = "") -> bytes:
    """
    Write a push with some lines, and whatever follows them.
    """
    first = f"POST /v2/b/blobs/uploads/?digest={DIGEST} HTTP/1.1"
    return ("\r\n".join([first, *lines, "", ""]) + body).encode("latin-1")


HOST_LINE = f"Host: {HOST}"
CHUNKS = "a\r\n0123456789\r\n0\r\n\r\n"

REFUSED = {
    "both lengths": post(HOST_LINE, "Content-Length: 4", "Transfer-Encoding: chunked", body=CHUNKS),
    "both lengths, the other way": post(
        HOST_LINE, "Transfer-Encoding: chunked", "Content-Length: 4", body=CHUNKS
    ),
    "two lengths": post(HOST_LINE, "Content-Length: 10", "Content-Length: 0", body="0123456789"),
    "two equal lengths": post(
        HOST_LINE, "Content-Length: 10", "Content-Length: 10", body="0123456789"
    ),
    "a list of lengths": post(HOST_LINE, "Content-Length: 10, 10", body="0123456789"),
    "a signed length": post(HOST_LINE, "Content-Length: +10", body="0123456789"),
    "a negative length": post(HOST_LINE, "Content-Length: -1"),
    "a hexadecimal length": post(HOST_LINE, "Content-Length: 0xa", body="0123456789"),
    "an empty length": post(HOST_LINE, "Content-Length:"),
    "a length with a space": post(HOST_LINE, "Content-Length: 1 0", body="0123456789"),
    "an endless length": post(HOST_LINE, "Content-Length: " + "9" * 100),
    "gzip": post(HOST_LINE, "Transfer-Encoding: gzip", body=CHUNKS),
    "gzip, chunked": post(HOST_LINE, "Transfer-Encoding: gzip, chunked", body=CHUNKS),
    "identity": post(HOST_LINE, "Transfer-Encoding: identity", body="0123456789"),
    "chunked twice": post(HOST_LINE, "Transfer-Encoding: chunked, chunked", body=CHUNKS),
    "two codings": post(
        HOST_LINE, "Transfer-Encoding: chunked", "Transfer-Encoding: identity", body=CHUNKS
    ),
    "almost chunked": post(HOST_LINE, "Transfer-Encoding: xchunked", body=CHUNKS),
    "a quoted coding": post(HOST_LINE, 'Transfer-Encoding: "chunked"', body=CHUNKS),
    "a space before the colon": post(HOST_LINE, "Transfer-Encoding : chunked", body=CHUNKS),
    "a folded line": post(HOST_LINE, "X: a", " b: c", "Content-Length: 10", body="0123456789"),
    "a vertical tab in a coding": post(HOST_LINE, "Transfer-Encoding: \x0bchunked", body=CHUNKS),
    "a zero in a value": post(HOST_LINE, "X: a\x00b"),
    "a bare CR in a value": post(HOST_LINE, "X: a\rContent-Length: 10"),
    "a bare LF between lines": post(HOST_LINE).replace(b"\r\nHost", b"\nHost"),
    "bare LFs at the end": post(HOST_LINE)[:-4] + b"\n\n",
    "no host": post("Content-Length: 0"),
    "two hosts": post(HOST_LINE, HOST_LINE, "Content-Length: 0"),
    "two other hosts": post(HOST_LINE, "Host: evil.example", "Content-Length: 0"),
    "a host that is none": post("Host: evil.example/path", "Content-Length: 0"),
    "a host with a user": post("Host: user@evil.example", "Content-Length: 0"),
    "a host with a space": post("Host: evil example", "Content-Length: 0"),
    "an empty field name": post(HOST_LINE, ": x"),
    "a field name with a space": post(HOST_LINE, "X Y: z"),
    "a line without a colon": post(HOST_LINE, "nonsense"),
    "HTTP/0.9": b"GET /v2/\r\n\r\n",
    "HTTP/2.0": b"GET /v2/ HTTP/2.0\r\nHost: x\r\n\r\n",
    "coding in HTTP/1.0": post(HOST_LINE, "Transfer-Encoding: chunked", body=CHUNKS).replace(
        b"HTTP/1.1", b"HTTP/1.0"
    ),
    "upgrade with a body": post(
        HOST_LINE,
        "Connection: Upgrade",
        "Upgrade: h2c",
        "Content-Length: 10",
        body="0123456789",
    ),
    "upgrade with chunks": post(
        HOST_LINE, "Connection: Upgrade", "Upgrade: x", "Transfer-Encoding: chunked", body=CHUNKS
    ),
}

BAD_CHUNKS = {
    "no number": "x\r\n0123456789\r\n0\r\n\r\n",
    "an empty size": "\r\n0123456789\r\n0\r\n\r\n",
    "a negative size": "-a\r\n0123456789\r\n0\r\n\r\n",
    "a signed size": "+a\r\n0123456789\r\n0\r\n\r\n",
    "a size with 0x": "0xa\r\n0123456789\r\n0\r\n\r\n",
    "a space before the size": " a\r\n0123456789\r\n0\r\n\r\n",
    "a size with a bare LF": "a\n0123456789\r\n0\r\n\r\n",
    "an endless size": "f" * 40 + "\r\n0123456789",
    "too long a chunk": "5\r\n0123456789\r\n0\r\n\r\n",
    "no CRLF after a chunk": "a\r\n01234567890\r\n\r\n",
    "a bare LF after a chunk": "a\r\n0123456789\n0\r\n\r\n",
    "an endless extension": "a;" + "x" * 10_000,
    "a control character in an extension": "a;\x01\r\n0123456789\r\n0\r\n\r\n",
    "a bare LF in an extension": "a;x\n\r\n0123456789\r\n0\r\n\r\n",
    "a trailer that is none": "a\r\n0123456789\r\n0\r\nnonsense\r\n\r\n",
}


@pytest.fixture
def filled(served: Served) -> Served:
    """
    A registry with something that a hidden request would delete.
    """
    served.push_blob("a", CONTENT)
    return served


class RefusedTests:
    """
    What is refused.
    """

    @pytest.mark.parametrize("name", REFUSED)
    @pytest.mark.parametrize("split", [False, True])
    def test_head(self, filled: Served, name: str, split: bool) -> None:
        """
        It is 400 and a close, and what follows is never read as a request.
        """
        data = REFUSED[name] + HIDDEN.encode()
        connection = filled.connect()
        for piece in [data[i : i + 1] for i in range(len(data))] if split else [data]:
            connection.send(piece)
        answers = connection.answers()
        assert [answer.status for answer in answers] == [400]
        assert answers[0].codes
        assert answers[0]["Connection"] == "close"
        assert connection.transport.is_closing()
        connection.lose()
        self.check_untouched(filled)

    @pytest.mark.parametrize("name", BAD_CHUNKS)
    def test_chunks(self, filled: Served, name: str) -> None:
        """
        So is a body whose chunks are none; nothing of it is kept.
        """
        data = post(HOST_LINE, "Transfer-Encoding: chunked", body=BAD_CHUNKS[name] + HIDDEN)
        connection = filled.connect()
        connection.send(data)
        (answer,) = connection.answers()
        assert answer.is_error(400, "SIZE_INVALID")
        assert connection.transport.is_closing()
        connection.lose()
        self.check_untouched(filled)

    def check_untouched(self, served: Served) -> None:
        """
        Neither was anything deleted, nor pushed.
        """
        assert served.get(f"v2/a/blobs/{DIGEST}").body == CONTENT
        assert served.get(f"v2/b/blobs/{DIGEST}").status == 404

    def test_body_of_a_get(self, filled: Served) -> None:
        """
        The body of a GET is none of the next request's.
        """
        connection = filled.connect()
        connection.send(request_bytes("GET", "/v2/", body=HIDDEN.encode()))
        connection.send(request_bytes("GET", "/v2/"))
        assert [answer.status for answer in connection.answers()] == [200, 200]
        connection.lose()
        self.check_untouched(filled)


class TakenTests:
    """
    What looks odd, and is taken.
    """

    @pytest.mark.parametrize(
        "data",
        [
            post(HOST_LINE, "Transfer-Encoding: chunked", body=CHUNKS),
            post(HOST_LINE, "Transfer-Encoding: Chunked", body=CHUNKS),
            post(HOST_LINE, "transfer-encoding:chunked", body=CHUNKS),
            post(HOST_LINE, "Content-Length:10", body="0123456789"),
            post(HOST_LINE, "Content-Length: \t 10 \t", body="0123456789"),
            post(HOST_LINE, "Transfer-Encoding: chunked", body="A;x=y\r\n0123456789\r\n00\r\n\r\n"),
            b"\r\n" + post(HOST_LINE, "Content-Length: 10", body="0123456789"),
        ],
    )
    def test_taken(self, served: Served, data: bytes) -> None:
        """
        It is as the RFC allows.
        """
        connection = served.connect()
        connection.send(data)
        assert [answer.status for answer in connection.answers()] == [201]
        connection.lose()

    def test_trailers(self, filled: Served) -> None:
        """
        Trailers are dropped: they add nothing to what the head said.
        """
        body = "a\r\n0123456789\r\n0\r\nHost: evil.example\r\nContent-Length: 5\r\n"
        body += "X-Forwarded-Host: evil.example\r\n\r\n"
        data = post(HOST_LINE, "Transfer-Encoding: chunked", body=body)
        connection = filled.connect()
        connection.send(data + request_bytes("GET", "/v2/"))
        pushed, ping = connection.answers()
        assert (pushed.status, ping.status) == (201, 200)
        assert "evil" not in str(pushed.fields)
        connection.lose()

    def test_upgrade_without_body(self, served: Served) -> None:
        """
        An upgrade that nobody knows is ignored where there is no body.
        """
        fields = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c")]
        assert served.get("v2/", *fields).status == 200
        assert served.get("v2/", ("Connection", "Upgrade"), ("Upgrade", "websocket")).status == 200
