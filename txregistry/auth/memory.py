"""
What is remembered of those who try passwords.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from attrs import frozen

from txregistry.auth import regulars
from txregistry.auth.failures import MEMORY, SHAPE, Failures
from txregistry.auth.names import Who
from txregistry.auth.regulars import Regulars
from txregistry.places import Places, Shape

MEMORY_OF_PROXIES: Final = MEMORY / 20
"""Seconds after which a failure of a proxy is forgotten: it may go on as twenty addresses may."""

SHAPE_OF_PROXIES: Final = Shape(count=2**10, words=3)
"""Of how many proxies failures can be remembered.  They have memory of their own: an address can be
made up, and would push them out, while to be a proxy takes an address that one really has."""


@frozen
class Record:
    """
    What is remembered of a place, a user or a proxy.

    :param failed: how many failures there were of late.
    :param last: when the last one was.
    :param pending: how many attempts are being checked.
    """

    failed: int
    last: float
    pending: int


@frozen
class Memory:
    """
    What is remembered.

    :param failures: of addresses and of users.
    :param proxies: the failures of all that come by a proxy.
    :param pending: attempts of all of these that are being checked.  What a process takes with it
        when it dies is forgotten as failures are.
    :param regulars: who was right where.
    """

    failures: Failures
    proxies: Failures
    pending: Failures
    regulars: Regulars

    def begin(self, who: Who, now: float) -> None:
        """An attempt is being checked."""
        for _, name in self._counts(who):
            self.pending.add(name, now)

    def fail(self, who: Who, now: float) -> None:
        """One that is being checked is wrong."""
        # Before it is pending no more: in between it would be neither, for other processes.
        for failures, name in self._counts(who):
            failures.add(name, now)
        self.end(who)

    def succeed(self, who: Who) -> None:
        """
        One that is being checked is right.  Failures stay: else who has a password might guess
        another's.
        """
        self.regulars.remember(who.by_user_there)
        self.end(who)

    def end(self, who: Who) -> None:
        """One is being checked no more."""
        for _, name in self._counts(who):
            self.pending.take_back(name)

    def of_place(self, who: Who) -> Record:
        """:return: what is remembered of where somebody is."""
        return self._of(self.failures, who.by_place)

    def of_user(self, who: Who) -> Record:
        """:return: what is remembered of a user, wherever he is."""
        return self._of(self.failures, who.by_user)

    def of_proxy(self, who: Who) -> Record:
        """:return: what is remembered of all that come by a proxy."""
        return self._of(self.proxies, who.by_proxy)

    def _of(self, failures: Failures, name: str) -> Record:
        tally = failures.of(name)
        return Record(tally.count, tally.last, self.pending.of(name).count)

    def _counts(self, who: Who) -> Iterator[tuple[Failures, str]]:
        """:return: for whom an attempt counts, and where."""
        yield self.failures, who.by_place
        yield self.failures, who.by_user
        if who.proxy:
            yield self.proxies, who.by_proxy


def memory_in(places: Callable[[str, Shape], Places], seconds: Callable[[], float]) -> Memory:
    """
    :param places: gives each part of it, by its name, places of its own.
    :param seconds: a clock that only goes forward, and is the same in all processes.
    :return: where nothing is remembered but what is in these places.
    """
    return Memory(
        Failures(places("failures", SHAPE), seconds),
        Failures(places("proxies", SHAPE_OF_PROXIES), seconds, MEMORY_OF_PROXIES),
        Failures(places("pending", SHAPE), seconds),
        Regulars(places("regulars", regulars.SHAPE), seconds),
    )
