"""
How a connection goes on: dispatching, streaming, answering, keeping and closing.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

import json
from typing import Final

import pytest
from klein import Klein
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.python.failure import Failure
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET
from zope.interface import implementer

from tests.web.kit import Connection, Recorder, echo, hello, parse_answers, unread
from txregistry.errors import BodyInvalid, ClientDisconnected
from txregistry.web.request import RegistryRequest

GET: Final = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def put(length: int, fields: bytes = b"", body: bytes = b"") -> bytes:
    """A request with a body of a known length."""
    head = b"PUT /v2/ HTTP/1.1\r\nHost: a\r\n%bContent-Length: %d\r\n\r\n" % (fields, length)
    return head + body


CHUNKED: Final = b"PUT /v2/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


def result(waiting: Deferred[bytes]) -> list[object]:
    """What a Deferred has come to so far: nothing, a result, or the type of an error."""
    found: list[object] = []
    waiting.addCallbacks(found.append, lambda failure: found.append(failure.type))
    return found


class DispatchTests:
    """
    When the application hears of a request.
    """

    def test_at_the_head(self) -> None:
        """
        A request is dispatched when its head is complete, before its body comes.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(5)[:-1])
        assert not recorder.requests
        connection.send(b"\n")
        request = recorder.last
        assert (request.method, request.uri, request.path) == (b"PUT", b"/v2/", b"/v2/")
        assert request.body.length == 5
        assert request.body.received == 0

    def test_one_after_the_other(self) -> None:
        """
        The next request waits until this one has been answered.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(2, body=b"hi") + GET.replace(b"v2", b"v3"))
        assert [request.path for request in recorder.requests] == [b"/v2/"]
        recorder.last.respond(201, (), b"")
        assert [request.path for request in recorder.requests] == [b"/v2/", b"/v3/"]
        recorder.last.respond(200, (), b"")
        assert connection.statuses == [201, 200]

    def test_error(self, logged_failures: list[Failure]) -> None:
        """
        What the application lets escape is logged; its client sees none of it, and the
        connection ends.
        """

        def broken(request: RegistryRequest) -> None:
            raise RuntimeError("secret")

        connection = Connection(broken).send(GET + GET)
        (answer,) = connection.answers
        assert answer.status == 500
        assert answer.headers[b"Connection"] == b"close"
        assert json.loads(answer.body)["errors"][0]["code"] == "UNKNOWN"
        assert b"secret" not in connection.output()
        assert b"Traceback" not in connection.output()
        assert connection.wire.is_closing()
        assert [failure.type for failure in logged_failures] == [RuntimeError]
        logged_failures.clear()

    def test_error_in_the_middle(self, logged_failures: list[Failure]) -> None:
        """
        If the answer has begun already, the connection is cut: a client must see that the
        answer is incomplete.
        """

        def broken(request: RegistryRequest) -> None:
            request.begin(200, ())
            request.write(b"some")
            raise RuntimeError

        connection = Connection(broken).send(GET)
        assert connection.wire.disconnected
        assert not connection.output().endswith(b"0\r\n\r\n")
        logged_failures.clear()

    def test_many_pipelined(self) -> None:
        """
        Many requests in one piece are answered a few at a time: other connections have their
        turn between.
        """
        connection = Connection(hello).send(GET * 100)
        assert 0 < len(connection.answers) < 100
        connection.clock.advance(0)
        connection.clock.advance(0)
        connection.clock.advance(0)
        assert len(connection.answers) == 100
        connection.send(GET)
        assert len(connection.answers) == 101

    def test_more_comes_meanwhile(self) -> None:
        """
        What a transport hands over while a request is being dispatched keeps its place.
        """
        recorder = Recorder()

        def dispatch(request: RegistryRequest) -> None:
            if not recorder.requests:
                connection.send(GET.replace(b"v2", b"c") + GET.replace(b"v2", b"d")[:20])
            recorder(request)
            hello(request)

        connection = Connection(dispatch)
        connection.send(GET.replace(b"v2", b"a") + GET.replace(b"v2", b"b"))
        connection.send(GET.replace(b"v2", b"d")[20:])
        assert [request.path for request in recorder.requests] == [b"/a/", b"/b/", b"/c/", b"/d/"]

    def test_many_chunks(self) -> None:
        """
        A body in very many chunks is taken a part at a time: others have their turn between.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(CHUNKED)
        reading = recorder.last.body.read_all(1_000_000)
        whole = result(reading)
        connection.send(b"1\r\na\r\n" * 50_000)
        assert recorder.last.body.received < 10_000
        assert connection.wire.is_paused()
        connection.clock.pump([0] * 20)
        assert not connection.wire.is_paused()
        assert recorder.last.body.received == 50_000
        connection.send(b"0\r\n\r\n" + GET)
        assert whole == [b"a" * 50_000]
        recorder.last.respond(200, (), b"")
        assert len(recorder.requests) == 2

    def test_what_waits_is_bounded(self) -> None:
        """
        The client has to wait if it sends too many requests before it gets an answer.
        """
        recorder = Recorder()
        connection = Connection(recorder, pipelined=1000).send(GET)
        for _ in range(20):
            connection.send(GET * 10)
            if connection.wire.is_paused():
                break
        assert connection.wire.is_paused()
        assert len(recorder.requests) == 1
        for _ in range(100):
            recorder.last.respond(200, (), b"")
            connection.clock.advance(0)
            if not connection.wire.is_paused():
                break
        assert not connection.wire.is_paused()

    def test_addresses(self) -> None:
        """
        A request knows both ends of its connection, also when that is gone.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        request = recorder.last
        assert request.getHost().port == 5000
        connection.lose()
        assert request.getClientAddress().host == "192.0.2.1"
        assert not request.isSecure()


class StreamTests:
    """
    Bodies as streams.
    """

    def test_pieces(self) -> None:
        """
        What has come is read at once; the end is told when it was reached.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_piece=1).send(put(6, body=b"ab"))
        body = recorder.last.body
        assert result(body.read()) == [b"ab"]
        waiting = result(body.read())
        assert not waiting
        connection.send(b"cd")
        assert waiting == [b"cd"]
        connection.send(b"e")
        connection.send(b"f")
        assert result(body.read()) == [b"ef"]
        assert result(body.read()) == [b""]
        assert result(body.read()) == [b""]
        assert body.received == 6

    def test_small_pieces_are_gathered(self) -> None:
        """
        A body that comes byte by byte doesn't cost its reader a call for each; even when all
        connections together buffer too much, it goes on.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_piece=100, body_buffers=10).send(put(1000))
        waiting = result(recorder.last.body.read())
        for _ in range(99):
            connection.send(b"a")
        assert not waiting
        assert not connection.wire.is_paused()
        connection.send(b"a")
        assert waiting == [b"a" * 100]

    def test_nothing_before_the_first_read(self) -> None:
        """
        A client that sends a body which nobody reads has to wait.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(1000, body=b"a" * 10))
        assert connection.wire.is_paused()
        recorder.last.body.read()
        assert not connection.wire.is_paused()

    def test_back_pressure(self) -> None:
        """
        A client that sends faster than its body is read has to wait.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_buffer=100, body_piece=1).send(put(10_000))
        result(recorder.last.body.read())
        connection.send(b"a" * 60)
        connection.send(b"a" * 60)
        assert not connection.wire.is_paused()
        connection.send(b"a" * 60)
        assert connection.wire.is_paused()
        assert result(recorder.last.body.read()) == [b"a" * 120]
        assert not connection.wire.is_paused()

    def test_all_bodies_together(self) -> None:
        """
        When much is buffered for all connections together, nobody gets a buffer of his own.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_buffers=100, body_piece=1).send(put(1000))
        result(recorder.last.body.read())
        connection.site.buffered += 100
        connection.send(b"a")
        assert not connection.wire.is_paused()
        connection.send(b"a")
        assert connection.wire.is_paused()
        assert result(recorder.last.body.read()) == [b"a"]
        assert not connection.wire.is_paused()
        assert connection.site.buffered == 100

    @pytest.mark.parametrize("how", ["read", "answered", "lost", "lost later"])
    def test_buffered_is_counted(self, how: str) -> None:
        """
        However a request ends, what was buffered for it counts no more.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_piece=1).send(put(100, body=b"a" * 50))
        assert connection.site.buffered == 50
        if how == "read":
            result(recorder.last.body.read())
        elif how == "answered":
            recorder.last.respond(200, (), b"")
        else:
            if how == "lost later":
                result(recorder.last.body.read())
                connection.send(b"a" * 10)
                connection.send(b"a" * 10)
            connection.lose()
        assert connection.site.buffered == 0

    def test_vanished(self) -> None:
        """
        Who reads a body whose client vanishes gets what has come, and then an error.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(10, body=b"ab"))
        connection.lose()
        body = recorder.last.body
        assert result(body.read()) == [b"ab"]
        assert result(body.read()) == [ClientDisconnected]

    def test_vanished_while_reading(self) -> None:
        """
        Who waits for a piece when the client vanishes gets an error.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(CHUNKED)
        waiting = result(recorder.last.body.read())
        connection.lose()
        assert waiting == [ClientDisconnected]

    def test_vanished_after_the_end(self) -> None:
        """
        A body that came whole stays whole when the client vanishes.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(2, body=b"ab"))
        connection.lose()
        assert result(recorder.last.body.read_all(10)) == [b"ab"]

    def test_broken_chunks(self) -> None:
        """
        Who reads a body with broken chunks gets what was right, and then an error.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(CHUNKED + b"2\r\nabX")
        connection.send(b"\r\n0\r\n\r\n" + GET)
        body = recorder.last.body
        assert result(body.read()) == [b"ab"]
        assert result(body.read()) == [BodyInvalid]
        recorder.last.respond(400, (), b"")
        assert connection.statuses == [400]
        assert connection.answers[0].headers[b"Connection"] == b"close"
        assert connection.wire.is_closing()

    def test_cancelled(self) -> None:
        """
        A read that is cancelled takes nothing away from the next one.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(2))
        reading = recorder.last.body.read()
        cancelled = result(reading)
        reading.cancel()
        assert cancelled == [CancelledError]
        connection.send(b"ab")
        assert result(recorder.last.body.read()) == [b"ab"]


