"""
The logs: events on one stream, accesses on another.

Lines are collected during a reactor turn and written at its end, so that a thousand requests
don't cost a thousand writes.  Where several processes write to the same pipe, no line comes to
stand within another's.
"""

from __future__ import annotations

import math
import os
import select
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TextIO

from attrs import frozen
from twisted.internet.error import ReactorNotRunning
from twisted.internet.interfaces import IReactorTime
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from zope.interface import implementer

from txregistry.interfaces import Exchange
from txregistry.observability.formats import Formatter, escaped, format_access

LEVELS: Final = ("error", "warn", "info", "debug")
"""The levels that a log can have, from the fewest lines to the most."""

_SEVERITIES: Final = {
    LogLevel.critical: ("error", 0),
    LogLevel.error: ("error", 0),
    LogLevel.warn: ("warning", 1),
    LogLevel.info: ("info", 2),
    LogLevel.debug: ("debug", 3),
}
_OURS: Final = "txregistry"


class LineWriter:
    """
    Writes lines to a stream, many at a time.

    :param stream: where they go.
    :param clock: calls at the end of a reactor turn; ``None`` to write each line at once.
    """

    def __init__(self, stream: TextIO, clock: IReactorTime | None = None) -> None:
        self._stream = stream
        self._clock = clock
        self._lines: list[str] = []
        self._most = _written_whole(stream)

    def write(self, line: str) -> None:
        """:param line: without its end."""
        self._lines.append(line)
        if self._clock is None:
            self.flush()
        elif len(self._lines) == 1:
            self._clock.callLater(0, self.flush)

    def flush(self) -> None:
        """Write what has been collected.  A stream that is gone is no reason to stop serving."""
        lines, self._lines = self._lines, []
        for text in _pieces(lines, self._most):
            try:
                self._write(text)
            except UnicodeEncodeError as error:
                # The stream's encoding has not all characters: one of them must not cost the rest.
                self._write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except UnicodeEncodeError:
            raise
        except (OSError, ValueError):
            pass


def _written_whole(stream: TextIO) -> float:
    """
    :return: how many bytes the system writes to a stream without letting anybody between: to a
        file any number, and to a pipe what *pipe(7)* promises.
    """
    try:
        is_file = stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # it is nothing that others have too
        return math.inf
    return math.inf if is_file else select.PIPE_BUF


def _pieces(lines: Sequence[str], most: float) -> Iterator[str]:
    """:return: the lines with their ends, as many at a time as have room in so many bytes."""
    piece: list[str] = []
    room = most
    for line in lines:
        size = 1 + (len(line) if line.isascii() else len(line.encode("utf-8", "replace")))
        if piece and size > room:
            yield "".join(piece)
            piece, room = [], most
        piece += line, "\n"
        room -= size
    if piece:
        yield "".join(piece)


@implementer(ILogObserver)
@frozen
class EventLog:
    """
    Writes what happens as lines.

    :param writer: where they go.
    :param formatter: how they look.
    :param level: one of :data:`LEVELS`.
    :param fields: what stands in every line.
    :param report_caller: tell which code speaks.
    :param now: the time of day in UTC.
    """

    writer: LineWriter
    formatter: Formatter
    level: str = "info"
    fields: Mapping[str, Any] = {}
    report_caller: bool = False
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, event: LogEvent) -> None:
        """Write an event of Twisted's log."""
        severity, rank = _SEVERITIES[event.get("log_level") or LogLevel.info]
        namespace = str(event.get("log_namespace", ""))
        if rank > LEVELS.index(self.level) or _is_chatter(namespace, rank):
            return
        failure = event.get("log_failure")
        if isinstance(failure, Failure) and failure.check(ReactorNotRunning):
            return  # a second signal to end, while the first is being obeyed
        fields = dict(self.fields)
        if self.report_caller:
            fields["caller"] = namespace
        if isinstance(failure, Failure):
            fields["error"] = failure.getErrorMessage()
            fields["traceback"] = failure.getTraceback()
        self.writer.write(self.formatter(self.now(), severity, formatEvent(event), fields))

    def response_completed(self, exchange: Exchange) -> None:
        """Write the line of an exchange, and one for each error that it had."""
        failed = bool(exchange.errors)
        if LEVELS.index(self.level) < (0 if failed else 2):
            return
        fields = {**self.fields, **_request_fields(exchange)}
        for error in exchange.errors:
            told = {f"err.{key}": value for key, value in error.items()}
            line = {**fields, **told}
            self.writer.write(
                self.formatter(self.now(), "error", "response completed with error", line)
            )
        if not failed:
            self.writer.write(self.formatter(self.now(), "info", "response completed", fields))


@frozen
class AccessLog:
    """
    Writes exchanges in Apache's combined format.

    :param writer: where they go.
    :param now: the time of day in UTC.
    """

    writer: LineWriter
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    def __call__(self, exchange: Exchange) -> None:
        """Write the line of an exchange."""
        request = escaped(f"{exchange.method} {exchange.uri} {exchange.protocol}")
        facts = (
            f'{exchange.status} {exchange.written} "{escaped(exchange.referer)}" '
            f'"{escaped(exchange.user_agent)}"'
        )
        self.writer.write(
            format_access(exchange.address, escaped(exchange.actor), self.now(), request, facts)
        )


def _is_chatter(namespace: str, rank: int) -> bool:
    """Twisted tells at *info* what only its own developers want to know."""
    return rank >= 2 and not namespace.startswith(_OURS)


def _request_fields(exchange: Exchange) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "http.request.id": exchange.request_id,
        "http.request.method": exchange.method,
        "http.request.host": exchange.host,
        "http.request.uri": exchange.uri,
        "http.request.remoteaddr": exchange.address,
        "http.response.status": exchange.status,
        "http.response.written": exchange.written,
        "http.response.duration": f"{exchange.seconds * 1000:.3f}ms",
    }
    optional = {
        "http.request.referer": exchange.referer,
        "http.request.useragent": exchange.user_agent,
        "http.response.contenttype": exchange.content_type,
        "auth.user.name": exchange.actor,
    }
    fields.update((key, value) for key, value in optional.items() if value)
    fields.update((f"vars.{key}", value) for key, value in exchange.variables.items())
    return fields
