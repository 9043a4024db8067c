"""
Whose turn it is.
"""

from __future__ import annotations

import pytest
from twisted.internet.defer import CancelledError, Deferred

from txregistry.auth.htpasswd.turns import ALL, EACH, Turns
from txregistry.deferreds import started
from txregistry.errors import TooManyRequests


class TurnsTests:
    """
    A few at a time, by the row.
    """

    def test_row(self) -> None:
        """
        A crowd from one place doesn't keep others from their turn.
        """
        turns, told = Turns(1), list[str]()

        async def come(place: str) -> None:
            await turns.take(place)
            told.append(place)

        for place in ("crowd", *["crowd"] * 3, "one", "other"):
            started(come(place))
        for _ in range(5):
            turns.end()
        assert told == ["crowd", "crowd", "one", "other", "crowd", "crowd"]

    def test_first(self) -> None:
        """
        Of those from one place it is who has come first.
        """
        turns = Turns(1)
        turns.take("a")
        waiting = [turns.take("a") for _ in range(3)]
        for number in range(3):
            turns.end()
            assert [each.called for each in waiting].count(True) == number + 1
            assert waiting[number].called

    def test_at_once(self) -> None:
        """
        As many as may have their turn at a time, and again when it is free.
        """
        turns = Turns(2)
        assert [turns.take("a").called for _ in range(3)] == [True, True, False]
        for _ in range(3):
            turns.end()
        assert [turns.take("a").called for _ in range(3)] == [True, True, False]

    def test_bounded(self) -> None:
        """
        Neither one place nor all together keep any number waiting.
        """
        turns = Turns(1)
        turns.take("a")
        waiting = [turns.take("a") for _ in range(EACH)]
        with pytest.raises(TooManyRequests):
            turns.take("a")
        waiting += [turns.take(f"{number}") for number in range(ALL - EACH)]
        with pytest.raises(TooManyRequests):
            turns.take("b")
        turns.end()
        assert not turns.take("b").called
        assert len(waiting) == ALL

    def test_cancelled(self) -> None:
        """
        Whoever goes away leaves his place to the next.
        """
        turns = Turns(1)
        turns.take("a")
        first, second, other = turns.take("b"), turns.take("b"), turns.take("c")
        gone: list[object] = []
        for each in (first, other):
            each.addErrback(lambda failure: gone.append(failure.trap(CancelledError)))
            each.cancel()
        turns.end()
        assert (gone, second.called) == ([CancelledError, CancelledError], True)
        turns.end()
        last: Deferred[None] = turns.take("d")
        assert last.called
