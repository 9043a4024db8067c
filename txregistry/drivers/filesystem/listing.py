"""
What is in one directory, and how to know that it still is.

A directory's time of change (``st_ctime``) moves whenever a name comes into it or goes, whoever
does it; nobody can set it.  But file systems count in steps, of a second at worst among the
local ones, so two changes in one step look the same.  A listing is therefore kept only if, when
it was begun, the last change was :data:`SETTLED` seconds ago: each change that it may have
missed has a later time than the one that is kept with it.  The clock that stamps is the one
that is compared with; if somebody sets it back, a directory's last change is in the future and
nothing is kept until then.

The kernel changes a directory, and stamps it, while it holds a lock that listing it needs as well.
So whoever looks at the stamp *before* listing never keeps an old list with a new stamp.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final

from attrs import define, field

from txregistry.drivers.filesystem import hidden

SETTLED: Final = 2.0
"""Seconds after which a directory's next change surely has another stamp than its last one."""

HOLDS: Final = 2.0
"""Seconds for which what was seen below a directory's children is taken for granted."""

Stamp = tuple[int, ...]

_ONE_NAME: Final = sys.getsizeof("") + 8


def stamp_of(directory: str) -> Stamp:
    """
    :return: what is another when a name has come into a directory, or gone; the time of its
        last change, in nanoseconds, comes first, and the device second.
    """
    facts = os.stat(directory)
    return (
        facts.st_ctime_ns,
        facts.st_dev,
        facts.st_ino,
        facts.st_mtime_ns,
        facts.st_nlink,
        facts.st_size,
    )


@define
class Listing:
    """
    The names in a directory at one time.

    :param directory: its path.
    :param stamp: from just before.
    :param names: in order.
    :param settled: whether the names are these for as long as the stamp is this.
    """

    directory: str
    stamp: Stamp
    names: tuple[str, ...]
    settled: bool
    _seen: dict[str, _Seen] = field(factory=dict, init=False)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return 1024 + sum(map(len, self.names)) + len(self.names) * _ONE_NAME

    @property
    def device(self) -> int:
        """The file system that it is on."""
        return self.stamp[1]

    def known(self, after: str, limit: int | None, having: str, now: float) -> Sequence[str] | None:
        """
        :param now: in seconds, since any moment.
        :return: as :meth:`~txregistry.interfaces.IStorageDriver.children`; ``None`` if that can't
            be said without a look.
        """
        begin = bisect_right(self.names, after)
        end = len(self.names) if limit is None else begin + limit
        if having and self._seen_below(having, now).flags.find(0, begin, end) >= 0:
            return None
        return self.names[begin:end]

    def look(self, after: str, limit: int | None, having: str, now: float) -> Sequence[str]:
        """
        Find out what isn't known, with a system call for each child.

        :return: as :meth:`known`, but never ``None``.
        :raises OSError: if one can't look.
        """
        known = self.known(after, limit, having, now)
        if known is not None:
            return known
        flags = self._seen_below(having, now).flags
        found: list[str] = []
        for index in range(bisect_right(self.names, after), len(self.names)):
            if len(found) == limit:
                break
            name = self.names[index]
            if flags[index] or _exists(f"{self.directory}/{name}/{having}"):
                flags[index] = 1
                found.append(name)
        return found

    def _seen_below(self, having: str, now: float) -> _Seen:
        seen = self._seen.get(having)
        if seen is None or now - seen.since > HOLDS:
            # Not emptied, but replaced: a thread may be about to note in the old one what it
            # saw before.
            seen = self._seen[having] = _Seen(now, bytearray(len(self.names)))
        return seen


@define
class _Seen:
    """
    Below which children something was seen.

    :param since: when the first was looked at.
    :param flags: 1 for each child that had it.  That it hasn't is not remembered: it may come
        without a change of the directory above.
    """

    since: float
    flags: bytearray


def read(directory: str, now: Callable[[], float]) -> Listing:
    """
    List a directory.

    :param now: seconds since the epoch.
    :raises OSError: if it can't be listed.
    """
    begun = now()
    stamp = stamp_of(directory)
    names, _ = hidden.visible(directory)
    return Listing(directory, stamp, tuple(names), stamp[0] < (begun - SETTLED) * 1e9)


def _exists(path: str) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
