"""
Locks: nobody holds what another holds, and all get their turn.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError
from zope.interface.verify import verifyObject

from tests.storage.kit import NAME, fires
from txregistry.deferreds import started
from txregistry.interfaces import ILocks
from txregistry.model.digest import Digest
from txregistry.model.name import Tag
from txregistry.storage.locks import Locks, content_key, holding, manifest_key, tag_key


class LocksTests:
    """
    Locks of this process.
    """

    def test_provides(self) -> None:
        """
        They are what the interface says.
        """
        verifyObject(ILocks, Locks())

    async def test_one_after_the_other(self) -> None:
        """
        Who wants what is held waits, and what is free is had at once.
        """
        locks = Locks()
        release = await locks.hold(["a", "b", "a"])
        waiting = fires(locks.hold(["b", "c"]))
        third = fires(locks.hold(["c"]))
        assert waiting == []
        assert len(third) == 1
        release()
        assert waiting == []
        third[0]()
        assert len(waiting) == 1
        assert fires(locks.hold(["a"])) != []

    async def test_cancelled(self) -> None:
        """
        Who no longer waits holds nothing.
        """
        locks = Locks()
        release = await locks.hold(["b"])
        waiting = locks.hold(["a", "b"])
        outcome = fires(waiting)
        waiting.cancel()
        outcome[0].trap(CancelledError)
        assert fires(locks.hold(["a"])) != []
        release()
        assert fires(locks.hold(["b"])) != []

    async def test_nothing_left(self) -> None:
        """
        A key that nobody wants any more is forgotten.
        """
        locks = Locks()
        for _ in range(3):
            async with holding(locks, "a", "b"):
                waiting = fires(locks.hold(["b"]))
            waiting[0]()
        assert locks._locks == {}

    async def test_crowd(self) -> None:
        """
        However many wait for the same, and are done at once: all get it.
        """
        locks = Locks()
        release = await locks.hold(["a"])
        done: list[int] = []

        async def do(number: int) -> None:
            async with holding(locks, "a"):
                done.append(number)

        waiting = [started(do(number)) for number in range(2000)]
        release()
        for each in waiting:
            await each
        assert done == list(range(2000))
        assert locks._locks == {}

    async def test_failure(self) -> None:
        """
        Whatever happens within, it is let go.
        """
        locks = Locks()
        with pytest.raises(ZeroDivisionError):
            async with holding(locks, "a"):
                raise ZeroDivisionError
        assert locks._locks == {}

    @given(
        wanted=st.lists(st.lists(st.sampled_from("abcd"), min_size=1), max_size=8), data=st.data()
    )
    def test_any(self, wanted: list[list[str]], data: st.DataObject) -> None:
        """
        In whatever order keys are wanted and let go, no two hold the same, and all get them.
        """
        locks = Locks()
        holding_now: dict[int, Callable[[], None]] = {}
        got: list[int] = []

        def note(number: int) -> Callable[[Callable[[], None]], None]:
            def hold(release: Callable[[], None]) -> None:
                held = {key for other in holding_now for key in wanted[other]}
                assert not held & set(wanted[number])
                holding_now[number] = release
                got.append(number)

            return hold

        for number, keys in enumerate(wanted):
            locks.hold(keys).addCallback(note(number))
            letting_go: bool = data.draw(st.booleans())
            if holding_now and letting_go:
                holding_now.pop(data.draw(st.sampled_from(sorted(holding_now))))()
        while holding_now:
            # What is let go may be had by another before letting go returns.
            holding_now.pop(min(holding_now))()
        assert sorted(got) == list(range(len(wanted)))
        assert locks._locks == {}

    def test_order_of_keys(self) -> None:
        """
        Who holds a manifest may want tags, and who holds tags may want content: keys sort so.
        """
        digest = Digest.of(b"")
        keys = [manifest_key(NAME, digest), tag_key(NAME, Tag("a")), content_key(digest)]
        assert sorted(keys) == keys
