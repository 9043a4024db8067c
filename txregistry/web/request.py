"""
A request that is dispatched at its head, and the answer to it.

A :class:`RegistryRequest` can be answered in three ways: whole, with :meth:`~RegistryRequest.
respond`; as a stream, with :meth:`~RegistryRequest.begin`, ``write``, ``send_file`` and ``end``;
and by whoever knows nothing but :class:`twisted.web.iweb.IRequest`, as Klein does.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes

from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web import server
from twisted.web.http import parse_qs
from twisted.web.http_headers import Headers
from twisted.web.resource import IResource

from txregistry.deferreds import deferred
from txregistry.errors import ClientDisconnected
from txregistry.web.body import RequestBody
from txregistry.web.head import Head

if TYPE_CHECKING:
    from txregistry.web.channel import RegistryChannel
    from txregistry.web.site import RegistrySite

Header = tuple[bytes, bytes]

STATUS_LINES: Final = {
    status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode("ascii"))
    for status in HTTPStatus
}

JOINED: Final = 16 * 1024
"""A body up to so many bytes goes out together with the head of its answer."""

OURS: Final = frozenset({b"connection", b"content-length", b"date", b"transfer-encoding"})
"""Fields of answers that are not the application's to set, or not as it likes."""

PLAIN: Final = frozenset(
    {
        *(b"Accept-Ranges", b"Cache-Control", b"Content-Type", b"Docker-Content-Digest"),
        *(b"Docker-Distribution-Api-Version", b"ETag"),
    }
)
"""Fields of nearly every answer; to know them by sight takes half the time."""

WITHOUT_LENGTH: Final = frozenset({*range(100, 200), 204, 304})
"""RFC 9110 §8.6, and for 304 because what it would tell is the length of something else."""


def head_bytes(status: int, lines: list[bytes]) -> bytes:
    """
    Put the head of an answer together.

    :param status: its status code.
    :param lines: its fields, each with CRLF.
    :raises ValueError: if a field holds a line break: nobody may add fields, or an answer, by way
        of a value (RFC 9110 §5.5).
    """
    line = STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
    head = b"".join((line, *lines, b"\r\n"))
    count = len(lines) + 2
    if head.count(b"\n") != count or head.count(b"\r") != count or b"\0" in head:
        raise ValueError("a header field of the answer holds a line break")
    return head


def has_body(method: bytes, status: int) -> bool:
    """:return: whether an answer has content (RFC 9110 §6.4.1)."""
    return method != b"HEAD" and status >= 200 and status not in (204, 304)


