"""
What is written, and when.
"""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure

from tests.observability.exchanges import exchange
from txregistry.observability.formats import format_json, format_text
from txregistry.observability.logs import LEVELS, AccessLog, EventLog, LineWriter

NOON = datetime(2026, 8, 18, 12, 0, 0, tzinfo=UTC)


class Stream(io.StringIO):
    """
    A stream that counts.
    """

    writes = 0

    def write(self, text: str) -> int:
        """
        Count, and write.
        """
        self.writes += 1
        return super().write(text)


class Dead(io.StringIO):
    """
    A stream that fails as one that is gone does.
    """

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, text: str) -> int:
        """
        Fail.
        """
        raise self._error


class LineWriterTests:
    """
    Lines are written many at a time.
    """

    def test_at_the_end_of_a_turn(self) -> None:
        """
        All lines of a reactor turn are written at once, at its end.
        """
        stream, clock = Stream(), Clock()
        writer = LineWriter(stream, clock)
        for number in range(1000):
            writer.write(f"line {number}")
        assert stream.getvalue() == ""
        clock.advance(0)
        assert stream.getvalue() == "".join(f"line {number}\n" for number in range(1000))
        assert stream.writes == 1

    def test_next_turn(self) -> None:
        """
        The next turn's lines are written at the next turn's end, and idle turns write nothing.
        """
        stream, clock = Stream(), Clock()
        writer = LineWriter(stream, clock)
        writer.write("a")
        clock.advance(0)
        assert not clock.getDelayedCalls()
        writer.write("b")
        clock.advance(0)
        assert stream.getvalue() == "a\nb\n"

    def test_flush(self) -> None:
        """
        At the end of the process nothing is left behind, nor written twice.
        """
        stream, clock = Stream(), Clock()
        writer = LineWriter(stream, clock)
        writer.write("a")
        writer.flush()
        writer.flush()
        clock.advance(0)
        assert stream.getvalue() == "a\n"

    def test_without_clock(self) -> None:
        """
        Before there is a reactor each line is written at once.
        """
        stream = Stream()
        LineWriter(stream).write("a")
        assert stream.getvalue() == "a\n"

    @pytest.mark.parametrize(
        "error", [BrokenPipeError(), OSError(28, "no space"), ValueError("closed")], ids=repr
    )
    def test_dead_stream(self, error: Exception) -> None:
        """
        A stream that is gone is no reason to stop serving.
        """
        clock = Clock()
        writer = LineWriter(Dead(error), clock)
        writer.write("a")
        clock.advance(0)
        writer.write("b")
        clock.advance(0)
        assert not clock.getDelayedCalls()

    def test_closed_pipe(self) -> None:
        """
        Nor is a real pipe whose reader is gone.
        """
        reading, writing = os.pipe()
        os.close(reading)
        with open(writing, "w", encoding="utf-8") as stream:
            LineWriter(stream).write("a")
            # What could not be written must not be tried again when the stream is closed.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

    def test_pipe(self) -> None:
        """
        Into a pipe, which others may write to, go whole lines at once, and no more of them than the
        system keeps together.
        """
        reading, writing = os.pipe2(os.O_DIRECT)  # each write is read as it was written
        lines = [f"{number} " + "x" * 1000 for number in range(9)] + ["é" * 3000, "end"]
        with open(writing, "w", encoding="utf-8") as stream, open(reading, "rb", 0) as reader:
            writer = LineWriter(stream, clock := Clock())
            for line in lines:
                writer.write(line)
            clock.advance(0)
            sizes = [4, 4, 1]
            for begin, size in zip([0, 4, 8], sizes, strict=True):
                wanted = "".join(f"{line}\n" for line in lines[begin : begin + size])
                assert reader.read(65536) == wanted.encode()
            longest = reader.read(65536) + reader.read(65536)
            assert longest == f"{lines[9]}\n".encode()
            assert reader.read(65536) == b"end\n"

    def test_narrow_encoding(self) -> None:
        """
        A character that the stream's encoding doesn't have costs no line.
        """
        file = io.BytesIO()
        writer = LineWriter(io.TextIOWrapper(file, "ascii"), clock := Clock())
        writer.write("before")
        writer.write("é\ud800")
        writer.write("after")
        clock.advance(0)
        assert file.getvalue() == b"before\n\\xe9\\ud800\nafter\n"


