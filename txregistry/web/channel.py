"""
Our end of an HTTP/1.1 connection (RFC 9112).

A request is dispatched as soon as its head is complete.  What comes after it feeds the request's
body, and the end of the message only ends that stream.  The next request of the connection is
looked at when the answer to this one has been sent: until then its bytes wait, a few here and the
rest with the client.

Where a connection stands is told by four attributes: ``_request`` (being answered), ``_framing``
(of a body that has not come to its end), ``_broken`` (nothing that comes can be understood any
more) and ``_lingering`` (the last answer has been sent).
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.errors import BodyInvalid, ClientDisconnected, RegistryError, RequestTimeout
from txregistry.web.body import RequestBody
from txregistry.web.framing import Chunked, Framing, Piece, Sized
from txregistry.web.head import Heads, check_beginning
from txregistry.web.outgoing import OutgoingChannel
from txregistry.web.request import RegistryRequest, head_bytes

if TYPE_CHECKING:
    from txregistry.web.site import RegistrySite

AT_ONCE: Final = 32
"""How many pipelined requests are answered before other connections have their turn."""

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

NO_BODY: Final = RequestBody(0, lambda: None)
"""The body while there is no request, and of all requests that have none."""


class RegistryChannel(OutgoingChannel):
    """
    Reads requests from a connection, one after the other, and writes their answers.

    :param site: whose connection it is.
    """

    log = Logger()

    _request: RegistryRequest | None = None
    _body = NO_BODY
    _framing: Framing | None = None
    _broken = False
    _lingering = False
    _linger_end = inf

    _held = b""  # what came and has not been looked at
    _scanned = 0  # how much of it is known not to complete a head
    _taking = False
    _later = False
    _reading = True
    _continue = False  # whether the client waits for 100
    _counted = 0  # what the site knows to be buffered here

    _deadline = inf

    def __init__(self, site: RegistrySite) -> None:
        self.site = site
        self.factory = site
        self._heads = Heads()

    # the connection

    @cached_property
    def secure(self) -> bool:
        """Whether the connection itself speaks TLS."""
        return bool(self.isSecure())

    @cached_property
    def certificate(self) -> bytes:
        """The certificate by which the client has shown who it is, in DER; else nothing."""
        ask = getattr(self.transport, "getPeerCertificate", None)
        certificate = ask() if ask is not None else None
        if certificate is None:
            return b""
        # Not before there is one: it costs memory and time.
        from OpenSSL.crypto import FILETYPE_ASN1, dump_certificate  # noqa: PLC0415 - see above

        return dump_certificate(FILETYPE_ASN1, certificate)

    def connectionMade(self) -> None:
        super().connectionMade()
        self.site.opened(self)
        self._deadline = self.site.now + self.site.limits.head_time

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._broken = self._lingering = True
        self._held = b""
        self._deadline = inf
        request, self._request = self._request, None
        body, self._body = self._body, NO_BODY
        self._count_buffered()
        if self._framing is not None:
            self._framing = None
            body.fail(ClientDisconnected())
        super().connectionLost(reason)
        if request is not None:
            request.connectionLost(reason)
            self.site.finished(request)
        self.site.closed(self)

    def give_up(self) -> None:
        """Read nothing more than what has been read, and close after the next answer."""
        self._broken = True

    def close_idle(self) -> None:
        """Close, if there is nothing to wait for."""
        if self._request is None and self._framing is None and not self._held:
            self.loseConnection()

    # reading

    def dataReceived(self, data: bytes) -> None:
        if self._broken or self._lingering:
            if self._lingering:
                self._await_rest()
            return
        if self._held:
            data = self._held + data
            self._held = b""
        if self._taking or self._later:
            self._held = data
        else:
            self._take(data)
        if self._held and len(self._held) > self.site.limits.pipelined:
            self._flow()

    def _take(self, data: bytes) -> None:
        """Go through what came as far as possible now, and hold the rest."""
        self._taking = True
        turns = AT_ONCE
        try:
            while data:
                if self._broken or self._lingering:
                    data = b""
                elif self._is_busy():
                    break
                elif not turns:
                    self._later = True
                    self.site.clock.callLater(0, self._take_later)
                    break
                elif self._framing is not None:
                    data = self._take_body(self._framing, data)
                    if self._framing is not None:
                        turns = 0  # if anything is left, it is left for another turn
                else:
                    turns -= 1
                    before = data
                    data = self._take_head(data)
                    if data is before:
                        break
        except RegistryError as error:
            data = b""
            self._refuse(error)
        finally:
            self._taking = False
        self._held = data + self._held

    def _is_busy(self) -> bool:
        """:return: whether the next request has to wait for the answer to this one."""
        return self._framing is None and (self._request is not None or self._waitingForTransport)

    def _take_later(self) -> None:
        self._later = False
        self._go_on()

    def _go_on(self) -> None:
        """Look at what was held."""
        if self._held and not self._taking and not self._later:
            held, self._held = self._held, b""
            self._take(held)
        self._flow()

    def _take_head(self, data: bytes) -> bytes:
        """
        Read a head and dispatch its request.

        :return: what comes after it; ``data`` itself if it is not complete.
        """
        limits = self.site.limits
        # RFC 9112 §2.2: an empty line before a request is ignored.
        start = 2 if data.startswith(b"\r\n") else 0
        end = data.find(b"\r\n\r\n", max(start, self._scanned - 3)) + 4
        if end < 4:
            check_beginning(data[start:], max(0, self._scanned - start), limits)
            if not self._scanned:
                self._deadline = min(self._deadline, self.site.now + limits.head_time)
            self._scanned = len(data)
            return data
        self._scanned = 0
        if end == len(data) and not start:
            raw, data = data, b""
        else:
            raw, data = data[start:end], data[end:]
        head = self._heads.read(raw, limits)
        body = self._body = (
            NO_BODY
            if head.length == 0
            else RequestBody(head.length, self._wanted, limits.body_piece)
        )
        request = self._request = RegistryRequest(self, head, body)
        self._continue = head.expects_continue
        self._deadline = inf
        if head.length != 0:
            self._framing = Chunked(limits) if head.length is None else Sized(head.length)
            if data:
                data = self._take_body(self._framing, data)
        request.dispatch()
        return data

    def _take_body(self, framing: Framing, data: bytes) -> bytes:
        """
        Feed the body.

        :return: what comes after it.
        """
        body = self._body
        pieces: list[Piece] = []
        error: BodyInvalid | None = None
        try:
            data = framing.take(data, pieces)
        except BodyInvalid as broken:
            error = broken
            data = b""
            self._broken = True
        ended = framing.ended
        if ended:
            self._framing = None
        if pieces:
            self._continue = False
            body.feed(pieces)
        if error is not None:
            body.fail(error)
        elif ended:
            body.end()
        if self._lingering:
            return b""  # whoever reads the body has answered, and that was the last answer
        if self._request is not None:
            self._await_body()
        elif self._broken or ended:
            self._answered()
        else:
            self._await_rest()
        return data

    def _wanted(self) -> None:
        """Called by the body when somebody wants to read."""
        request = self._request
        if request is None:
            return
        if self._continue and self._body.awaited:
            # RFC 9110 §10.1.1: needless once some of the content has come.
            self._continue = False
            if not request.startedWriting:
                self.write(CONTINUE)
        self._await_body()

    def _await_body(self) -> None:
        """Set the time limit for the next piece, and let it come if there is room for it."""
        waits = self._body.awaited and self._framing is not None and not self._broken
        self._deadline = self.site.now + self.site.limits.body_idle if waits else inf
        self._count_buffered()
        self._flow()

    def _count_buffered(self) -> None:
        buffered = self._body.buffered
        self.site.buffered += buffered - self._counted
        self._counted = buffered

    def _flow(self) -> None:
        """Read from the connection, or let the client wait."""
        reading = self._has_room()
        if reading != self._reading:
            self._reading = reading
            transport = cast(Any, self.transport)
            if reading:
                transport.resumeProducing()
            else:
                transport.pauseProducing()

    def _has_room(self) -> bool:
        if self._broken or self._lingering:
            return True  # what comes is dropped
        limits = self.site.limits
        if self._later or self._is_busy():
            return len(self._held) <= limits.pipelined
        body = self._body
        if self._framing is None or not body.buffered or body.awaited:
            return True
        if not body.started or self.site.buffered >= limits.body_buffers:
            return False
        return body.buffered < limits.body_buffer

    # answering

    def may_keep(self, request: RegistryRequest) -> bool:
        """
        :return: whether the connection can be kept after an answer that begins now (RFC 9112
            §9.3).  An unread body is in the way, unless little of it is left.
        """
        if self._broken or self.site.draining or not request.head.persistent:
            return False
        framing = self._framing
        if framing is None:
            return True
        if self._continue:
            return False  # RFC 9110 §10.1.1: nobody knows whether the body will still come
        return framing.is_exact and framing.left <= self.site.limits.drain

    def requestDone(self, request: RegistryRequest) -> None:
        self._request = None
        self.site.finished(request)
        if not request.kept or self._broken or self.site.draining:
            self._close()
        elif self._framing is None:
            self._answered()
        else:
            self._body.discard()
            self._count_buffered()
            self._linger_end = self.site.now + self.site.limits.linger_time
            self._await_rest()
        self._go_on()

    def _await_rest(self) -> None:
        """Set the time limit for what still comes and is dropped."""
        self._deadline = min(self.site.now + self.site.limits.linger_idle, self._linger_end)

    def _answered(self) -> None:
        """Be ready for the next request, whose predecessor has come and was answered."""
        self._body = NO_BODY
        self._count_buffered()
        if self._broken or self.site.draining:
            self._close()
        else:
            self._deadline = self.site.now + self.site.limits.keep_alive

    def _refuse(self, error: RegistryError) -> None:
        """Answer what is no request, and close."""
        self.log.debug("refused: {error}", error=error)
        self._broken = True
        status, headers, body = self.site.render_error(error)
        lines = [self.site.date, b"Connection: close\r\n", b"Content-Length: %d\r\n" % len(body)]
        lines += [b"%b: %b\r\n" % field for field in headers]
        self.write(head_bytes(status, lines) + body)
        self._close()

    # ending

    def _close(self) -> None:
        """
        Close when everything has been sent.

        Where the client may still be sending, only our side is closed at first and what comes is
        dropped: closed at once, the kernel would reset the connection, and the client might never
        see its answer (RFC 9112 §9.6).
        """
        unread = self._framing is not None or self._broken or bool(self._held) or not self._reading
        self._lingering = True
        self._framing = None
        self._held = b""
        self._body.discard()
        self._body = NO_BODY
        self._count_buffered()
        lose_write = getattr(self.transport, "loseWriteConnection", None)
        if not unread or lose_write is None:
            self._deadline = inf
            self.loseConnection()
            return
        self._linger_end = self.site.now + self.site.limits.linger_time
        self._await_rest()
        self._unregister()
        lose_write()
        self._flow()

    # time

    def tick(self, now: float) -> None:
        """
        See whether anything takes too long.

        :param now: in seconds.
        """
        if now >= self._deadline:
            self._deadline = inf
            self._timed_out()
        self._see_progress(now, self.site.limits.write_idle)
        if not self._reading:
            self._see_failure()

    def _unpaused(self) -> None:
        self._go_on()

    def _timed_out(self) -> None:
        if self._request is not None:
            if self._body.awaited:
                self._broken = True
                self._body.fail(RequestTimeout())
        elif self._held and not self._lingering and not self._waitingForTransport:
            self._held = b""
            self._refuse(RequestTimeout())
        else:
            self.loseConnection()