class ContinueTests:
    """
    ``Expect: 100-continue`` (RFC 9110 §10.1.1).
    """

    def test_at_the_first_read(self) -> None:
        """
        100 goes out when the application begins to read, once.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_piece=1)
        connection.send(put(4, b"Expect: 100-continue\r\n"))
        assert not connection.output()
        first = result(recorder.last.body.read())
        assert connection.output() == CONTINUE
        connection.send(b"ab")
        assert first == [b"ab"]
        result(recorder.last.body.read())
        connection.send(b"cd")
        recorder.last.respond(201, (), b"")
        assert connection.statuses == [100, 201]
        assert not connection.wire.is_closing()

    def test_not_if_refused(self) -> None:
        """
        A refusal costs the client no byte of its body.  The connection ends: nobody knows
        whether the body will still come.
        """
        connection = Connection(unread).send(put(4, b"Expect: 100-continue\r\n"))
        (answer,) = connection.answers
        assert answer.status == 401
        assert answer.headers[b"Connection"] == b"close"
        assert connection.wire.is_closing()

    def test_not_if_the_body_comes_anyway(self) -> None:
        """
        A client that doesn't wait for 100 needs none.
        """
        connection = Connection(echo).send(put(4, b"Expect: 100-continue\r\n", b"abcd"))
        assert connection.statuses == [200]
        assert not connection.wire.is_closing()

    def test_not_after_the_answer_has_begun(self) -> None:
        """
        After the beginning of the answer there is no 100 any more.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(put(4, b"Expect: 100-continue\r\n"))
        recorder.last.begin(200, [(b"Content-Length", b"0")])
        before = connection.output()
        result(recorder.last.body.read())
        assert connection.output() == before

    def test_not_without_a_body(self) -> None:
        """
        A request without a body has nothing to wait for.
        """
        connection = Connection(echo).send(put(0, b"Expect: 100-continue\r\n"))
        assert connection.statuses == [200]


