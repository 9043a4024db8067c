"""
What is remembered of failures.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock

from txregistry.auth.failures import MEMORY, SHAPE, Failures
from txregistry.places import WAYS, Places, private_places, shared_places


def private_failures(seconds: Callable[[], float]) -> Failures:
    """
    Failures of one process.
    """
    return Failures(private_places(SHAPE), seconds)


class FailuresTests:
    """
    Numbers that are forgotten.
    """

    def test_counted(self) -> None:
        """
        Each name has its own number, and the moment of its last failure.
        """
        failures = private_failures(Clock().seconds)
        for moment, name in enumerate(("joe", "ann", "joe")):
            failures.add(name, float(moment))
        assert [failures.of(name).count for name in ("joe", "ann", "zoe")] == [2, 1, 0]
        assert failures.of("joe").last == 2.0

    def test_forgotten(self) -> None:
        """
        They are forgotten one after the other.
        """
        clock = Clock()
        failures = private_failures(clock.seconds)
        for _ in range(3):
            failures.add("joe", 0.0)
        counts = []
        for _ in range(5):
            counts.append(failures.of("joe").count)
            clock.advance(MEMORY)
        assert counts == [3, 2, 1, 0, 0]
        failures.add("joe", clock.seconds())
        assert failures.of("joe").count == 1

    def test_other_memory(self) -> None:
        """
        Where it is said so they are forgotten sooner.
        """
        clock = Clock()
        failures = Failures(private_places(SHAPE), clock.seconds, MEMORY / 20)
        for _ in range(30):
            failures.add("proxy", 0.0)
        clock.advance(MEMORY)
        assert failures.of("proxy").count == 10

    def test_taken_back(self) -> None:
        """
        One can be taken back, and no more than there are.
        """
        failures = private_failures(Clock().seconds)
        failures.add("joe", 0.0)
        for _ in range(2):
            failures.take_back("joe")
            failures.take_back("ann")
        assert failures.of("joe").count == 0
        failures.add("joe", 0.0)
        assert failures.of("joe").count == 1

    def test_taken_back_without_a_trace(self) -> None:
        """
        One that is taken back doesn't keep those before it from being forgotten.
        """
        clock = Clock()
        failures = private_failures(clock.seconds)
        for _ in range(3):
            failures.add("joe", clock.seconds())
        counts = []
        for _ in range(4):
            counts.append(failures.of("joe").count)
            for _ in range(6):
                clock.advance(MEMORY / 6)
                failures.add("joe", clock.seconds())
                failures.take_back("joe")
        assert counts == [3, 2, 1, 0]

    def test_taken_back_twice(self) -> None:
        """
        Where two processes take back the same one, there is nothing less than nothing.
        """

        class Shared(array):  # type: ignore[type-arg]  # subscripted since Python 3.12
            """Memory that another process changes just after it was looked at."""

            other: Failures | None = None
            wait = 0

            def __getitem__(self, place: Any) -> Any:
                """Look, and let the other one change it."""
                found = super().__getitem__(place)
                self.wait -= 1
                if self.wait < 0 and self.other is not None:
                    other, self.other = self.other, None
                    other.take_back("joe")
                return found

        cells = Shared("Q", bytes(SHAPE.size))
        one, other = (
            Failures(Places(SHAPE, each, b"secret"), Clock().seconds)
            for each in (cells, memoryview(cells))
        )
        for late in range(8):
            one.add("joe", 0.0)
            cells.wait, cells.other = late, other
            one.take_back("joe")
            cells.other = None
            assert one.of("joe").count == 0, late

    def test_bounded(self) -> None:
        """
        A crowd of names takes no more memory; what has failed most is not lost to it.
        """
        failures = private_failures(Clock().seconds)
        for _ in range(10):
            failures.add("joe", 0.0)
        for number in range(SHAPE.count):
            failures.add(f"crowd{number}", 0.0)
        assert failures.of("joe").count == 10
        assert (
            sum(failures.of(f"crowd{number}").count for number in range(SHAPE.count)) <= SHAPE.count
        )
        assert len(failures._cells) * 8 == SHAPE.size

    def test_places(self) -> None:
        """
        Nobody who doesn't know the secret knows who shares a place.
        """
        one, other = (private_places(SHAPE) for _ in range(2))
        names = [f"{number}" for number in range(WAYS * 4)]
        first, second = ([places.find(name)[1] for name in names] for places in (one, other))
        assert first != second

    def test_shared(self, tmp_path: Path) -> None:
        """
        Processes that name the same file remember the same.
        """
        clock = Clock()
        path = str(tmp_path / "f")
        one, other = (Failures(shared_places(SHAPE, path), clock.seconds) for _ in range(2))
        one.add("joe", 0.0)
        other.add("joe", 5.0)
        assert (one.of("joe").count, one.of("joe").last) == (2, 5.0)
        other.take_back("joe")
        assert one.of("joe").count == 1
        assert (tmp_path / "f").stat().st_size == SHAPE.size
        assert (tmp_path / "f").stat().st_mode & 0o777 == 0o600
        assert isinstance(one, Failures)
