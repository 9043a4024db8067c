"""
From what happened to events, and into a sink.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure

from txregistry.interfaces import IMetrics, ISink
from txregistry.model.access import Requester
from txregistry.model.event import Event, EventAction, Origin, Source, Target, encode_plain
from txregistry.model.event_id import UUID_LENGTH, event_id
from txregistry.notifications.listening.localtime import local_offset

UNWRITTEN: Final = "registry_notifications_unwritten_total"
"""Counts the events that the sink didn't take."""


class Recorder:
    """
    Makes events and writes them.  Whatever goes wrong, no request fails for it.

    :param sink: takes them.  Notes are left there directly.
    :param source: who tells.
    :param metrics: where it is counted what could not be written.
    :param now: nanoseconds since 1970.
    :param offset: what the local time is ahead of UTC at such a moment, in seconds.
    """

    log = Logger()

    def __init__(
        self,
        sink: ISink,
        source: Source,
        metrics: IMetrics | None = None,
        now: Callable[[], int] = time.time_ns,
        offset: Callable[[int], int] = local_offset,
    ) -> None:
        self.sink = sink
        self._source = source
        self._metrics = metrics
        self._now = now
        self._offset = offset
        self._unwritten = 0

    def record(
        self, requester: Requester, action: EventAction, targets: Sequence[Target]
    ) -> Deferred[None]:
        """
        Write an event for each target, all at once.

        :return: fires when the sink has them, or has failed.
        """
        count = len(targets)
        try:
            writing = self.sink.write(self._events(requester, action, targets))
        except Exception:  # noqa: BLE001 - the request has succeeded, and that stands
            writing = fail()
        return writing.addCallbacks(self._written, self._failed, errbackArgs=(count,))

    def leave(self, requester: Requester, target: Sequence[str], *, alone: bool) -> None:
        """
        Write the event of a pull at some time, of what :meth:`encode` is told.
        """
        try:
            self.sink.leave(self.encode(requester, target, alone=alone))
        except Exception:  # noqa: BLE001 - the request has been served
            self._failed(Failure(), 1)
        else:
            self._written(None)

    def encode(self, requester: Requester, target: Sequence[str], *, alone: bool) -> bytes:
        """
        :param target: what happens now, and to what, as :func:`encode_plain` has it.
        :param alone: whether the request makes no other event at this moment.
        :return: the event.
        """
        request, agent, source = requester.request, requester.user_agent, self._source
        now = self._now()
        return encode_plain(
            "" if alone and len(requester.request_id) == UUID_LENGTH else event_id(now),
            str(now),
            str(self._offset(now)),
            *target,
            requester.actor,
            source.address,
            source.instance,
            requester.request_id,
            *((requester.address, "", "") if request is None else request.origin()),
            agent if agent.isascii() else _text(agent),
        )

    def _events(
        self, requester: Requester, action: EventAction, targets: Sequence[Target]
    ) -> list[Event]:
        now = self._now()
        offset, origin = self._offset(now), _origin(requester)
        actor = requester.actor
        return [
            Event(event_id(now), now, action, target, origin, actor, self._source, offset)
            for target in targets
        ]

    def _written(self, _: None) -> None:
        if self._unwritten:
            self.log.info("events are written again; {lost} were not", lost=self._unwritten)
            self._unwritten = 0

    def _failed(self, failure: Failure, count: int) -> None:
        """Say so once, and count on: a disk that is full is full for thousands of requests."""
        if not self._unwritten:
            text = "events can't be written, and nobody will be told of them"
            self.log.failure(text, failure)
        self._unwritten += count
        if self._metrics is not None:
            self._metrics.count(UNWRITTEN, {}, count)


def _origin(requester: Requester) -> Origin:
    request = requester.request
    known = (requester.address, "", "") if request is None else request.origin()
    return Origin(requester.request_id, *known, _text(requester.user_agent))


def _text(field: str) -> str:
    """
    :param field: of a request, its bytes as ISO 8859-1.
    :return: the text that it means to most: UTF-8; a byte that is none is a lone surrogate.
    """
    if field.isascii():
        return field
    try:
        return field.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return field  # it was text before
