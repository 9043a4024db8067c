"""
What comes in through a connection: no more of it than there is room for.

What follows a request's head feeds its body, and the end of the message only ends that stream.  The
next request of the connection is looked at when the answer to this one has been sent: until then
its bytes wait, a few here and the rest with the client.
"""
# Most methods of Twisted's transports and requests have no types.
# mypy: allow-untyped-calls

from __future__ import annotations

from abc import abstractmethod
from math import inf
from typing import TYPE_CHECKING, Any, Final, cast

from txregistry.errors import BodyInvalid, RegistryError
from txregistry.web.body import RequestBody
from txregistry.web.framing import Framing, Piece
from txregistry.web.outgoing import OutgoingChannel

if TYPE_CHECKING:
    from txregistry.web.request import RegistryRequest
    from txregistry.web.site import RegistrySite

AT_ONCE: Final = 32
"""How many pipelined requests are answered before other connections have their turn."""

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"

NO_BODY: Final = RequestBody(0, lambda: None)
"""The body while there is no request, and of all requests that have none."""


class IncomingChannel(OutgoingChannel):
    """
    The half of a channel that reads, on top of the one that writes.

    Where a connection stands is told by four attributes: ``_request`` (being answered),
    ``_framing`` (of a body that has not come to its end), ``_broken`` (nothing that comes can be
    understood any more) and ``_lingering`` (the last answer has been sent).

    :ivar site: whose connection it is.
    """

    site: RegistrySite

    _request: RegistryRequest | None = None
    _body = NO_BODY
    _framing: Framing | None = None
    _broken = False
    _lingering = False

    _held = b""  # what came and has not been looked at
    _taking = False
    _later = False
    _reading = True
    _continue = False  # whether the client waits for 100
    _counted = 0  # what the site knows to be buffered here

    _deadline = inf  # of what is waited for now
    _linger_end = inf  # of what comes though it was answered

    # what comes, now or later

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

    def _unpaused(self) -> None:
        self._go_on()

    # bodies

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

    def _await_rest(self) -> None:
        """Set the time limit for what still comes and is dropped."""
        self._deadline = min(self.site.now + self.site.limits.linger_idle, self._linger_end)

    def _count_buffered(self) -> None:
        buffered = self._body.buffered
        self.site.buffered += buffered - self._counted
        self._counted = buffered

    # how much may come

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

    # what is left to whoever answers

    @abstractmethod
    def _take_head(self, data: bytes) -> bytes:
        """
        Called when it is the turn of another request.

        :param data: what came of it, and perhaps of others.
        :return: what comes after its head; ``data`` itself if that is not complete.
        :raises RegistryError: if this can't be the head of a request.
        """

    @abstractmethod
    def _answered(self) -> None:
        """Called when nothing more comes of a request that has been answered."""

    @abstractmethod
    def _refuse(self, error: RegistryError) -> None:
        """Called with what is wrong about a head."""
