"""
Telling several of the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import frozen
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.interfaces import INote, ISink
from txregistry.model.event import Event


@implementer(ISink)
@frozen
class BroadcastSink:
    """
    Hands everything on to several sinks.  That one fails keeps nothing from the others.

    :param sinks: in the order in which they are told.
    """

    log = Logger()

    sinks: Sequence[ISink]

    def write(self, events: Sequence[Event]) -> Deferred[None]:
        return self._each(lambda sink: sink.write(events))

    def note(self, events: Callable[[], Sequence[Event]]) -> INote | None:
        return None

    def close(self) -> Deferred[None]:
        return self._each(lambda sink: sink.close())

    @deferred
    async def _each(self, ask: Callable[[ISink], Deferred[None]]) -> None:
        """
        Ask all at once, and wait for all.

        :raises Exception: that of the first that failed, when all have ended.
        """
        failed: list[Exception] = []
        for waiting in [_begun(ask, sink) for sink in self.sinks]:
            try:
                await waiting
            except Exception as error:  # noqa: BLE001 - whatever it is, the others go on
                failed.append(error)
        for other in failed[1:]:
            self.log.error("another sink failed as well: {error}", error=other)
        if failed:
            raise failed[0]


@deferred
async def _begun(ask: Callable[[ISink], Deferred[None]], sink: ISink) -> None:
    await ask(sink)
