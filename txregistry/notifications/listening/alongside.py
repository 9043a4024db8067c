"""
Several to be told of something new.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred

from txregistry.deferreds import deferred
from txregistry.interfaces import Alongside
from txregistry.model.descriptor import Descriptor


def both(one: Alongside, other: Alongside | None) -> Alongside:
    """
    :return: what tells both, at once.
    """
    if other is None:
        return one

    @deferred
    async def tell(descriptor: Descriptor) -> None:
        waiting: list[Deferred[None]] = [one(descriptor), other(descriptor)]
        for each in waiting:
            await each

    return tell