class EarlyAnswerTests:
    """
    Answers that come before the end of the body.
    """

    def test_little_left(self) -> None:
        """
        If little of the body is left it is dropped, and the connection kept.
        """
        connection = Connection(unread).send(put(1000, body=b"a" * 10))
        assert connection.statuses == [401]
        assert b"Connection" not in connection.answers[0].headers
        assert not connection.wire.is_paused()
        connection.send(b"a" * 500)
        connection.send(b"a" * 490 + GET)
        assert connection.statuses == [401, 401]
        assert not connection.wire.is_closing()

    def test_much_left(self) -> None:
        """
        If much is left the connection is closed, gently: our side first, and what still comes is
        dropped until the client has read its answer.
        """
        connection = Connection(unread).send(put(4 << 30, body=b"a" * 10))
        (answer,) = connection.answers
        assert answer.headers[b"Connection"] == b"close"
        assert connection.wire.half_closed
        assert not connection.wire.disconnecting
        assert not connection.wire.is_paused()
        for _ in range(1000):
            connection.send(b"a" * 100_000)
        assert not connection.wire.disconnecting
        assert len(connection.answers) == 1

    def test_unknown_left(self) -> None:
        """
        Of a chunked body nobody knows how much is left.
        """
        connection = Connection(unread).send(CHUNKED + b"1\r\na\r\n")
        assert connection.answers[0].headers[b"Connection"] == b"close"
        assert connection.wire.half_closed

    def test_nothing_left(self) -> None:
        """
        An unread body that has come whole is no reason to close.
        """
        connection = Connection(unread).send(CHUNKED + b"1\r\na\r\n0\r\n\r\n" + GET)
        assert connection.statuses == [401, 401]
        assert not connection.wire.is_closing()

    def test_requests_after_the_last(self) -> None:
        """
        A client that sends more after its last request can read the answer to that.
        """
        recorder = Recorder()
        connection = Connection(recorder, pipelined=100)
        connection.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        connection.send(GET * 10)
        assert connection.wire.is_paused()
        recorder.last.respond(200, (), b"")
        assert connection.wire.half_closed
        assert not connection.wire.is_paused()
        assert connection.statuses == [200]
        assert len(recorder.requests) == 1

    def test_broken_rest(self) -> None:
        """
        If the rest turns out to be broken the connection is closed without another answer.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(CHUNKED + b"1\r\na\r\n")
        recorder.last.respond(200, (), b"")
        connection.send(b"nonsense\r\n" + GET)
        assert connection.statuses == [200]
        assert connection.wire.is_closing()

    def test_reading_after_the_answer(self) -> None:
        """
        Who still reads after the answer gets an error.
        """
        recorder = Recorder()
        Connection(recorder).send(put(10, body=b"a"))
        request = recorder.last
        request.respond(200, (), b"")
        assert result(request.body.read()) == [BodyInvalid]


class KeepingTests:
    """
    Which connections outlive an answer (RFC 9112 §9.3).
    """

    @pytest.mark.parametrize(
        ("version", "fields", "kept"),
        [
            (b"1.1", b"", True),
            (b"1.1", b"Connection: keep-alive\r\n", True),
            (b"1.1", b"Connection: close\r\n", False),
            (b"1.1", b"Connection: x, Close\r\n", False),
            (b"1.1", b"Connection: x\r\nConnection: CLOSE\r\n", False),
            (b"1.0", b"", False),
            (b"1.0", b"Connection: Keep-Alive\r\n", True),
            (b"1.0", b"Connection: keep-alive, close\r\n", False),
        ],
    )
    def test_kept(self, version: bytes, fields: bytes, kept: bool) -> None:
        """
        HTTP/1.1 is kept unless the client says close, HTTP/1.0 only if it asks.
        """
        request = b"GET /v2/ HTTP/%b\r\nHost: a\r\n%b\r\n" % (version, fields)
        connection = Connection(hello).send(request + request)
        assert len(connection.answers) == (2 if kept else 1)
        assert connection.wire.is_closing() is not kept
        said = connection.answers[0].headers.get(b"Connection")
        assert said == ((b"keep-alive" if version == b"1.0" else None) if kept else b"close")

    def test_unknown_length_for_1_0(self) -> None:
        """
        An answer without a length ends an HTTP/1.0 connection.
        """
        recorder = Recorder()
        connection = Connection(recorder)
        connection.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        recorder.last.begin(200, ())
        recorder.last.write(b"abc")
        recorder.last.end()
        head, _, body = connection.output().partition(b"\r\n\r\n")
        assert b"\r\nConnection: close" in head
        assert b"Transfer-Encoding" not in head
        assert body == b"abc"
        assert connection.wire.is_closing()

    def test_drain(self) -> None:
        """
        A site that ends closes idle connections at once, the others after their answers.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        other = connection.site.buildProtocol(None)
        wire = type(connection.wire)()
        other.makeConnection(wire)
        drained: list[object] = []
        connection.site.drain().addCallback(drained.append)
        assert wire.is_closing()
        assert not connection.wire.is_closing()
        other.connectionLost(Failure(ConnectionError()))
        recorder.last.respond(200, (), b"")
        assert connection.answers[0].headers[b"Connection"] == b"close"
        assert connection.wire.is_closing()
        assert not drained
        connection.lose()
        assert drained == [None]
        assert not connection.clock.getDelayedCalls()

    def test_drain_during_the_rest(self) -> None:
        """
        A connection that was to be kept is closed when the rest of a body has come.
        """
        connection = Connection(unread).send(put(10))
        connection.site.drain()
        assert not connection.wire.is_closing()
        connection.send(b"a" * 10)
        assert connection.wire.is_closing()

    def test_drain_without_connections(self) -> None:
        """
        A site without connections has ended at once.
        """
        connection = Connection(hello)
        connection.lose()
        drained: list[object] = []
        connection.site.drain().addCallback(drained.append)
        assert drained == [None]

    def test_abort(self) -> None:
        """
        All connections of a site can be cut.
        """
        connection = Connection(Recorder()).send(GET)
        connection.site.abort()
        assert connection.wire.disconnected


