"""
How long to wait before what ended too soon is started again.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

FIRST: Final = 0.1
LONGEST: Final = 30.0
WELL: Final = 60.0
"""Who has lived so many seconds was well: then it all begins anew."""


class Backoff:
    """
    Waits twice as long each time, up to a limit, and never quite as long as others do.

    :param chance: a number from 0 to 1.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._next = FIRST

    def after(self, lived: float) -> float:
        """
        :param lived: for how many seconds it lived.
        :return: how many seconds to wait.
        """
        if lived >= WELL:
            self._next = FIRST
        longest, self._next = self._next, min(2 * self._next, LONGEST)
        return longest * (1 + self._chance()) / 2
