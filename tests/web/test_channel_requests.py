"""
What a connection takes for a request, and what it refuses.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.kit import Answer, Connection, Recorder, echo

HOST: Final = b"Host: registry.example:5000\r\n"


def get(target: bytes = b"/v2/", fields: bytes = HOST) -> bytes:
    """A request without a body."""
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (target, fields)


def post(fields: bytes, body: bytes = b"") -> bytes:
    """A request with a body, or so it says."""
    return b"POST /v2/ HTTP/1.1\r\n%b%b\r\n%b" % (HOST, fields, body)


def chunked(body: bytes) -> bytes:
    """A request whose body is in chunks."""
    return post(b"Transfer-Encoding: chunked\r\n", body)


#: Requests, and what the echo answers.
GOOD: Final[dict[str, tuple[bytes, bytes]]] = {
    "plain": (get(), b"GET /v2/ "),
    "query": (get(b"/v2/a?b=c&d=%zz"), b"GET /v2/a?b=c&d=%zz "),
    "escapes": (get(b"/v2/%C3%A9%2F"), b"GET /v2/%C3%A9%2F "),
    "no value": (get(fields=HOST + b"Empty:\r\n"), b"GET /v2/ "),
    "spaces around a value": (get(fields=b"Host: \t registry.example \t\r\n"), b"GET /v2/ "),
    "IPv6 host": (get(fields=b"Host: [::1]:5000\r\n"), b"GET /v2/ "),
    "host of no IDNA name": (get(fields=b"Host: a..b_" + b"c" * 70 + b"\r\n"), b"GET /v2/ "),
    "empty line before": (b"\r\n" + get(), b"GET /v2/ "),
    "absolute form": (get(b"http://example.org:80/v2/"), b"GET /v2/ "),
    "absolute form without a path": (get(b"HTTP://example.org?a"), b"GET /?a "),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", b"OPTIONS * "),
    "strange method": (b"PROPFIND /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", b"PROPFIND /v2/ "),
    "HTTP/1.0": (b"GET /v2/ HTTP/1.0\r\n\r\n", b"GET /v2/ "),
    "HTTP/1.0 with a body": (
        b"POST /v2/ HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi",
        b"POST /v2/ hi",
    ),
    "upgrade": (
        get(fields=HOST + b"Connection: Upgrade\r\nUpgrade: h2c\r\n"),
        b"GET /v2/ ",
    ),
    "length": (post(b"Content-Length: 5\r\n", b"12345"), b"POST /v2/ 12345"),
    "length 0": (post(b"Content-Length: 0\r\n"), b"POST /v2/ "),
    "length with zeros": (post(b"Content-Length: 0005\r\n", b"12345"), b"POST /v2/ 12345"),
    "GET with a body": (get(fields=HOST + b"Content-Length: 2\r\n") + b"ab", b"GET /v2/ ab"),
    "expectation": (
        post(b"Expect: 100-Continue\r\nContent-Length: 2\r\n", b"ab"),
        b"POST /v2/ ab",
    ),
    "expectation of HTTP/1.0": (b"GET /v2/ HTTP/1.0\r\nExpect: wonders\r\n\r\n", b"GET /v2/ "),
    "chunks": (chunked(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), b"POST /v2/ abcde"),
    "no chunks": (chunked(b"0\r\n\r\n"), b"POST /v2/ "),
    "CHUNKED": (
        post(b"Transfer-Encoding: CHUNKED\r\n", b"1\r\na\r\n0\r\n\r\n"),
        b"POST /v2/ a",
    ),
    "hexadecimal chunk": (chunked(b"00A\r\n0123456789\r\n0\r\n\r\n"), b"POST /v2/ 0123456789"),
    "chunk extension": (chunked(b'2 ;a="b"\r\nhi\r\n0;c\r\n\r\n'), b"POST /v2/ hi"),
    "trailers": (
        chunked(b"2\r\nhi\r\n0\r\nHost: other\r\nContent-Length: 7\r\n\r\n"),
        b"POST /v2/ hi",
    ),
}

#: Bytes that are no request, and the status of the answer.
BAD: Final[dict[str, tuple[bytes, int]]] = {
    # the request line
    "HTTP/0.9": (b"GET /\r\n", 400),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 400),
    "HTTP/1.10": (b"GET / HTTP/1.10\r\n" + HOST + b"\r\n", 400),
    "lower case version": (b"GET / http/1.1\r\n" + HOST + b"\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 32, 400),
    "unknown method": (b"BREW /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "lower case method": (b"get /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "method of another protocol": (b"DESCRIBE /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT example.org:443 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two spaces": (b"GET  /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "tabs": (b"GET\t/v2/\tHTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "space at the end": (b"GET /v2/ HTTP/1.1 \r\n" + HOST + b"\r\n", 400),
    "space before": (b" GET /v2/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "two empty lines before": (b"\r\n\r\n" + get(), 400),
    "LF before": (b"\n" + get(), 400),
    # the target
    "no path": (get(b"v2/"), 400),
    "another scheme": (get(b"ftp://example.org/v2/"), 400),
    "user in the target": (get(b"http://user@example.org/"), 400),
    "fragment": (get(b"/v2/#a"), 400),
    "asterisk of GET": (get(b"*"), 400),
    "not ASCII": (get("/v2/é".encode()), 400),
    "DEL": (get(b"/v2/\x7f"), 400),
    "half an escape": (get(b"/v2/%a"), 400),
    "no escape": (get(b"/v2/%zz"), 400),
    "escapes of no UTF-8": (get(b"/v2/%ff%fe"), 400),
    "long target": (get(b"/" + b"a" * 70000), 414),
    "endless target": (b"GET /" + b"a" * 70000, 414),
    # the fields
    "bare LF": (b"GET /v2/ HTTP/1.1\n" + HOST + b"\r\n", 400),
    "bare LFs": (b"GET /v2/ HTTP/1.1\nHost: a\n\n", 400),
    "bare LF after a field": (get(fields=b"Host: a\nB: c\r\n"), 400),
    "bare CR": (get(fields=HOST + b"A: b\rContent-Length: 3\r\n"), 400),
    "bare CRs at the end": (b"GET /v2/ HTTP/1.1\r\nHost: a\r\r\n\r\n", 400),
    "NUL": (get(fields=HOST + b"A: b\0c\r\n"), 400),
    "control character": (get(fields=HOST + b"A: b\x01c\r\n"), 400),
    "DEL in a value": (get(fields=HOST + b"A: b\x7fc\r\n"), 400),
    "folded line": (get(fields=HOST + b"A: b\r\n c\r\n"), 400),
    "folded first line": (get(fields=b" Host: a\r\n"), 400),
    "space before the colon": (get(fields=b"Host : a\r\n"), 400),
    "space in a name": (get(fields=HOST + b"A b: c\r\n"), 400),
    "no colon": (get(fields=HOST + b"nonsense\r\n"), 400),
    "no name": (get(fields=HOST + b": a\r\n"), 400),
    "not ASCII in a name": (get(fields=HOST + "é: a\r\n".encode()), 400),
    "many fields": (get(fields=HOST + b"A: b\r\n" * 100), 431),
    "long field": (get(fields=HOST + b"A: " + b"b" * 70000 + b"\r\n"), 431),
    "endless fields": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: b\r\n" * 20000, 431),
    "endless field": (b"GET /v2/ HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 70000, 431),
    # Host
    "no Host": (get(fields=b""), 400),
    "two Hosts": (get(fields=HOST + HOST), 400),
    "two Hosts of HTTP/1.0": (b"GET /v2/ HTTP/1.0\r\n" + HOST + HOST + b"\r\n", 400),
    "empty Host": (get(fields=b"Host:\r\n"), 400),
    "Host with a path": (get(fields=b"Host: a/b\r\n"), 400),
    "Host with a user": (get(fields=b"Host: a@b\r\n"), 400),
    "list of Hosts": (get(fields=b"Host: a, b\r\n"), 400),
    "Host that is not ASCII": (get(fields="Host: é.example\r\n".encode()), 400),
    "Host with no number": (get(fields=b"Host: a:b\r\n"), 400),
    "half an IPv6 Host": (get(fields=b"Host: [::1\r\n"), 400),
    # where the body ends
    "length and chunks": (
        post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        400,
    ),
    "chunks and length": (
        post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
        400,
    ),
    "two lengths": (post(b"Content-Length: 5\r\nContent-Length: 6\r\n", b"12345"), 400),
    "two equal lengths": (post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"12345"), 400),
    "list of lengths": (post(b"Content-Length: 5, 5\r\n", b"12345"), 400),
    "length with a sign": (post(b"Content-Length: +5\r\n", b"12345"), 400),
    "negative length": (post(b"Content-Length: -5\r\n", b"12345"), 400),
    "hexadecimal length": (post(b"Content-Length: 0x5\r\n", b"12345"), 400),
    "fraction of a length": (post(b"Content-Length: 5.0\r\n", b"12345"), 400),
    "empty length": (post(b"Content-Length:\r\n"), 400),
    "length with a space": (post(b"Content-Length: 1 2\r\n", b"12"), 400),
    "underscored length": (post(b"Content-Length: 1_0\r\n", b"0123456789"), 400),
    "huge length": (post(b"Content-Length: 9999999999999999999\r\n"), 400),
    "huger length": (post(b"Content-Length: " + b"9" * 400 + b"\r\n"), 400),
    "length with a space before the colon": (post(b"Content-Length : 5\r\n", b"12345"), 400),
    "gzip": (post(b"Transfer-Encoding: gzip\r\n"), 400),
    "gzip, chunked": (post(b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n"), 400),
    "chunked, chunked": (post(b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n"), 400),
    "chunked twice": (
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        400,
    ),
    "chunked, then identity": (
        post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", b"0\r\n\r\n"),
        400,
    ),
    "identity": (post(b"Transfer-Encoding: identity\r\n"), 400),
    "xchunked": (post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"), 400),
    "quoted chunked": (post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"), 400),
    "chunked with VT": (post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"), 400),
    "empty coding": (post(b"Transfer-Encoding:\r\n"), 400),
    "chunks of HTTP/1.0": (
        b"POST /v2/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "upgrade with a body": (
        post(b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 5\r\n", b"12345"),
        400,
    ),
    "upgrade with chunks": (
        post(b"Connection: upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: chunked\r\n"),
        400,
    ),
    "unknown expectation": (post(b"Expect: wonders\r\nContent-Length: 1\r\n", b"a"), 417),
    "two expectations": (
        post(b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 1\r\n", b"a"),
        417,
    ),
    # chunks
    "no chunk size": (chunked(b"\r\n0\r\n\r\n"), 400),
    "nonsense for a chunk size": (chunked(b"xyz\r\nabc\r\n0\r\n\r\n"), 400),
    "0x in a chunk size": (chunked(b"0x3\r\nabc\r\n0\r\n\r\n"), 400),
    "signed chunk size": (chunked(b"+3\r\nabc\r\n0\r\n\r\n"), 400),
    "negative chunk size": (chunked(b"-3\r\nabc\r\n0\r\n\r\n"), 400),
    "underscored chunk size": (chunked(b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n"), 400),
    "huge chunk size": (chunked(b"fffffffffffffffff\r\nabc"), 400),
    "space before a chunk size": (chunked(b" 3\r\nabc\r\n0\r\n\r\n"), 400),
    "space after a chunk size": (chunked(b"3 \r\nabc\r\n0\r\n\r\n"), 400),
    "bare LF after a chunk size": (chunked(b"3\nabc\r\n0\r\n\r\n"), 400),
    "bare LF after a chunk": (chunked(b"3\r\nabc\n0\r\n\r\n"), 400),
    "bare CR in a chunk size": (chunked(b"3\rX\nabc\r\n0\r\n\r\n"), 400),
    "bare CR in an extension": (chunked(b"3;a\rb\r\nabc\r\n0\r\n\r\n"), 400),
    "NUL in an extension": (chunked(b"3;\0\r\nabc\r\n0\r\n\r\n"), 400),
    "long chunk": (chunked(b"2\r\nabc\r\n0\r\n\r\n"), 400),
    "endless extension": (chunked(b"3;" + b"a" * 3000), 400),
    "long extension": (chunked(b"3;" + b"a" * 3000 + b"\r\nabc\r\n0\r\n\r\n"), 400),
    "many extensions": (chunked((b"1;" + b"a" * 500 + b"\r\nb\r\n") * 30), 400),
    "endless trailers": (chunked(b"0\r\n" + b"A: b\r\n" * 3000), 400),
    "nonsense for trailers": (chunked(b"0\r\nnonsense\r\n\r\n"), 400),
    "bare LF in the trailers": (chunked(b"0\r\nA: b\n\r\n"), 400),
    "bare LF at the end": (chunked(b"0\r\n\n"), 400),
}

cuts = st.lists(st.integers(0, 1000), max_size=6)


def check_refusal(connection: Connection, status: int) -> None:
    """A refusal is an error in JSON, the last answer, and says so."""
    answer = connection.answers[-1]
    assert answer.status == status
    assert answer.headers[b"Content-Type"] == b"application/json"
    assert answer.headers[b"Connection"] == b"close"
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"]
    assert error["message"]
    assert connection.wire.is_closing()
    before = connection.output()
    connection.send(get())
    assert connection.output() == before


class GoodRequestTests:
    """
    Requests that are answered.
    """

    @pytest.mark.parametrize("name", GOOD)
    def test_whole(self, name: str) -> None:
        """
        A request that comes in one piece is understood.
        """
        request, expected = GOOD[name]
        (answer,) = Connection(echo).send(request).answers
        assert (answer.status, answer.body) == (200, expected)

    @pytest.mark.parametrize("name", GOOD)
    def test_byte_by_byte(self, name: str) -> None:
        """
        A request that comes byte by byte is understood in the same way.
        """
        request, expected = GOOD[name]
        connection = Connection(echo).split(request)
        (answer,) = [answer for answer in connection.answers if answer.status != 100]
        assert (answer.status, answer.body) == (200, expected)

    @given(st.lists(st.sampled_from(sorted(GOOD)), min_size=1, max_size=5), cuts)
    def test_pipelined(self, names: list[str], cuts: list[int]) -> None:
        """
        Requests that come one after the other are answered in their order, wherever the pieces
        end in which they come.
        """
        names = [name for name in names if "1.0" not in name]
        connection = Connection(echo).split(b"".join(GOOD[name][0] for name in names), 0, *cuts)
        bodies = [answer.body for answer in connection.answers if answer.status != 100]
        assert bodies == [GOOD[name][1] for name in names]
        assert not connection.wire.is_closing()

    def test_absolute_form_replaces_host(self) -> None:
        """
        The host of an absolute target counts, not that of the Host field.
        """
        recorder = Recorder()
        Connection(recorder).send(get(b"http://example.org:80/v2/"))
        assert recorder.last.header(b"host") == b"example.org:80"

    def test_fields(self) -> None:
        """
        Fields are found by their names in lower case, all their lines or the last one.
        """
        recorder = Recorder()
        Connection(recorder).send(get(fields=HOST + b"ACCEPT: a \r\nAccept: \tb, c\r\n"))
        assert recorder.last.headers(b"accept") == [b"a", b"b, c"]
        assert recorder.last.header(b"accept") == b"b, c"
        assert recorder.last.headers(b"other") == []
        assert recorder.last.header(b"other") is None

    def test_trailers_are_dropped(self) -> None:
        """
        What comes after the last chunk is no field of the request.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(chunked(b"0\r\nAuthorization: evil\r\n\r\n"))
        assert recorder.last.header(b"authorization") is None
        recorder.last.respond(200, (), b"")
        assert connection.statuses == [200]