class AnswerTests:
    """
    What answers look like.
    """

    def test_respond(self) -> None:
        """
        An answer has the date and its length, and nothing else that nobody gave.
        """
        connection = Connection(hello)
        connection.wait(3)
        connection.send(GET)
        assert connection.output() == (
            b"HTTP/1.1 200 OK\r\nDate: Thu, 01 Jan 1970 00:00:03 GMT\r\n"
            b"Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nhello /v2/"
        )
        (request,) = connection.finished
        assert (request.code, request.sentLength) == (200, 10)

    def test_head(self) -> None:
        """
        The answer to HEAD has the fields of GET and no body.
        """
        connection = Connection(hello).send(GET.replace(b"GET", b"HEAD") + GET)
        first, second = connection.output().split(b"HTTP/1.1 200 OK")[1:]
        assert second == first + b"hello /v2/"

    def test_length_of_head(self) -> None:
        """
        HEAD may be answered with a length alone.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET.replace(b"GET", b"HEAD"))
        recorder.last.respond(200, [(b"content-length", b"12345")])
        assert b"\r\nContent-Length: 12345\r\n" in connection.output()
        assert connection.output().endswith(b"\r\n\r\n")

    @pytest.mark.parametrize("status", [204, 304])
    def test_no_content(self, status: int) -> None:
        """
        204 and 304 have neither a body nor a length.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET + GET)
        recorder.last.respond(status, [(b"Content-Length", b"5")], b"abcde")
        recorder.last.respond(200, (), b"x")
        first, second = connection.output().split(b"HTTP/1.1 ")[1:]
        assert b"Content-Length" not in first
        assert first.endswith(b"\r\n\r\n")
        assert second.endswith(b"\r\n\r\nx")

    def test_no_body(self) -> None:
        """
        An answer without a body says so.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.respond(201, [(b"Location", b"/v2/x")])
        assert connection.answers[0].headers[b"Content-Length"] == b"0"

    def test_pieces_with_a_length(self) -> None:
        """
        An answer in pieces goes as it is if its length is known.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET + GET)
        recorder.last.begin(200, [(b"Content-Length", b"4")])
        recorder.last.write(b"ab")
        recorder.last.write(b"")
        recorder.last.write(b"cd")
        recorder.last.end()
        assert connection.answers[0].body == b"abcd"
        assert len(recorder.requests) == 2

    def test_pieces_without_a_length(self) -> None:
        """
        An answer in pieces goes in chunks if its length is unknown.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, ())
        recorder.last.write(b"ab" * 10)
        recorder.last.write(b"cd")
        recorder.last.end()
        assert connection.output().endswith(
            b"\r\n\r\n14\r\n" + b"ab" * 10 + b"\r\n2\r\ncd\r\n0\r\n\r\n"
        )

    def test_too_little(self) -> None:
        """
        An answer that ends before its length cuts the connection: it must not look complete.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, [(b"Content-Length", b"4")])
        recorder.last.write(b"ab")
        recorder.last.end()
        assert connection.wire.disconnected

    def test_too_much(self) -> None:
        """
        More than the length is an error, and cuts the connection.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, [(b"Content-Length", b"1")])
        with pytest.raises(RuntimeError):
            recorder.last.write(b"ab")
        assert connection.wire.disconnected

    @pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\nb", b"a\rb", b"a\0b"])
    def test_line_breaks(self, value: bytes) -> None:
        """
        No value adds a field or an answer.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        with pytest.raises(ValueError, match="line break"):
            recorder.last.respond(200, [(b"A", value)], b"")
        assert not connection.output()
        recorder.last.respond(500, (), b"")
        assert connection.statuses == [500]

    def test_twice(self) -> None:
        """
        A request is answered once.
        """
        recorder = Recorder()
        Connection(recorder).send(GET)
        recorder.last.respond(200, (), b"")
        with pytest.raises(RuntimeError):
            recorder.last.respond(200, (), b"")
        with pytest.raises(RuntimeError):
            recorder.last.write(b"")

    def test_gone(self) -> None:
        """
        Answering a client that is gone does nothing.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        connection.lose()
        recorder.last.respond(200, (), b"")
        recorder.last.end()
        assert not connection.output()
        assert connection.finished == [recorder.last]

    def test_gone_in_the_middle(self) -> None:
        """
        Who waits for a slow client hears that it is gone.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.begin(200, ())
        assert recorder.last.ready().called
        connection.channel.pauseProducing()
        waiting: list[object] = []
        recorder.last.ready().addErrback(lambda failure: waiting.append(failure.type))
        connection.lose()
        assert waiting == [ClientDisconnected]
        recorder.last.write(b"a")
        recorder.last.ready().addErrback(lambda failure: waiting.append(failure.type))
        assert len(waiting) == 2

    def test_slow_client(self) -> None:
        """
        Who writes much can wait until the client has taken it.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET + GET)
        recorder.last.begin(200, [(b"Content-Length", b"1")])
        connection.channel.pauseProducing()
        waiting: list[object] = []
        recorder.last.ready().addCallback(waiting.append)
        assert not waiting
        connection.channel.resumeProducing()
        assert waiting == [None]

    def test_answers_that_nobody_takes(self) -> None:
        """
        As long as a client doesn't take its answers, its further requests wait.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET + GET)
        connection.channel.pauseProducing()
        recorder.last.respond(200, (), b"")
        assert len(recorder.requests) == 1
        connection.channel.resumeProducing()
        assert len(recorder.requests) == 2


