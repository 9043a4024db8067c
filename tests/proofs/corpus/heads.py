"""
First lines, headers and hosts that aren't ones.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.proofs.corpus.case import BLOBS, HOST, Case, case, head, request


def request_lines() -> Iterator[Case]:
    """
    First lines that aren't ones.
    """
    broken = {
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(60)) + b"\r\n\r\n",
        "SSH": b"SSH-2.0-OpenSSH_9.2p1\r\n\r\n",
        "nothing but words": b"hello there\r\n\r\n",
        "binary": bytes(range(128, 256)) + b"\r\n\r\n",
        "zeros": bytes(200) + b"\r\n\r\n",
        "HTTP/0.9": b"GET /v2/\r\n\r\n",
        "HTTP/0.9 with its version": head(b"GET /v2/ HTTP/0.9", HOST),
        "no target": head(b"GET HTTP/1.1", HOST),
        "an empty target": head(b"GET  HTTP/1.1", HOST),
        "a space in the target": head(b"GET /v2/ x HTTP/1.1", HOST),
        "tabs": head(b"GET\t/v2/\tHTTP/1.1", HOST),
        "a vertical tab": head(b"GET\x0b/v2/ HTTP/1.1", HOST),
        "a space before the method": head(b" GET /v2/ HTTP/1.1", HOST),
        "no method": head(b" /v2/ HTTP/1.1", HOST),
        "a method in small letters": head(b"get /v2/ HTTP/1.1", HOST),
        "a method that doesn't exist": head(b"FETCH /v2/ HTTP/1.1", HOST),
        "a method with a space": head(b"GE T /v2/ HTTP/1.1", HOST),
        "a method with a zero": head(b"GE\x00T /v2/ HTTP/1.1", HOST),
        "an endless method": head(b"G" * 5000 + b" /v2/ HTTP/1.1", HOST),
        "a target without a slash": head(b"GET v2/ HTTP/1.1", HOST),
        "a zero in the target": head(b"GET /v2/\x00 HTTP/1.1", HOST),
        "a control character in the target": head(b"GET /v2/\x01 HTTP/1.1", HOST),
        "a delete character in the target": head(b"GET /v2/\x7f HTTP/1.1", HOST),
        "a protocol in small letters": head(b"GET /v2/ http/1.1", HOST),
        "another protocol": head(b"GET /v2/ RTSP/1.0", HOST),
        "no version": head(b"GET /v2/ HTTP/", HOST),
        "half a version": head(b"GET /v2/ HTTP/1.", HOST),
        "a version of words": head(b"GET /v2/ HTTP/one.one", HOST),
        "bare line feeds": b"GET /v2/ HTTP/1.1\n" + HOST + b"\n\n",
        "bare carriage returns": b"GET /v2/ HTTP/1.1\r" + HOST + b"\r\r\r\n\r\n",
        "a line feed in the target": b"GET /v2/\nX HTTP/1.1\r\n" + HOST + b"\r\n\r\n",
    }
    for name, sent in broken.items():
        yield case(f"request line: {name}", sent, 400, closes=True)
    for version in (b"1.2", b"1.9", b"2.0", b"3.0", b"11.1", b"1.11", b"9.9"):
        sent = head(b"GET /v2/ HTTP/" + version, HOST)
        yield case(f"request line: version {version.decode()}", sent, 400, 505, closes=True)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield case("request line: HTTP/2 unasked", preface, 400, 505, closes=True)
    tunnel = head(b"CONNECT {host} HTTP/1.1", HOST)
    yield case("request line: a tunnel", tunnel, 400, 404, 405, 501)
    yield case("request line: a star", head(b"GET * HTTP/1.1", HOST), 400, 404)
    twice = head(b"GET  /v2/ HTTP/1.1", HOST)
    yield case("request line: two spaces before the target", twice, 400, closes=True)
    twice = head(b"GET /v2/  HTTP/1.1", HOST)
    yield case("request line: two spaces before the version", twice, 400, closes=True)
    letters = head("GET /v2/ä HTTP/1.1".encode("latin-1"), HOST)
    yield case("request line: bytes beyond ASCII", letters, 400, 404)
    long = head(b"GET /v2/" + b"a" * 70_000 + b" HTTP/1.1", HOST)
    yield case("request line: 70,000 bytes", long, 414, 431, closes=True)
    deep = head(b"GET /v2/" + b"a/" * 30_000 + b"tags/list HTTP/1.1", HOST)
    yield case("request line: 30,000 segments", deep, 400, 404, 414)


def headers() -> Iterator[Case]:
    """
    Header lines that aren't ones, or too many of them.
    """
    broken = {
        "no colon": b"Word",
        "no name": b": value",
        "a space before the colon": b"X-Word : value",
        "a tab before the colon": b"X-Word\t: value",
        "a space in the name": b"X Word: value",
        "a parenthesis in the name": b"X(Word): value",
        "a zero in the name": b"X\x00Word: value",
        "bytes beyond ASCII in the name": "X-Wörd: value".encode(),
        "a zero in the value": b"X-Word: va\x00lue",
        "a control character in the value": b"X-Word: va\x01lue",
        "a carriage return in the value": b"X-Word: va\rlue",
        "a line feed in the value": b"X-Word: va\nlue",
    }
    for name, line in broken.items():
        sent = head(b"GET /v2/ HTTP/1.1", HOST, line)
        yield case(f"header: {name}", sent, 400, closes=True)
    folded = head(b"GET /v2/ HTTP/1.1", HOST, b"X-Word: one", b" two")
    yield case("header: folded", folded, 200, 400)
    folded = head(b"GET /v2/ HTTP/1.1", b" folded: at once", HOST)
    yield case("header: begins with a fold", folded, 400, closes=True)
    many = head(b"GET /v2/ HTTP/1.1", HOST, *(b"X-%d: 1" % n for n in range(101)))
    yield case("header: too many lines", many, 400, 431, closes=True)
    many = head(b"GET /v2/ HTTP/1.1", HOST, *(b"X: 1" for _ in range(10_000)))
    yield case("header: 10,000 lines of one name", many, 400, 431, closes=True)
    large = head(b"GET /v2/ HTTP/1.1", HOST, b"X: " + b"a" * 70_000)
    yield case("header: 70,000 bytes", large, 431, closes=True)
    large = head(b"GET /v2/ HTTP/1.1", HOST, b"X" * 70_000 + b": a")
    yield case("header: a name of 70,000 bytes", large, 400, 431, closes=True)


def hosts() -> Iterator[Case]:
    """
    Hosts that aren't ones.
    """
    yield case("host: none", head(b"GET /v2/ HTTP/1.1"), 400, closes=True)
    yield case("host: two", head(b"GET /v2/ HTTP/1.1", HOST, b"Host: other"), 400, closes=True)
    yield case("host: twice the same", head(b"GET /v2/ HTTP/1.1", HOST, HOST), 400, closes=True)
    bad = {
        "a space": b"a b",
        "a slash": b"a/b",
        "a question mark": b"a?b",
        "a number sign": b"a#b",
        "a user": b"user@host",
        "a comma": b"a,b",
        "a backslash": b"a\\b",
        "a less-than sign": b"<script>",
        "half an address": b"[::1",
        "no address": b"[hello]",
        "two ports": b"host:1:2",
        "a port of words": b"host:http",
        "a negative port": b"host:-1",
        "no UTF-8": b"\xff\xfe",
        "a URL": b"http://{host}/",
        "a quote": b'a"b',
        "half an escape": b"a%2",
    }
    for name, value in bad.items():
        sent = request("GET", "/v2/", host=b"Host: " + value)
        yield case(f"host: {name}", sent, 400)
    odd = {
        "empty": b"",
        "a port that can't be": b"host:99999",
        "no port after the colon": b"host:",
        "dots": b"...",
        "long": b"a" * 300,
        "no IDNA name": b"xn--a-ecp.ru",
        "an underscore": b"a_b",
    }
    for name, value in odd.items():
        sent = request("POST", f"{BLOBS}/uploads/", host=b"Host: " + value, body=b"")
        yield case(f"host: {name}", sent, 202, 400)
    absolute = head(b"GET http://evil.example/v2/ HTTP/1.1", HOST)
    yield case("host: another one in the target", absolute, 200, 400, 404)
    for forwarded in (
        'Forwarded: for=;;;host="',
        "Forwarded: host=evil.example/path",
        "X-Forwarded-Host: evil example",
        "X-Forwarded-Host: <script>",
        "X-Forwarded-Proto: javascript",
        "X-Forwarded-For: 999.999.999.999, ,",
    ):
        sent = request("POST", f"{BLOBS}/uploads/", forwarded, body=b"")
        yield case(f"forwarded: {forwarded}", sent, 202, 400)