class EventLogTests:
    """
    Events of Twisted's log.
    """

    def log(self, **options: Any) -> tuple[io.StringIO, LogPublisher]:
        """
        A log, and where to say what it writes.
        """
        stream = io.StringIO()
        observer = EventLog(LineWriter(stream), format_json, now=lambda: NOON, **options)
        return stream, LogPublisher(observer)

    def lines(self, stream: io.StringIO) -> list[dict[str, Any]]:
        """
        What was written.
        """
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_line(self) -> None:
        """
        An event is a line with its time, its level and its text.
        """
        stream, publisher = self.log(fields={"service": "registry"})
        Logger("txregistry.x", observer=publisher).info("hello {name}", name="wörld\n")
        assert self.lines(stream) == [
            {
                "level": "info",
                "msg": "hello wörld\n",
                "service": "registry",
                "time": "2026-08-18T12:00:00Z",
            }
        ]

    @pytest.mark.parametrize("level", LEVELS)
    def test_level(self, level: str) -> None:
        """
        What is below the level is left out.
        """
        stream, publisher = self.log(level=level)
        logger = Logger("txregistry.x", observer=publisher)
        for each in (
            LogLevel.critical,
            LogLevel.error,
            LogLevel.warn,
            LogLevel.info,
            LogLevel.debug,
        ):
            logger.emit(each, each.name)
        ranks = {"critical": "error", "error": "error", "warn": "warn", "info": "info"}
        told = [ranks.get(line["msg"], "debug") for line in self.lines(stream)]
        assert told == ["error", *LEVELS[: LEVELS.index(level) + 1]]

    def test_chatter(self) -> None:
        """
        What Twisted tells its own developers is left out, what it warns of is not.
        """
        stream, publisher = self.log(level="debug")
        logger = Logger("twisted.internet", observer=publisher)
        logger.info("Starting factory")
        logger.emit(LogLevel.warn, "something odd")
        logger.error("something wrong")
        assert [line["msg"] for line in self.lines(stream)] == ["something odd", "something wrong"]

    def test_caller(self) -> None:
        """
        On demand a line says who speaks.
        """
        stream, publisher = self.log(report_caller=True)
        Logger("txregistry.x", observer=publisher).info("hello")
        assert self.lines(stream)[0]["caller"] == "txregistry.x"

    def test_failure(self) -> None:
        """
        A failure comes with its text and its traceback, on one line.
        """
        stream, publisher = self.log()
        try:
            raise RuntimeError("broken\nin two")
        except RuntimeError:
            Logger("txregistry.x", observer=publisher).failure("oops", Failure())
        (line,) = self.lines(stream)
        assert line["error"] == "broken\nin two"
        assert "RuntimeError" in line["traceback"]
        assert line["level"] == "error"

    def test_old_event(self) -> None:
        """
        An event of the old logging system, without a level, is an info.
        """
        stream = io.StringIO()
        log = EventLog(LineWriter(stream), format_json, now=lambda: NOON)
        log({"log_namespace": "txregistry", "log_format": "hello"})
        assert self.lines(stream)[0]["level"] == "info"