class FinishTests:
    """
    What is told when a request is over.
    """

    def test_answered(self) -> None:
        """
        notifyFinish fires when the answer has been sent.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        told: list[object] = []
        recorder.last.notifyFinish().addBoth(told.append)
        recorder.last.respond(200, (), b"")
        assert told == [None]
        assert connection.finished == [recorder.last]
        connection.lose()
        assert len(connection.finished) == 1

    def test_vanished(self) -> None:
        """
        notifyFinish fails when the client vanishes.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        told: list[object] = []
        recorder.last.notifyFinish().addErrback(told.append)
        connection.lose()
        assert isinstance(told[0], Failure)
        assert recorder.last.channel is None


class Plain(Resource):
    """
    A resource that knows nothing of us; the names of its methods are Twisted's.
    """

    isLeaf = True

    def render_GET(self, request: RegistryRequest) -> bytes:  # noqa: N802 - Twisted's name
        request.setHeader(b"x-path", b",".join(request.postpath or ()))
        request.setHeader(b"x-args", repr(sorted((request.args or {}).items())))
        request.addCookie(b"a", b"b")
        return b"plain"

    def render_PUT(self, request: RegistryRequest) -> int:  # noqa: N802 - Twisted's name
        request.setResponseCode(202)
        request.responseHeaders.addRawHeader(b"x-type", request.getHeader(b"Content-Type") or b"")
        request.write(b"one")
        request.write(b"two")
        request.finish()
        return NOT_DONE_YET

    def render_DELETE(self, request: RegistryRequest) -> int:  # noqa: N802 - Twisted's name
        request.setResponseCode(202)
        request.finish()
        return NOT_DONE_YET

    def render_POST(self, request: RegistryRequest) -> bytes:  # noqa: N802 - Twisted's name
        raise RuntimeError("secret")


