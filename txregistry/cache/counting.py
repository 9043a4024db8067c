"""
What operators are told of caches.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Final

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from txregistry.interfaces import IMetrics

REQUESTS: Final = "registry_storage_cache_requests_total"
HITS: Final = "registry_storage_cache_hits_total"
ERRORS: Final = "registry_storage_cache_errors_total"
REDIS_SECONDS: Final = "registry_storage_cache_redis_seconds"


class Counts:
    """
    Counts what a cache does, under the names that ``distribution`` gave them.

    :param metrics: on what; ``None`` if nobody wants to know.
    :param timer: seconds since any moment.
    """

    def __init__(
        self, metrics: IMetrics | None = None, timer: Callable[[], float] = perf_counter
    ) -> None:
        self._metrics = metrics
        self._timer = timer

    def request(self) -> None:
        """Something was looked up."""
        if self._metrics is not None:
            self._metrics.count(REQUESTS, {})

    def hit(self) -> None:
        """It was found."""
        if self._metrics is not None:
            self._metrics.count(HITS, {})

    def error(self) -> None:
        """The cache could not do its work."""
        if self._metrics is not None:
            self._metrics.count(ERRORS, {})

    def timed(self, operation: str, waiting: Deferred[bytes]) -> Deferred[bytes]:
        """
        Note how long Redis takes for something, however it ends.

        :return: ``waiting``.
        """
        metrics = self._metrics
        if metrics is None:
            return waiting
        begin = self._timer()

        def ended(result: bytes | Failure) -> bytes | Failure:
            metrics.observe(REDIS_SECONDS, {"operation": operation}, self._timer() - begin)
            return result

        return waiting.addBoth(ended)
