"""
What many want at the same time.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from txregistry.auth.htpasswd.once import Once
from txregistry.deferreds import shielded


class OnceTests:
    """
    It is done once.
    """

    async def test_shared(self) -> None:
        """
        All who want it while it runs have what it comes to; who comes later begins anew.
        """
        once: Once[int] = Once()
        begun: list[Deferred[int]] = []

        async def count() -> int:
            begun.append(Deferred())
            return await begun[-1]

        waiting = [once.run("a", count) for _ in range(3)]
        other = once.run("b", count)
        assert len(begun) == 2
        begun[0].callback(1)
        assert [await each for each in waiting] == [1, 1, 1]
        begun[1].callback(2)
        assert await other == 2
        again = once.run("a", count)
        begun[2].callback(3)
        assert await again == 3

    async def test_at_once(self) -> None:
        """
        It need not wait for anything, and may fail.
        """
        once: Once[int] = Once()

        async def fails() -> int:
            raise KeyError("why")

        for _ in range(2):
            with pytest.raises(KeyError, match="why"):
                await once.run("a", fails)
        assert once.settled().called

    async def test_cancelled(self) -> None:
        """
        Who gives up is no loss to the others, nor to what runs.
        """
        once: Once[int] = Once()
        running: Deferred[int] = Deferred()

        async def wait() -> int:
            return await running

        gone, stays = once.run("a", wait), once.run("a", wait)
        gone.cancel()
        with pytest.raises(CancelledError):
            await gone
        settled = once.settled()
        before = settled.called
        running.callback(1)
        assert await stays == 1
        assert (before, settled.called) == (False, True)

    async def test_nobody_left(self) -> None:
        """
        What nobody waits for any more is cancelled, and who comes after that begins anew, though it
        may take its time to end.
        """
        once: Once[int] = Once()
        running: list[Deferred[int]] = []
        told: list[str] = []

        async def wait() -> int:
            running.append(Deferred(lambda _: told.append("cancelled")))
            return await shielded(running[-1]) if told else await running[-1]

        for _ in range(2):
            gone = [once.run("a", wait) for _ in range(2)]
            for each in gone:
                each.cancel()
                with pytest.raises(CancelledError):
                    await each
            assert told == ["cancelled"]
        stays = once.run("a", wait)
        settled = once.settled()
        assert len(running) == 3
        running[1].errback(KeyError("nobody wants to know"))
        before = settled.called
        running[2].callback(1)
        assert await stays == 1
        assert (before, settled.called) == (False, True)
