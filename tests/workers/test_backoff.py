"""
How long to wait.
"""

from __future__ import annotations

from txregistry.workers.backoff import FIRST, LONGEST, WELL, Backoff


class BackoffTests:
    """
    What ends too soon is started ever more slowly.
    """

    def test_doubles(self) -> None:
        """
        Each wait is twice as long, up to a limit.
        """
        backoff = Backoff(lambda: 1.0)
        waits = [backoff.after(1) for _ in range(20)]
        assert waits[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
        assert waits[-1] == LONGEST

    def test_well(self) -> None:
        """
        After it was well for a while, it begins anew.
        """
        backoff = Backoff(lambda: 1.0)
        for _ in range(9):
            backoff.after(1)
        assert backoff.after(WELL) == FIRST
        assert backoff.after(1) == 2 * FIRST

    def test_chance(self) -> None:
        """
        Those that ended together aren't started together.
        """
        assert Backoff(lambda: 0.0).after(0) == FIRST / 2
        assert len({Backoff().after(0) for _ in range(9)}) == 9
