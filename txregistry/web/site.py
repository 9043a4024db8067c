"""
What all connections of a registry have in common.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall, IReactorTime
from twisted.internet.protocol import ServerFactory
from twisted.web.http import datetimeToString

from txregistry.deferreds import Threads
from txregistry.web.channel import RegistryChannel
from txregistry.web.connections import Connections
from txregistry.web.errors import Headers, render_error
from txregistry.web.limits import Limits
from txregistry.web.request import RegistryRequest

TICK = 1.0
"""How often time limits are looked at, in seconds: one call for all connections."""


def _ignore(request: RegistryRequest) -> None:
    """Do nothing."""


class RegistrySite(ServerFactory):
    """
    Makes a :class:`~txregistry.web.channel.RegistryChannel` of each connection.

    :param dispatch: called with each request when its head is complete.  It answers, now or
        later, and must not block.
    :param clock: for time limits and the ``Date``.
    :param threads: for reading files that can't be sent by the kernel.
    :param limits: of each connection.
    :param finished: called with each request when its answer has been sent or its client is gone.
    :param render_error: makes the answer to what is no request: status, fields, body.

    :ivar connections: counts them; ports that serve this site stop accepting at its limit.
    :ivar now: the time of the last tick, in seconds.
    :ivar date: the ``Date`` field of an answer.
    :ivar draining: whether connections are to end.
    :ivar buffered: how many bytes of bodies are buffered, of all connections.
    """

    noisy = False

    def __init__(
        self,
        dispatch: Callable[[RegistryRequest], None],
        clock: IReactorTime,
        threads: Threads,
        limits: Limits | None = None,
        finished: Callable[[RegistryRequest], None] = _ignore,
        render_error: Callable[[BaseException], tuple[int, Headers, bytes]] = render_error,
    ) -> None:
        self.dispatch = dispatch
        self.clock = clock
        self.threads = threads
        self.limits = limits or Limits()
        self.finished = finished
        self.render_error = render_error
        self.connections = Connections(self.limits.connections)
        self.draining = False
        self.buffered = 0
        self._channels: set[RegistryChannel] = set()
        self._tick_call: IDelayedCall | None = None
        self._drained: list[Deferred[None]] = []
        self._set_time()

    def buildProtocol(self, addr: IAddress | None) -> RegistryChannel:
        return RegistryChannel(self)

    def drain(self) -> Deferred[None]:
        """
        Let all connections end: idle ones at once, the others after their answers.

        :return: fires when none is left.
        """
        self.draining = True
        drained: Deferred[None] = Deferred()
        self._drained.append(drained)
        for channel in list(self._channels):
            channel.close_idle()
        self._see_drained()
        return drained

    def abort(self) -> None:
        """End all connections now."""
        for channel in list(self._channels):
            channel.abort()

    # what channels call

    def opened(self, channel: RegistryChannel) -> None:
        """Know of a new connection."""
        if self._tick_call is None:
            self._set_time()
            self._tick_call = self.clock.callLater(TICK, self._tick)
        self._channels.add(channel)

    def closed(self, channel: RegistryChannel) -> None:
        """Forget a connection."""
        self._channels.discard(channel)
        if not self._channels:
            if self._tick_call is not None:
                self._tick_call.cancel()
                self._tick_call = None
            self._see_drained()

    # inside

    def _tick(self) -> None:
        self._tick_call = self.clock.callLater(TICK, self._tick)
        self._set_time()
        for channel in list(self._channels):
            channel.tick(self.now)

    def _set_time(self) -> None:
        self.now = self.clock.seconds()
        self.date = b"Date: %b\r\n" % datetimeToString(self.now)

    def _see_drained(self) -> None:
        if not self._channels:
            waiting, self._drained = self._drained, []
            for drained in waiting:
                drained.callback(None)
