"""
A bounded memory of what was used lately.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """
    A mapping that forgets what was not used for longest.

    :param capacity: the most that its values may weigh together.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._weight = 0
        self._entries: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        """:return: the value, or ``None`` if it isn't known (any more)."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: K, value: V, weight: int = 1) -> None:
        """Remember a value, unless it weighs more than everything may."""
        self.forget(key)
        if weight > self._capacity:
            return
        self._entries[key] = (value, weight)
        self._weight += weight
        while self._weight > self._capacity:
            _, (_, lost) = self._entries.popitem(last=False)
            self._weight -= lost

    def forget(self, key: K) -> None:
        """Remember it no longer."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._weight -= entry[1]
