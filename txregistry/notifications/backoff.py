"""
How long to wait before trying again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from attrs import frozen

FIRST_SECONDS: Final = 0.1


@frozen
class Backoff:
    """
    :param threshold: failures in a row after which an endpoint is let alone.
    :param seconds: for how long, about.
    :param random: a number from 0 to 1.
    """

    threshold: int
    seconds: float
    random: Callable[[], float]

    def breaks(self, failures: int) -> bool:
        """:return: whether so many failures in a row are enough."""
        return failures >= self.threshold

    def soon(self, failures: int) -> float:
        """
        :param failures: how many there were in a row.
        :return: seconds until it is tried again.  They double with each failure, up to those that
            an endpoint is let alone for.  Endpoints that failed together are tried one by one.
        """
        longest: float = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 20), self.seconds)
        return longest * (0.5 + 0.5 * self.random())

    def later(self) -> float:
        """:return: seconds that an endpoint is let alone for."""
        return self.seconds * (1 + 0.2 * self.random())
