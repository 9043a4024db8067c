"""
How old events are, by clocks that are set.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from txregistry.notifications.ages import Ages
from txregistry.notifications.directory import OutboxDirectory

DAY = 86_400.0
MAXAGE = 7 * DAY


class Clocks:
    """
    A clock that may be set, and one that may not.
    """

    def __init__(self, directory: OutboxDirectory) -> None:
        self.directory = directory
        self.now = 1000 * DAY
        self.booted = 3 * DAY
        self.ages = self.made()

    def made(self) -> Ages:
        """
        :return: as a process that has just begun would have it.
        """
        return Ages(self.directory, lambda: self.now, lambda: self.booted)

    def go(self, seconds: float) -> None:
        """
        Time goes by.
        """
        self.now += seconds
        self.booted += seconds

    def oldest(self, first: int = 1, newest: int = 9) -> float:
        """
        Before what moment events are too old, in days.
        """
        return self.ages.oldest(MAXAGE, first, newest) / DAY


@pytest.fixture
def clocks(tmp_path: Path) -> Clocks:
    """
    Clocks at day 1000.
    """
    return Clocks(OutboxDirectory(str(tmp_path)))


class AgesTests:
    """
    What is too old.
    """

    def test_time_goes_by(self, clocks: Clocks) -> None:
        """
        Where nobody sets the clock the time of day counts.
        """
        assert clocks.oldest() == 993
        clocks.go(DAY)
        clocks.now += 20.0  # as clocks do
        assert clocks.oldest() == pytest.approx(994, abs=0.001)

    @pytest.mark.parametrize("ends", [False, True])
    def test_set_forward(self, clocks: Clocks, ends: bool) -> None:
        """
        If it is set forward by a year nothing is too old for that, even if the process ends and
        another begins; what is from before still ends after its time.
        """
        clocks.oldest()
        if ends:
            clocks.ages = clocks.made()
        clocks.now += 365 * DAY
        assert clocks.oldest() == 993
        clocks.go(2 * DAY)
        if ends:
            clocks.ages = clocks.made()
        assert clocks.oldest() == 995

    def test_they_are_gone(self, clocks: Clocks) -> None:
        """
        When all events from before are gone the time of day counts again.
        """
        clocks.oldest()
        clocks.now += 365 * DAY
        assert clocks.oldest(first=1, newest=9) == 993
        assert clocks.oldest(first=9, newest=12) == 993
        assert clocks.oldest(first=10, newest=12) == 993 + 365
        clocks.ages = clocks.made()
        assert clocks.oldest(first=10, newest=12) == 993 + 365

    def test_set_right(self, clocks: Clocks) -> None:
        """
        A clock that is set back is right again.
        """
        clocks.oldest()
        clocks.now += 365 * DAY
        clocks.oldest()
        clocks.now -= 365 * DAY
        assert clocks.oldest() == 993

    def test_another_boot(self, clocks: Clocks) -> None:
        """
        What was noted before the machine was booted again means nothing.
        """
        clocks.oldest()
        noted = Path(clocks.directory.clock)
        noted.write_text(noted.read_text().replace('"boot": "', '"boot": "other'))
        clocks.now += 365 * DAY
        clocks.booted = 0.0
        clocks.ages = clocks.made()
        assert clocks.oldest() == 993 + 365

    def test_nonsense(self, clocks: Clocks) -> None:
        """
        A file that holds something else is no matter.
        """
        Path(clocks.directory.clock).write_text('{"a": 1}')
        assert clocks.oldest() == 993

    def test_nowhere(self, tmp_path: Path) -> None:
        """
        Where there is no place to note it, as on a full disk, it is known to the process.
        """
        clocks = Clocks(OutboxDirectory(str(tmp_path / "absent")))
        clocks.oldest()
        clocks.now += 365 * DAY
        assert clocks.oldest() == 993
