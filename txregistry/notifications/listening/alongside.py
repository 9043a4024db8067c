"""
Who is told of something new, for its events.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen
from twisted.internet.defer import Deferred
from zope.interface import implementer

from txregistry.deferreds import deferred
from txregistry.interfaces import IAlongside, INote
from txregistry.model.descriptor import Descriptor


@implementer(IAlongside)
@frozen
class Told:
    """
    One who makes events of it.

    :param tell: hears of it.
    :param note: makes what may be written instead, if that can be.
    :param other: who else is to be told; then nothing is written instead.
    """

    _tell: Callable[[Descriptor], Deferred[None]]
    _note: Callable[[Descriptor], INote | None]
    _other: IAlongside | None = None

    @deferred
    async def tell(self, descriptor: Descriptor) -> None:
        waiting = [self._tell(descriptor)]
        if self._other is not None:
            waiting.append(self._other.tell(descriptor))
        for each in waiting:
            await each

    def note(self, descriptor: Descriptor) -> INote | None:
        return self._note(descriptor) if self._other is None else None
