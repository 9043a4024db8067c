"""
The daemon's logs.
"""

from __future__ import annotations

from typing import Any, TextIO

from attrs import frozen
from twisted.logger import ILogObserver
from twisted.python.components import Componentized

from txregistry.configuration import Log
from txregistry.interfaces import Exchange
from txregistry.observability.formats import FORMATTERS
from txregistry.observability.logs import AccessLog, EventLog, LineWriter


@frozen
class Logs:
    """
    The daemon's logs.

    :param events: what happens.
    :param accesses: who asked for what, or ``None`` where that is not wanted.
    """

    events: EventLog
    accesses: AccessLog | None

    def join(self, parent: Any) -> None:
        """
        Let twistd write its log in the way that is configured.

        :param parent: of a service: twistd's application, if it is twistd that runs it.
        """
        if isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.events)

    def completed(self, exchange: Exchange) -> None:
        """Write down an exchange."""
        self.events.response_completed(exchange)
        if self.accesses is not None:
            self.accesses(exchange)

    @property
    def only_failures(self) -> bool:
        """Whether exchanges that didn't fail would leave no line."""
        return self.accesses is None and self.events.level in ("error", "warn")

    def flush(self) -> None:
        """Write what is still waiting."""
        self.events.writer.flush()
        if self.accesses is not None:
            self.accesses.writer.flush()


def build_logs(
    reactor: Any, log: Log, stream: TextIO, access_stream: TextIO, worker: str = ""
) -> Logs:
    """
    :param stream: where events go.
    :param access_stream: where accesses go.
    :param worker: which of several processes this is.
    """
    fields = {**log.fields, "worker": worker} if worker else log.fields
    events = EventLog(
        LineWriter(stream, reactor),
        FORMATTERS[log.formatter],
        log.level,
        fields,
        log.reportcaller,
    )
    accesses = None if log.accesslog.disabled else AccessLog(LineWriter(access_stream, reactor))
    return Logs(events, accesses)