class KleinTests:
    """
    Requests that Klein answers.
    """

    @pytest.mark.parametrize("host", [b"a", b"a..b:5000", b"[::1]", b"x" * 200])
    @pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
    def test_route(self, host: bytes, method: bytes) -> None:
        """
        Klein finds routes whatever the host is called, and may be given coroutines.
        """
        app = Klein()

        @app.route("/v2/<name>/", methods=["GET", "POST"])
        async def answer(request: RegistryRequest, name: str) -> None:
            body = await request.body.read_all(100)
            request.respond(200, (), name.encode() + b" " + body)

        connection = Connection(lambda request: request.render(app.resource()))
        head = b"%b /v2/%%C3%%A9/ HTTP/1.1\r\nHost: %b\r\nContent-Length: 2\r\n\r\n" % (
            method,
            host,
        )
        connection.send(head).send(b"ab")
        output = connection.output()
        assert output.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"\r\nContent-Length: 5\r\n" in output
        assert output.endswith(b"\r\n\r\n" if method == b"HEAD" else "é ab".encode())

    def test_vanished(self) -> None:
        """
        When a client vanishes, its coroutine is cancelled.
        """
        app = Klein()
        outcomes: list[object] = []

        @app.route("/v2/")
        async def answer(request: RegistryRequest) -> None:
            try:
                await Deferred()
            except CancelledError as error:
                outcomes.append(type(error))
                raise

        connection = Connection(lambda request: request.render(app.resource())).send(GET)
        connection.lose()
        assert outcomes == [CancelledError]


