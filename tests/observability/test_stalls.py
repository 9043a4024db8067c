"""
The watch over the reactor.
"""

from __future__ import annotations

import time

from twisted.internet.task import deferLater

from txregistry.observability.stalls import StallWatch


def hog(seconds: float) -> None:
    """Keep the reactor busy."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def heard(work: float) -> list[tuple[float, str]]:
    """:return: what a watch with a limit of 0.2 seconds shouts about some seconds of work."""
    from twisted.internet import reactor

    shouts: list[tuple[float, str]] = []
    watch = StallWatch(reactor, 0.2, lambda *what: shouts.append(what))
    watch.start()
    await deferLater(reactor, 0, hog, work)
    await deferLater(reactor, 0.1, lambda: None)
    watch.stop()
    return shouts


async def test_long_work_is_shouted_about_once() -> None:
    """Who keeps the reactor busy for longer than the limit is named, once."""
    ((busy, stack),) = await heard(0.6)
    assert busy > 0.2
    assert "hog" in stack


async def test_an_idle_reactor_is_not() -> None:
    """A reactor that is merely waiting is left in peace."""
    assert await heard(0) == []
