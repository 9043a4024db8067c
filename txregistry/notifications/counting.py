"""
What operators are told of notifications, under the names that ``distribution`` gave them.
"""

from __future__ import annotations

from typing import Final

from txregistry.interfaces import IMetrics

EVENTS: Final = "registry_notifications_events_total"
STATUS: Final = "registry_notifications_status_total"
PENDING: Final = "registry_notifications_pending_total"
DEAD: Final = "registry_notifications_dead_letters_total"
LOST: Final = "registry_notifications_lost_total"
OUTBOXES_LOST: Final = "registry_notifications_outboxes_lost_total"
IN_MEMORY: Final = "registry_notifications_in_memory"
WAITING: Final = "registry_notifications_waiting"


class Counts:
    """
    Counts what becomes of one endpoint's events.

    :param metrics: on what.
    :param endpoint: its name.
    """

    def __init__(self, metrics: IMetrics, endpoint: str) -> None:
        self._metrics = metrics
        self._endpoint = endpoint

    def taken(self, number: int) -> None:
        """Events are to be delivered."""
        self._events("Events", number)

    def delivered(self, number: int, status: str) -> None:
        """The endpoint has them."""
        self._events("Successes", number)
        self._metrics.count(STATUS, {"code": status, "endpoint": self._endpoint})

    def refused(self, number: int, status: str) -> None:
        """The endpoint has answered that it doesn't take them."""
        self._events("Failures", number)
        self._metrics.count(STATUS, {"code": status, "endpoint": self._endpoint})

    def failed(self, number: int) -> None:
        """The endpoint has not answered."""
        self._events("Errors", number)

    def given_up(self, number: int) -> None:
        """There was no room for them any more, or they were too old."""
        self._metrics.count(DEAD, {"endpoint": self._endpoint}, number)

    def pending(self, number: int) -> None:
        """So many wait now."""
        self._metrics.level(PENDING, {"endpoint": self._endpoint}, number)

    def _events(self, type: str, number: int) -> None:
        self._metrics.count(EVENTS, {"type": type, "endpoint": self._endpoint}, number)
