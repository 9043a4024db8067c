"""
What waits in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Thread
from typing import cast

from attrs import evolve, frozen

from txregistry.notifications.entries import Entry
from txregistry.notifications.waiting import Backlog, Kept

ENTRIES = (Entry(b"xx", 0.0),)
KEPT = Kept(ENTRIES, 2, durable=False, told=None)


@frozen
class Limit:
    """
    A store that takes so much at once.
    """

    most: int = 2


class Meanwhile:
    """
    Lets another thread take something while it is looked at.

    :param backlog: from which it takes.
    """

    def __init__(self, backlog: Backlog) -> None:
        self.thread = Thread(target=backlog.take)

    def _take(self) -> None:
        self.thread.start()
        self.thread.join(0.2)  # it waits for who looks, and so can't end

    def __bool__(self) -> bool:
        self._take()
        return False

    def __len__(self) -> int:
        self._take()
        return 1

    def __iter__(self) -> Iterator[Entry]:
        return iter(ENTRIES)


class BacklogTests:
    """
    Who looks while others take.
    """

    def test_durable(self) -> None:
        """
        It can be asked whether some are durable while a thread takes some.
        """
        backlog = Backlog(Limit())
        meanwhile = Meanwhile(backlog)
        backlog.add([evolve(KEPT, durable=cast(bool, meanwhile)), KEPT])
        assert not backlog.durable
        meanwhile.thread.join()
        assert backlog.take() == [KEPT]

    def test_events(self) -> None:
        """
        They can be counted while a thread takes some.
        """
        backlog = Backlog(Limit())
        meanwhile = Meanwhile(backlog)
        backlog.add([evolve(KEPT, entries=cast(tuple[Entry, ...], meanwhile)), KEPT])
        assert backlog.events == 2
        meanwhile.thread.join()
        assert backlog.take() == [KEPT]