class ResponseCompletedTests:
    """
    The line of an exchange.
    """

    def lines(self, level: str, **changes: Any) -> list[dict[str, Any]]:
        """
        What is written of an exchange.
        """
        stream = io.StringIO()
        log = EventLog(LineWriter(stream), format_json, level, {"x": "y"}, now=lambda: NOON)
        log.response_completed(exchange(**changes))
        return [json.loads(line) for line in stream.getvalue().splitlines()]

    def test_line(self) -> None:
        """
        The fields have the names that distribution gives them.
        """
        assert self.lines("info", actor="joe", referer="http://x/") == [
            {
                "auth.user.name": "joe",
                "http.request.host": "registry.example:5000",
                "http.request.id": "7c8f1a52-9b5e-4a8e-8f6a-0d9d1f5b7e11",
                "http.request.method": "GET",
                "http.request.referer": "http://x/",
                "http.request.remoteaddr": "203.0.113.9",
                "http.request.uri": "/v2/a/manifests/latest",
                "http.request.useragent": "docker/27.0",
                "http.response.contenttype": "application/json",
                "http.response.duration": "12.346ms",
                "http.response.status": 200,
                "http.response.written": 1234,
                "level": "info",
                "msg": "response completed",
                "time": "2026-08-18T12:00:00Z",
                "vars.name": "a",
                "vars.reference": "latest",
                "x": "y",
            }
        ]

    def test_absent(self) -> None:
        """
        What a client didn't say is left out.
        """
        (line,) = self.lines("info", user_agent="", content_type="")
        absent = {"auth.user.name", "http.request.referer", "http.request.useragent"}
        assert not absent & set(line)
        assert "http.response.contenttype" not in line

    def test_errors(self) -> None:
        """
        Each error of an answer is a line of its own.
        """
        entries = [
            {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown", "detail": "sha256:a"},
            {"code": "MANIFEST_BLOB_UNKNOWN", "message": "blob unknown", "detail": "sha256:b"},
        ]
        lines = self.lines("error", status=400, errors=entries)
        assert [line["err.detail"] for line in lines] == ["sha256:a", "sha256:b"]
        assert {line["level"] for line in lines} == {"error"}
        assert {line["msg"] for line in lines} == {"response completed with error"}
        assert {line["err.code"] for line in lines} == {"MANIFEST_BLOB_UNKNOWN"}

    @pytest.mark.parametrize(
        ("level", "good", "bad"), [("error", 0, 1), ("warn", 0, 1), ("info", 1, 1), ("debug", 1, 1)]
    )
    def test_level(self, level: str, good: int, bad: int) -> None:
        """
        Answers are told at info, errors always.
        """
        assert len(self.lines(level)) == good
        assert len(self.lines(level, errors=[{"code": "X", "message": "y"}])) == bad

    def test_injection(self) -> None:
        """
        Nothing that a client sends ends a line of text.
        """
        stream = io.StringIO()
        evil = 'x"\nlevel=error msg=forged\x1b[2J'
        EventLog(LineWriter(stream), format_text, now=lambda: NOON).response_completed(
            exchange(user_agent=evil, referer=evil, uri=evil, host=evil, variables={"name": evil})
        )
        assert len(stream.getvalue().splitlines()) == 1
        assert stream.getvalue().removesuffix("\n").isprintable()


class AccessLogTests:
    """
    Apache's combined format.
    """

    def line(self, **changes: Any) -> str:
        """
        What is written of an exchange.
        """
        stream = io.StringIO()
        AccessLog(LineWriter(stream), now=lambda: NOON)(exchange(**changes))
        return stream.getvalue()

    def test_line(self) -> None:
        """
        An exchange is one line.
        """
        assert self.line(actor="joe", referer="http://x/") == (
            '203.0.113.9 - joe [18/Aug/2026:12:00:00 +0000] "GET /v2/a/manifests/latest HTTP/1.1" '
            '200 1234 "http://x/" "docker/27.0"\n'
        )

    @pytest.mark.parametrize("field", ["uri", "method", "referer", "user_agent", "actor"])
    @pytest.mark.parametrize(
        "evil", ['" 200 1 "" "forged', "a\nforged", "a\r\nb", "\x1b[2J", "\x9b2J", "\x85", "\\"]
    )
    def test_injection(self, field: str, evil: str) -> None:
        """
        Nothing that a client sends ends its field or its line.
        """
        line = self.line(**{field: evil})
        assert line.count("\n") == 1
        assert line.removesuffix("\n").isprintable()
        quotes = line.replace("\\\\", "").replace('\\"', "").count('"')
        assert quotes == 6
