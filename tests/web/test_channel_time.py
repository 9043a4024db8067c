"""
How long a connection waits for its client.
"""
# Most of what Twisted has for tests has no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from typing import Final

import pytest
from twisted.internet.defer import Deferred

from tests.web.kit import Connection, Recorder, echo, hello, unread
from txregistry.errors import RequestTimeout
from txregistry.web.errors import render_error

GET: Final = b"GET /v2/ HTTP/1.1\r\nHost: a\r\n\r\n"
PUT: Final = b"PUT /v2/ HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n"


class HeadTimeTests:
    """
    Heads must be complete in time.
    """

    def test_nothing_comes(self) -> None:
        """
        A new connection on which nothing comes is closed without a word.
        """
        connection = Connection(hello, head_time=30)
        connection.wait(29)
        assert not connection.wire.is_closing()
        connection.wait(1)
        assert connection.wire.disconnecting
        assert not connection.output()

    def test_dripping(self) -> None:
        """
        A head that comes byte by byte has no more time than another.
        """
        connection = Connection(hello, head_time=30)
        for byte in GET[:29]:
            connection.send(bytes([byte])).wait(1)
        assert not connection.output()
        connection.wait(1)
        assert connection.statuses == [408]
        assert connection.answers[0].headers[b"Connection"] == b"close"
        assert connection.wire.is_closing()

    def test_dripping_later(self) -> None:
        """
        The same holds for a later request of a connection.
        """
        connection = Connection(hello, head_time=30, keep_alive=90).send(GET)
        connection.wait(80)
        connection.send(b"GET /")
        connection.wait(9)
        assert connection.statuses == [200]
        connection.send(b"v2/").wait(1)
        assert connection.statuses == [200, 408]

    def test_keep_alive(self) -> None:
        """
        A connection may be idle between two requests, but not for ever.
        """
        connection = Connection(hello, keep_alive=90).send(GET)
        connection.wait(89)
        connection.send(GET).wait(89)
        assert not connection.wire.is_closing()
        connection.wait(1)
        assert connection.wire.disconnecting
        assert connection.statuses == [200, 200]

    def test_long_work(self) -> None:
        """
        However long an answer takes to make, the connection waits for it.
        """
        recorder = Recorder()
        connection = Connection(recorder).send(GET)
        connection.wait(3600)
        recorder.last.respond(200, (), b"")
        assert connection.statuses == [200]
        assert not connection.wire.is_closing()

    def test_nothing_is_left(self) -> None:
        """
        Without connections there is nothing to look at.
        """
        connection = Connection(hello).send(GET)
        connection.lose()
        assert not connection.clock.getDelayedCalls()


class BodyTimeTests:
    """
    Bodies must not stop.
    """

    def test_stopped(self) -> None:
        """
        Who waits for a body that doesn't come gets an error, which becomes 408.
        """
        connection = Connection(echo, body_idle=60).send(PUT)
        connection.wait(59)
        connection.send(b"a").wait(59)
        assert not connection.output()
        connection.wait(1)
        assert connection.statuses == [408]
        assert connection.answers[0].headers[b"Connection"] == b"close"
        assert connection.wire.is_closing()

    def test_slow_but_steady(self) -> None:
        """
        A body that comes slowly may take hours.
        """
        connection = Connection(echo, body_idle=60).send(PUT.replace(b"100000", b"100"))
        for _ in range(100):
            connection.send(b"a").wait(50)
        assert connection.statuses == [200]
        assert not connection.wire.is_closing()

    def test_not_awaited(self) -> None:
        """
        A body that nobody waits for may take its time: the client may have to wait for us.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_idle=60, body_piece=1).send(PUT + b"a")
        connection.wait(100)
        errors: list[object] = []
        recorder.last.body.read()
        connection.wait(59)
        waiting = recorder.last.body.read()
        waiting.addErrback(lambda failure: errors.append(failure.type))
        connection.wait(60)
        assert errors == [RequestTimeout]
        recorder.last.respond(*render_error(RequestTimeout()))
        assert connection.statuses == [408]

    def test_cancelled(self) -> None:
        """
        Who has stopped waiting gets no error.
        """
        recorder = Recorder()
        connection = Connection(recorder, body_idle=60, body_piece=1).send(PUT)
        reading = recorder.last.body.read()
        reading.addErrback(lambda _: None)
        reading.cancel()
        connection.wait(100)
        connection.send(b"abc")
        read: list[object] = []
        recorder.last.body.read().addCallback(read.append)
        assert read == [b"abc"]

    def test_rest(self) -> None:
        """
        The rest of a body that nobody reads must come in time, if the connection is to be kept.
        """
        connection = Connection(unread, linger_idle=5).send(PUT.replace(b"100000", b"100"))
        connection.wait(4)
        connection.send(b"a").wait(4)
        assert not connection.wire.is_closing()
        connection.wait(1)
        assert connection.wire.is_closing()

    def test_dripping_rest(self) -> None:
        """
        Nor may it take too long altogether.
        """
        connection = Connection(unread, linger_idle=5, linger_time=30)
        connection.send(PUT.replace(b"100000", b"100"))
        for _ in range(29):
            connection.send(b"a").wait(1)
        assert not connection.wire.is_closing()
        connection.send(b"a").wait(1)
        assert connection.wire.is_closing()


class LingerTimeTests:
    """
    How long what still comes after the last answer is dropped.
    """

    @pytest.mark.parametrize(("step", "total"), [(6, 5), (1, 30)])
    def test_lingering(self, step: int, total: int) -> None:
        """
        The connection is closed when the client sends nothing for some time, or too long.
        """
        connection = Connection(unread, linger_idle=5, linger_time=30).send(PUT * 2)
        for second in range(total):
            assert connection.wire.half_closed
            assert not connection.wire.disconnecting
            if second % step == 0:
                connection.send(b"a" * 1000)
            connection.wait(1)
        assert connection.wire.disconnecting


class WriteTimeTests:
    """
    Clients must take their answers.
    """

    def test_takes_nothing(self) -> None:
        """
        A client that takes nothing for too long is cut off.
        """
        recorder = Recorder()
        connection = Connection(recorder, write_idle=60).send(GET)
        recorder.last.begin(200, ())
        waiting: list[Deferred[None]] = []
        connection.channel.pauseProducing()
        waiting.append(recorder.last.ready())
        connection.wait(60)
        assert not connection.wire.disconnected
        connection.wait(2)
        assert connection.wire.disconnected

    def test_takes_little(self) -> None:
        """
        A client that takes something now and then may go on for hours.
        """
        connection = Connection(Recorder(), write_idle=60).send(GET)
        for _ in range(10):
            connection.channel.pauseProducing()
            connection.wait(50)
            connection.channel.resumeProducing()
            connection.channel.pauseProducing()
            connection.wait(50)
            connection.channel.resumeProducing()
        assert not connection.wire.disconnected
