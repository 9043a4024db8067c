"""
Rows.
"""

from __future__ import annotations

import pytest
from attrs import define, field
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from txregistry.auth.rows import ALL, EACH, GLANCES, Rows
from txregistry.errors import TooManyRequests

PAUSE = 1.0


@define
class Doorkeeper:
    """
    Lets nobody go on, until he is told.

    :ivar says: what he says: ``True``, ``False``, or what he raises.
    """

    says: bool | Exception = False
    asked: list[str] = field(factory=list)

    def of(self, name: str) -> float:
        """Whether somebody may go on."""
        self.asked.append(name)
        if isinstance(self.says, Exception):
            raise self.says
        return 0.0 if self.says else PAUSE


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def rows(clock: Clock) -> Rows:
    """The rows."""
    return Rows(clock)


@pytest.fixture
def keeper() -> Doorkeeper:
    """Who is asked."""
    return Doorkeeper()


def enter(rows: Rows, keeper: Doorkeeper, name: str, place: str = "here") -> Deferred[None]:
    """
    Somebody comes.
    """
    return rows.enter(place, lambda: keeper.of(name))


def gone(waiting: Deferred[None]) -> BaseException | None:
    """
    Why somebody was sent away; he is gone then.
    """
    found: list[Failure] = []
    waiting.addErrback(found.append)
    return found[0].value if found else None


class RowsTests:
    """
    Who may go on, and when.
    """

    def test_at_once(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Where nobody waits whoever may go on does, and who may not is told.
        """
        keeper.says = True
        assert enter(rows, keeper, "joe").called
        keeper.says = TooManyRequests(retry_after=7)
        with pytest.raises(TooManyRequests) as raised:
            enter(rows, keeper, "joe")
        assert raised.value.retry_after == 7
        assert clock.getDelayedCalls() == []

    def test_first(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Only the first of a place is asked about, and by the row they go on.
        """
        waiting = [enter(rows, keeper, name) for name in ("joe", "ann", "zoe")]
        clock.advance(PAUSE)
        assert keeper.asked == ["joe", "joe"]
        assert not any(each.called for each in waiting)
        keeper.says = True
        clock.advance(PAUSE)
        assert keeper.asked == ["joe", "joe", "joe", "ann", "zoe"]
        assert all(each.called for each in waiting)
        assert clock.getDelayedCalls() == []

    def test_places(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Nobody waits for those of another place.
        """
        waiting = enter(rows, keeper, "joe")
        keeper.says = True
        assert enter(rows, keeper, "ann", "there").called
        assert not waiting.called
        clock.advance(PAUSE)
        assert waiting.called

    @pytest.mark.parametrize("error", [TooManyRequests(retry_after=7), KeyError("why")])
    def test_sent_away(
        self, rows: Rows, keeper: Doorkeeper, clock: Clock, error: Exception
    ) -> None:
        """
        Who may not go on is told why, and so are those after him, however many they are.
        """
        waiting = [enter(rows, keeper, f"{number}") for number in range(EACH)]
        keeper.says = error
        clock.advance(PAUSE)
        assert [gone(each) for each in waiting] == [error] * EACH
        keeper.says = True
        assert enter(rows, keeper, "joe").called

    def test_bounded(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Neither one place nor all together keep any number waiting.
        """
        waiting = [enter(rows, keeper, "joe") for _ in range(EACH)]
        with pytest.raises(TooManyRequests):
            enter(rows, keeper, "joe")
        waiting += [enter(rows, keeper, "joe", f"{number}") for number in range(ALL - EACH)]
        with pytest.raises(TooManyRequests):
            enter(rows, keeper, "joe", "there")
        keeper.says = True
        assert enter(rows, keeper, "joe", "elsewhere").called
        clock.advance(PAUSE)
        assert all(each.called for each in waiting)
        keeper.says = False
        assert not enter(rows, keeper, "joe", "there").called

    def test_gone(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Who goes away leaves his place to the next; when all have gone nothing is left.
        """
        waiting = [enter(rows, keeper, name) for name in ("joe", "ann", "zoe")]
        for number in (0, 2):
            waiting[number].cancel()
            assert isinstance(gone(waiting[number]), CancelledError)
        clock.advance(PAUSE)
        assert keeper.asked == ["joe", "ann"]
        waiting[1].cancel()
        assert isinstance(gone(waiting[1]), CancelledError)
        assert clock.getDelayedCalls() == []
        for _ in range(3 * EACH):
            left = enter(rows, keeper, "joe")
            left.cancel()
            gone(left)
        assert clock.getDelayedCalls() == []

    def test_meanwhile(self, rows: Rows, keeper: Doorkeeper, clock: Clock) -> None:
        """
        Who comes, or goes away, while others are told is not forgotten, nor told twice.
        """
        first, second, third = (enter(rows, keeper, name) for name in ("joe", "ann", "zoe"))
        later: list[Deferred[None]] = []
        first.addCallback(lambda _: second.cancel())
        first.addCallback(lambda _: later.append(enter(rows, keeper, "bob")))
        keeper.says = True
        clock.advance(PAUSE)
        assert isinstance(gone(second), CancelledError)
        assert third.called
        assert later[0].called
        assert keeper.asked == ["joe", "joe", "zoe", "bob"]
        assert clock.getDelayedCalls() == []

    def test_many_rows(self, clock: Clock, rows: Rows) -> None:
        """
        The more rows there are, the less often each is looked at.
        """
        keeper = Doorkeeper()
        for number in range(ALL):
            rows.enter(f"{number}", lambda: keeper.of("") and 0.001)
        keeper.asked.clear()
        clock.pump([0.001] * 1000)
        assert GLANCES / 2 < len(keeper.asked) < GLANCES * 1.5
