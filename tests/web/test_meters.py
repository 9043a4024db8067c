"""
How much somebody has used of late.
"""

from __future__ import annotations

import subprocess
import sys
from array import array
from pathlib import Path

from attrs import define, field
from hypothesis import given
from hypothesis import strategies as st

from txregistry.places import WAYS, Places, shared_places
from txregistry.web.meters import SHAPE, Meters

PERIOD = 0.5
MOST = 2.0


@define
class Time:
    """
    A clock that is set.
    """

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@define
class Bucket:
    """
    The same, as it is mostly told: a bucket that leaks.
    """

    fill: float = 0.0
    since: float = field(default=1000.0)

    def use(self, now: float) -> bool:
        """
        Whether there is room for one more.
        """
        self.fill = max(0.0, self.fill - (now - self.since))
        self.since = now
        if self.fill + PERIOD > MOST + 1e-9:
            return False
        self.fill += PERIOD
        return True


def meters(time: Time) -> Meters:
    """
    Meters of their own.
    """
    return Meters(Places(SHAPE, array("Q", bytes(SHAPE.size)), b"secret"), time)


class UseTests:
    """
    What may be used.
    """

    def test_burst_and_rate(self) -> None:
        """
        So many at once, and then one in each period.
        """
        time = Time()
        asked = meters(time)
        assert [asked.use("a", PERIOD, MOST) for _ in range(6)] == [0, 0, 0, 0, 0.5, 0.5]
        time.now += 0.5
        assert [asked.use("a", PERIOD, MOST) for _ in range(2)] == [0, 0.5]
        time.now += 0.25
        assert asked.use("a", PERIOD, MOST) == 0.25
        time.now += 3600
        assert [asked.use("a", PERIOD, MOST) for _ in range(5)] == [0, 0, 0, 0, 0.5]

    def test_others(self) -> None:
        """
        What somebody uses is nothing to another.
        """
        asked = meters(Time())
        while not asked.use("a", PERIOD, MOST):
            pass
        assert asked.use("b", PERIOD, MOST) == 0

    def test_afterwards(self) -> None:
        """
        What was used without asking has to be waited for.
        """
        time = Time()
        asked = meters(time)
        asked.add("a", 100)
        assert asked.ahead("a") == 100
        assert asked.use("a", PERIOD, MOST) == 98.5
        time.now += 99
        assert (asked.ahead("a"), asked.use("a", PERIOD, MOST)) == (1, 0)
        time.now += 99
        assert asked.ahead("a") == 0

    @given(st.lists(st.integers(0, 12), min_size=1, max_size=60))
    def test_as_a_bucket(self, pauses: list[int]) -> None:
        """
        It decides as a leaky bucket does, whenever somebody comes.
        """
        time, bucket = Time(), Bucket()
        asked = meters(time)
        for pause in pauses:
            time.now += pause / 8
            assert (asked.use("a", PERIOD, MOST) == 0) == bucket.use(time.now)


class PlaceTests:
    """
    Where meters are.
    """

    def test_bounded(self) -> None:
        """
        However many come, who has used much is still known, and nobody who is new has to wait.
        """
        asked = meters(Time())
        asked.add("heavy", 1000)
        for number in range(SHAPE.count // 4):
            assert asked.use(f"light {number}", PERIOD, MOST) == 0
        assert asked.ahead("heavy") == 1000

    def test_least_gives_way(self) -> None:
        """
        Where all places are taken, who has used least loses his.
        """
        time = Time()
        asked = meters(time)
        same = [name for name in map(str, range(400_000)) if asked._look(name)[1] < 2 * WAYS]
        cells = asked._cells
        for index in range(2 * WAYS):
            cells[index] = 0
        names = same[: WAYS + 1]
        assert len(names) == WAYS + 1
        for used, name in enumerate(names[:WAYS], 1):
            asked.add(name, used)
        asked.add(names[WAYS], 10)
        assert [asked.ahead(name) for name in names[1:]] == [2, 3, 4, 10]

    def test_shared(self, tmp_path: Path) -> None:
        """
        Another process counts on.
        """
        path = str(tmp_path / "meters")
        time = Time()
        asked = Meters(shared_places(SHAPE, path), time)
        asked.add("a", 5)
        program = (
            "from txregistry.places import shared_places\n"
            "from txregistry.web.meters import SHAPE, Meters\n"
            f"meters = Meters(shared_places(SHAPE, {path!r}), lambda: 1001.0)\n"
            "meters.add('a', 5)\n"
            "print(meters.ahead('a'))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
        )
        assert done.stdout == "9.0\n"
        assert asked.ahead("a") == 10
        assert (tmp_path / "meters").stat().st_mode & 0o777 == 0o600
