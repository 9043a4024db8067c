"""
Our end of an HTTP/1.1 connection (RFC 9112).

A request is dispatched as soon as its head is complete; its body may still be on its way
(:mod:`txregistry.web.incoming`) when it is answered.  When both have come to their ends it is the
turn of the next one, or the connection is closed.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from functools import cached_property
from math import inf
from typing import TYPE_CHECKING

from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.errors import ClientDisconnected, RegistryError, RequestTimeout
from txregistry.web.body import RequestBody
from txregistry.web.framing import Chunked, Sized
from txregistry.web.head import Heads, check_beginning
from txregistry.web.incoming import NO_BODY, IncomingChannel
from txregistry.web.request import RegistryRequest, head_bytes

if TYPE_CHECKING:
    from txregistry.web.site import RegistrySite


class RegistryChannel(IncomingChannel):
    """
    Dispatches the requests of a connection one after the other, and decides after each answer
    whether there may be another.

    :param site: whose connection it is.
    """

    log = Logger()

    _scanned = 0  # how much of what is held is known not to complete a head

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

    # requests

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
