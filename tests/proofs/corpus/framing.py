"""
Lengths, codings and chunks that aren't ones, and what doesn't end.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from tests.proofs.corpus.case import HOST, MANIFESTS, MIB, NO_ANSWER, Case, case, head, request


def lengths() -> Iterator[Case]:
    """
    Lengths that aren't ones.
    """
    bad = [
        b"", b"-1", b"+5", b"5 5", b"5, 5", b"5,6", b"0x5", b"5;", b"5.0", b"1e3", b"five",
        b"\xd9\xa5", b"5\x00", b"9" * 30, b"18446744073709551621", b"1_000", b"'5'",
    ]  # fmt: skip
    for value in bad:
        sent = head(b"PATCH {upload} HTTP/1.1", HOST, b"Content-Length: " + value) + b"hello"
        yield case(f"length: {value!r}", sent, 400, 413, closes=True)
    two = (b"Content-Length: 5", b"Content-Length: 6")
    sent = head(b"PATCH {upload} HTTP/1.1", HOST, *two) + b"hello!"
    yield case("length: two", sent, 400, closes=True)
    two = (b"Content-Length: 5", b"Content-Length: 5")
    sent = head(b"PATCH {upload} HTTP/1.1", HOST, *two) + b"hello"
    yield case("length: twice the same", sent, 400, closes=True)
    hidden = b"GET /v2/_catalog HTTP/1.1\r\nHost: {host}\r\n\r\n"
    sent = head(b"GET /v2/ HTTP/1.1", HOST, b"Content-Length: 0, %d" % len(hidden)) + hidden
    yield case("length: a request that hides in a body", sent, 400, closes=True)


def codings() -> Iterator[Case]:
    """
    Transfer codings that aren't ``chunked``, or not only.
    """
    hidden = b"0\r\n\r\nGET /v2/_catalog HTTP/1.1\r\nHost: {host}\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked"
    pairs = {
        "length and chunked": (b"Content-Length: %d" % len(hidden), chunked),
        "chunked and length": (chunked, b"Content-Length: %d" % len(hidden)),
        "chunked twice": (chunked, chunked),
        "chunked and identity": (chunked, b"Transfer-Encoding: identity"),
        "a space before the colon": (b"Transfer-Encoding : chunked",),
        "a vertical tab": (b"Transfer-Encoding: \x0bchunked",),
        "a zero": (b"Transfer-Encoding: chunked\x00",),
        "folded": (b"Transfer-Encoding:", b" chunked", b"Content-Length: 5"),
        "a length behind a bare line feed": (b"X: 1\nContent-Length: 5", chunked),
    }
    for name, lines in pairs.items():
        sent = head(b"PATCH {upload} HTTP/1.1", HOST, *lines) + hidden
        yield case(f"coding: {name}", sent, 400, closes=True)
    bad = [
        "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked",
        "chunked;q=1", "chunkedchunked", "cow", "", ",", "chunked, identity", '"chunked"',
    ]  # fmt: skip
    for value in bad:
        line = f"Transfer-Encoding: {value}".encode()
        sent = head(b"PATCH {upload} HTTP/1.1", HOST, line) + hidden
        yield case(f"coding: {value!r}", sent, 400, 501, closes=True)
    old = head(b"PATCH {upload} HTTP/1.0", HOST, chunked) + hidden
    yield case("coding: chunked in HTTP/1.0", old, 400, closes=True)


def chunks() -> Iterator[Case]:
    """
    Chunks that aren't ones.
    """
    start = head(b"PATCH {upload} HTTP/1.1", HOST, b"Transfer-Encoding: chunked")
    end = b"\r\n0\r\n\r\n"
    bad = {
        "a size of words": b"five\r\nhello",
        "no size": b"\r\nhello",
        "a negative size": b"-5\r\nhello",
        "a plus sign": b"+5\r\nhello",
        "a prefix": b"0x5\r\nhello",
        "a space before the size": b" 5\r\nhello",
        "an underscore": b"0_5\r\nhello",
        "more than 64 bits": b"fffffffffffffffff\r\nhello",
        "a size that overflows to 5": b"10000000000000005\r\nhello",
        "a bare line feed after the size": b"5\nhello",
        "a bare carriage return after the size": b"5\rhello",
        "a line feed in an extension": b"5;a\nb\r\nhello",
        "a zero in an extension": b"5;a=\x00\r\nhello",
        "data longer than its size": b"5\r\nhello world",
        "data shorter than its size": b"b\r\nhello",
        "no line end after the data": b"5\r\nhelloX",
        "a bare line feed after the data": b"5\r\nhello\n5\r\nhello",
    }
    for name, chunk in bad.items():
        yield case(f"chunk: {name}", start + chunk + end, 400, closes=True)
    spaced = start + b"5 \r\nhello" + end
    yield case("chunk: a space after the size", spaced, 202, 400)
    trailer = start + b"5\r\nhello\r\n0\r\nContent-Length: 5\r\nHost: other\r\n\r\n"
    yield case("chunk: a length in a trailer", trailer, 202, 400)
    trailer = start + b"5\r\nhello\r\n0\r\nno colon\r\n\r\n"
    yield case("chunk: a trailer without a colon", trailer, 202, 400)


def endless() -> Iterator[Case]:
    """
    Parts of a request that don't end; who sends them may find the connection closed.
    """
    megabytes = 16
    start = head(b"PATCH {upload} HTTP/1.1", HOST, b"Transfer-Encoding: chunked")
    line = b"GET /v2/ HTTP/1.1\r\n" + HOST + b"\r\n"
    sources: dict[str, tuple[bytes, bytes]] = {
        "request line": (b"GET /v2/", b"a" * MIB),
        "query": (b"GET /v2/?", b"a=b&" * (MIB // 4)),
        "header value": (line + b"X: ", b"a" * MIB),
        "header name": (line, b"a" * MIB),
        "header lines": (line, b"X-Word: value\r\n" * (MIB // 15)),
        "empty lines": (b"", b"\r\n" * (MIB // 2)),
        "chunk size": (start, b"0" * MIB),
        "chunk extension": (start + b"5;", b"a" * MIB),
        "trailer": (start + b"0\r\nX: ", b"a" * MIB),
        "trailer lines": (start + b"0\r\n", b"X-Word: value\r\n" * (MIB // 15)),
    }
    for name, (first, more) in sources.items():
        sent = [first, *itertools.repeat(more, megabytes)]
        statuses = {400, 413, 414, 431, NO_ANSWER}
        yield Case(f"endless: {name}", sent, frozenset(statuses), closes=True)


def expectations() -> Iterator[Case]:
    """
    Wishes that can't be met.
    """
    sent = request("PUT", f"{MANIFESTS}/a", "Expect: miracles", body=b"{}")
    yield case("expect: miracles", sent, 400, 417)
    upgrade = ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA")
    yield case("upgrade: without a body", request("GET", "/v2/", *upgrade), 200)
    sent = request("PATCH", "{upload}", *upgrade, body=b"hello")
    yield case("upgrade: with a body", sent, 400, closes=True)
    sent = request("GET", "/v2/", "Connection: Upgrade", "Upgrade: websocket")
    yield case("upgrade: to a web socket", sent, 200)