class PlainTests:
    """
    Requests that are answered as twisted.web does it.
    """

    @staticmethod
    def ask(method: bytes, target: bytes = b"/a/b%2Fc?d=e&d=f&g") -> Connection:
        """Let the resource answer."""
        head = b"%b %b HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\n\r\n" % (method, target)
        return Connection(lambda request: request.render(Plain())).send(head)

    def test_bytes(self) -> None:
        """
        A resource may return the body, and finds path and parameters.
        """
        (answer,) = self.ask(b"GET").answers
        assert answer.body == b"plain"
        assert answer.headers == {
            b"Date": b"Thu, 01 Jan 1970 00:00:00 GMT",
            b"X-Path": b"a,b/c",
            b"X-Args": b"[(b'd', [b'e', b'f'])]",
            b"Set-Cookie": b"a=b",
            b"Content-Length": b"5",
        }

    def test_stream(self) -> None:
        """
        A resource may write and finish.
        """
        (answer,) = self.ask(b"PUT").answers
        assert answer.status == 202
        assert answer.body == b"onetwo"
        assert answer.headers[b"X-Type"] == b"x/y"

    def test_nothing_written(self) -> None:
        """
        A resource may finish without having written anything.
        """
        (answer,) = self.ask(b"DELETE").answers
        assert answer.status == 202
        assert answer.headers[b"Content-Length"] == b"0"

    def test_head(self) -> None:
        """
        HEAD is answered as GET, without the body.
        """
        output = self.ask(b"HEAD").output()
        assert b"\r\nContent-Length: 5\r\n" in output
        assert output.endswith(b"\r\n\r\n")

    def test_error(self, logged_failures: list[Failure]) -> None:
        """
        An error becomes an answer in JSON.
        """
        (answer,) = self.ask(b"POST").answers
        assert answer.status == 500
        assert b"secret" not in answer.body
        assert json.loads(answer.body)
        logged_failures.clear()

    def test_below(self) -> None:
        """
        A resource may be given another path than that of the request.
        """
        connection = Connection(lambda request: request.render_below(Plain(), "/x/é"))
        (answer,) = connection.send(GET).answers
        assert answer.headers[b"X-Path"] == "x,é".encode()

    def test_producer(self) -> None:
        """
        A producer is told when to pause, to go on and to stop.
        """

        @implementer(IPushProducer)
        class Producer:
            told: list[str]

            def pauseProducing(self) -> None:
                self.told.append("pause")

            def resumeProducing(self) -> None:
                self.told.append("resume")

            def stopProducing(self) -> None:
                self.told.append("stop")

        producer = Producer()
        producer.told = []
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        recorder.last.registerProducer(producer, True)
        connection.channel.pauseProducing()
        connection.channel.resumeProducing()
        connection.channel.stopProducing()
        assert producer.told == ["pause", "resume", "stop"]
        connection.lose()

    def test_late_producer(self) -> None:
        """
        A producer that comes when the transport is full has to wait at once.
        """

        @implementer(IPushProducer)
        class Producer:
            paused = False

            def pauseProducing(self) -> None:
                self.paused = True

            def resumeProducing(self) -> None:
                self.paused = False

            def stopProducing(self) -> None:
                """Nothing to stop."""

        producer = Producer()
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        connection.channel.pauseProducing()
        recorder.last.registerProducer(producer, True)
        assert producer.paused
        recorder.last.finish()
        assert parse_answers(connection.output())[0].status == 200