class RegistryRequest(server.Request):
    """
    A request, from its head on.

    :param channel: through which it is answered.
    :param head: what it says.
    :param body: what comes after the head.

    :ivar running: for whoever dispatches requests: what it remembers of this one.
    :ivar kept: whether the connection outlives the answer; known when the answer begins.
    """

    log = Logger()
    site: RegistrySite  # type: ignore[assignment]  # of our own kind
    channel: RegistryChannel | None  # type: ignore[assignment]  # Twisted's is None in the end too
    running: Any = None
    kept = False

    # How the body of the answer is told: what Content-Length still promises, or in chunks.
    _promised: int | None = None
    _chunked = False
    _bodyless = False

    def __init__(self, channel: RegistryChannel, head: Head, body: RequestBody) -> None:
        # Not the constructors of our ancestors: they make much that few requests need.  What
        # they make is below, made when it is asked for.
        self.channel = channel
        self.site = channel.site
        self.head = head
        self.body = body
        self.method = head.method
        self.uri = head.target
        self.path = head.path
        self.clientproto = b"HTTP/1.1" if head.is_1_1 else b"HTTP/1.0"
        self.client: IAddress = channel.peer
        self.host = channel.host
        self.notifications: list[Deferred[None]] = []
        self.queued = False

    @cached_property
    def requestHeaders(self) -> Headers:  # type: ignore[override]  # a variable there
        """The fields of the request as twisted.web has them."""
        headers = Headers()
        for name, values in self.head.fields.items():
            headers.setRawHeaders(name, values)
        return headers

    @cached_property
    def responseHeaders(self) -> Headers:  # type: ignore[override]  # a variable there
        """The fields of the answer, for whoever answers as twisted.web has it."""
        return Headers()

    @cached_property
    def args(self) -> dict[bytes, list[bytes]]:  # type: ignore[override]  # a variable there
        """Parameters: of the query string only, whatever the Content-Type says."""
        return parse_qs(self.uri.partition(b"?")[2], 1)  # type: ignore[no-any-return]  # untyped

    @cached_property
    def cookies(self) -> list[bytes]:  # type: ignore[override]  # a variable there
        """The cookies of the answer."""
        return []

    @cached_property
    def received_cookies(self) -> dict[bytes, bytes]:  # type: ignore[override]  # the same
        """Nobody here reads cookies."""
        return {}

    @cached_property
    def _adapterCache(self) -> dict[str, Any]:  # type: ignore[override]  # noqa: N802 - Componentized's
        return {}

    # asking

    def header(self, name: bytes) -> bytes | None:
        """
        :param name: of a field, in lower case.
        :return: its value, the last if there are several.
        """
        values = self.head.fields.get(name)
        return values[-1] if values else None

    def headers(self, name: bytes) -> list[bytes]:
        """
        :param name: of a field, in lower case.
        :return: the values of all its lines.
        """
        return self.head.fields.get(name, [])

    def getRequestHostname(self) -> bytes:  # noqa: N802 - Twisted's name
        """
        A constant: only routing asks for it, and what a client says of itself in ``Host`` must
        have no part in that.  URLs are built from :meth:`header`.
        """
        return b"localhost"

    # dispatching

    def dispatch(self) -> None:
        """
        Let the application begin; what it lets escape ends the connection.
        """
        try:
            self.site.dispatch(self)
        except Exception:  # noqa: BLE001 - whatever it is, the connection's other requests live on
            self.processingFailed(Failure())

    def render_below(self, resource: IResource, path: str) -> None:
        """
        Let a leaf resource answer.

        :param resource: for instance Klein's.
        :param path: what the resource shall take for the path, decoded.
        """
        self.prepath = []
        self.postpath = path.removeprefix("/").encode("utf-8").split(b"/")
        self.render(resource)

    def forget_rendering(self) -> None:
        """
        Forget what a resource left that has no part in the answer any more.  It would be kept as
        long as the answer takes, which a client decides.
        """
        self.notifications.clear()
        self.prepath = []
        self.postpath = None
        self.__dict__.pop("_adapterCache", None)

    def render(self, resource: IResource) -> None:
        if self.postpath is None:
            self.prepath = []
            self.postpath = [unquote_to_bytes(part) for part in self.path[1:].split(b"/")]
        super().render(resource)

    def processingFailed(self, reason: Failure) -> Failure:
        """
        Answer for something that went wrong and nobody foresaw; a client sees none of it.
        """
        self.log.failure(
            "nobody handled an error of {method} {path}",
            reason,
            method=self.method.decode("latin-1"),
            path=self.path.decode("latin-1"),
        )
        if self.channel is None or self.finished:
            return reason
        if self.startedWriting:
            self.abort()
        else:
            self.channel.give_up()
            self.respond(*self.site.render_error(reason.value or RuntimeError()))
        return reason

    # answering

    def respond(self, status: int, headers: Iterable[Header], body: bytes | None = None) -> None:
        """
        Answer, all at once.  Nothing happens if the client is gone.

        :param status: the status code.
        :param headers: fields.  ``Content-Length`` is made from the body; one that is given
            counts only where no body may be sent: in an answer to HEAD.
        :param body: the body, left out by itself where none may be sent.
        """
        channel = self._start(status)
        if channel is None:
            return
        lines = self._lines(status, headers, len(body) if body else 0)
        data = head_bytes(status, lines)
        self.startedWriting = 1
        if not body or self._bodyless:
            channel.write(data)
        elif len(body) <= JOINED:
            channel.write(data + body)
            self.sentLength = len(body)
        else:
            channel.write(data)
            channel.write(body)
            self.sentLength = len(body)
        self._over(channel)

    def begin(self, status: int, headers: Iterable[Header]) -> None:
        """
        Begin an answer that comes in pieces.  Nothing happens if the client is gone.

        :param status: the status code.
        :param headers: fields.  Without a ``Content-Length`` the body goes in chunks, or, to
            HTTP/1.0, up to the connection's end.
        """
        channel = self._start(status)
        if channel is None:
            return
        data = head_bytes(status, self._lines(status, headers, None))
        self.startedWriting = 1
        channel.write(data)

    def write(self, data: bytes) -> None:
        """
        Send a piece of the body; begin the answer if nobody has.

        :raises RuntimeError: if there is more than ``Content-Length`` said, or the answer is over.
        """
        if self.finished:
            raise RuntimeError("the answer is over")
        if not self.startedWriting:
            self._begin_plainly(())
        channel = self.channel
        if channel is None or self._bodyless or not data:
            return
        self._count(len(data))
        if self._chunked:
            channel.write(b"%x\r\n%b\r\n" % (len(data), data))
        else:
            channel.write(data)

    def ready(self) -> Deferred[None]:
        """
        Wait until the client has taken most of what was written.

        :return: fires at once if it has.
        :raises ClientDisconnected: if the client is gone.
        """
        return fail(ClientDisconnected()) if self.channel is None else self.channel.ready()

    @deferred
    async def send_file(self, file: BinaryIO, offset: int, count: int) -> None:
        """
        Send a part of a file as a piece of the body.

        :param file: open; it stays so until the Deferred has fired.
        :param offset: where the part begins, in bytes.
        :param count: how long it is, in bytes.
        :return: fires when the last byte was given to the kernel.  Nothing may be written
            before.
        :raises ClientDisconnected: if the client goes away.
        :raises StorageFailure: if the file has fewer bytes or can't be read.  The connection is
            gone then: its client must see that the answer is incomplete.
        """
        channel = self.channel
        if channel is None:
            raise ClientDisconnected
        if self._bodyless or not count:
            return
        self._count(count)
        if self._chunked:
            channel.write(b"%x\r\n" % count)
        try:
            await channel.send_file(self.site.threads, file, offset, count)
        except BaseException:
            channel.abort()
            raise
        if self._chunked:
            channel.write(b"\r\n")

    def end(self) -> None:
        """End an answer that came in pieces.  Nothing happens if the client is gone."""
        channel = self.channel
        if channel is None or self.finished:
            return
        if self._chunked:
            channel.write(b"0\r\n\r\n")
        elif self._promised and not self._bodyless:
            self.log.error("an answer ended {left} bytes early", left=self._promised)
            channel.abort()
            return
        self._over(channel)

    def abort(self) -> None:
        """Cut the connection: its client must not take a part of the answer for all of it."""
        if self.channel is not None:
            self.channel.abort()

    def finish(self) -> None:
        """As :meth:`end`, for whoever answers as twisted.web has it."""
        if self._disconnected:
            raise RuntimeError("the connection was lost; notifyFinish would have told")
        if not self.startedWriting:
            self._begin_plainly([(b"Content-Length", b"0")] if self.method != b"HEAD" else ())
        self.end()

    # inside

    def _start(self, status: int) -> RegistryChannel | None:
        if self.startedWriting:
            raise RuntimeError("the answer has begun already")
        self.code = status
        self._promised = None
        self._chunked = False
        self._bodyless = not has_body(self.method, status)
        channel = self.channel
        if channel is not None:
            self.kept = channel.may_keep(self)
        return channel

    def _lines(self, status: int, headers: Iterable[Header], length: int | None) -> list[bytes]:
        """
        Make the fields: those that are given, and what HTTP wants.

        :param length: of the body, ``None`` if ``headers`` may tell it.
        """
        lines = [self.site.date]
        given = None
        for name, value in headers:
            if name in PLAIN or (lower := name.lower()) not in OURS:
                lines.append(b"%b: %b\r\n" % (name, value))
            elif lower == b"content-length":
                given = int(value)
        if length is None or (not length and self.method == b"HEAD" and given is not None):
            length = given
        if status not in WITHOUT_LENGTH:
            lines += self._frame(length)
        if not self.kept:
            lines.append(b"Connection: close\r\n")
        elif not self.head.is_1_1:
            lines.append(b"Connection: keep-alive\r\n")
        return lines

    def _frame(self, length: int | None) -> tuple[bytes, ...]:
        """:return: the field that tells where the answer ends (RFC 9112 §6.3)."""
        if length is not None:
            self._promised = length
            return (b"Content-Length: %d\r\n" % length,)
        if self._bodyless:
            return ()
        if self.head.is_1_1:
            self._chunked = True
            return (b"Transfer-Encoding: chunked\r\n",)
        self.kept = False  # it ends with the connection
        return ()

    def _begin_plainly(self, more: Iterable[Header]) -> None:
        """Begin with what was set in the way of twisted.web."""
        given = self.responseHeaders
        if self.cookies:
            given.setRawHeaders(b"Set-Cookie", self.cookies)
        if given.hasHeader(b"Content-Length"):
            more = ()
        lines = [(name, value) for name, values in given.getAllRawHeaders() for value in values]
        self.begin(self.code, [*lines, *more])

    def _count(self, size: int) -> None:
        self.sentLength += size
        if self._promised is not None:
            self._promised -= size
            if self._promised < 0:
                self.abort()
                raise RuntimeError("there is more content than Content-Length says")

    def _over(self, channel: RegistryChannel) -> None:
        self.finished = 1
        if self.producer is not None:
            self.unregisterProducer()
        self.channel = None
        notifications, self.notifications = self.notifications, []
        for notification in notifications:
            notification.callback(None)
        channel.requestDone(self)
