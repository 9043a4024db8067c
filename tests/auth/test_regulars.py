"""
Who was right before.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from twisted.internet.task import Clock

from txregistry.auth.regulars import MEMORY, SHAPE, Regulars
from txregistry.places import WAYS, private_places, shared_places


@pytest.fixture
def clock() -> Clock:
    """The time."""
    return Clock()


@pytest.fixture
def regulars(clock: Clock) -> Regulars:
    """Those of one process."""
    return Regulars(private_places(SHAPE), clock.seconds)


def test_remembered(regulars: Regulars) -> None:
    """
    Who was right is known, at any time of the clock, and nobody else is.
    """
    assert not regulars.knows("joe")
    regulars.remember("joe")
    assert [regulars.knows(name) for name in ("joe", "ann", "")] == [True, False, False]


def test_forgotten(regulars: Regulars, clock: Clock) -> None:
    """
    It is forgotten after a week, counted from the last time.
    """
    regulars.remember("joe")
    clock.advance(MEMORY / 2)
    regulars.remember("joe")
    clock.advance(MEMORY)
    assert regulars.knows("joe")
    clock.advance(1.0)
    assert not regulars.knows("joe")


def test_crowd(clock: Clock) -> None:
    """
    The memory is of one size; who was right last is known, who has not been for longest is not.
    """
    places = private_places(SHAPE)
    regulars = Regulars(places, clock.seconds)
    for number in range(2 * SHAPE.count):
        regulars.remember(f"user{number}")
        clock.advance(0.001)
    assert len(places.cells) * 8 == SHAPE.size
    assert regulars.knows(f"user{2 * SHAPE.count - 1}")
    known = sum(regulars.knows(f"user{number}") for number in range(2 * SHAPE.count))
    assert SHAPE.count * 0.9 < known <= SHAPE.count
    assert sum(regulars.knows(f"user{number}") for number in range(1000)) < 1000 / WAYS


def test_shared(tmp_path: Path, clock: Clock) -> None:
    """
    What one process notes another one knows.
    """
    path = str(tmp_path / "regulars")
    one, other = (Regulars(shared_places(SHAPE, path), clock.seconds) for _ in range(2))
    one.remember("joe")
    assert other.knows("joe")
    assert not other.knows("ann")