class BadRequestTests:
    """
    Bytes that are refused.
    """

    @pytest.mark.parametrize("name", BAD)
    def test_whole(self, name: str) -> None:
        """
        What is no request is refused, and the connection closed.
        """
        request, status = BAD[name]
        check_refusal(Connection(echo).send(request), status)

    @pytest.mark.parametrize("name", BAD)
    def test_byte_by_byte(self, name: str) -> None:
        """
        The same, if it comes byte by byte.
        """
        request, status = BAD[name]
        check_refusal(Connection(echo).split(request), status)

    @given(st.sampled_from(sorted(BAD)), cuts)
    def test_second(self, name: str, cuts: list[int]) -> None:
        """
        The request before it is answered still; nothing after it is looked at.
        """
        request, status = BAD[name]
        connection = Connection(echo).split(get() + request + get(), 0, *cuts)
        assert connection.answers[0] == Answer(
            200,
            {
                b"Date": b"Thu, 01 Jan 1970 00:00:00 GMT",
                b"Content-Type": b"text/plain",
                b"Content-Length": b"9",
            },
            b"GET /v2/ ",
        )
        assert connection.statuses[1:] in ([status], [100, status])
        check_refusal(connection, status)

    @given(st.binary(max_size=300), cuts)
    def test_noise(self, noise: bytes, cuts: list[int]) -> None:
        """
        Noise is refused or waited for, and never the application's business.
        """
        recorder = Recorder()
        connection = Connection(recorder).split(noise, 0, *cuts)
        assert not recorder.requests
        assert connection.statuses in ([], [400], [431])

    @given(
        st.sampled_from([*sorted(GOOD), *sorted(BAD)]),
        st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=3),
        cuts,
    )
    def test_mutations(self, name: str, changes: list[tuple[int, int]], cuts: list[int]) -> None:
        """
        A request that was tampered with is read in one way, wherever its pieces end.  If several
        things are wrong with it, which one is told may depend on what comes first.
        """
        request = bytearray((GOOD.get(name) or BAD[name])[0])
        for position, byte in changes:
            request[position % len(request)] = byte
        whole = Connection(echo).send(bytes(request))
        pieces = Connection(echo).split(bytes(request), 0, *cuts)
        answers = [(a.status, a.body) for a in whole.answers if a.status == 200]
        assert [(a.status, a.body) for a in pieces.answers if a.status == 200] == answers
        refused = [status for status in whole.statuses if status not in (100, 200)]
        assert len([a for a in pieces.statuses if a not in (100, 200)]) == len(refused)
        assert all(400 <= status < 500 for status in refused)
