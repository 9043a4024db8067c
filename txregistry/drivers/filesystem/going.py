"""
One of several whose changes are made side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import methodcaller

from txregistry.drivers.filesystem import failures
from txregistry.drivers.filesystem.change import Changing
from txregistry.interfaces import INote

Step = tuple[Sequence[Changing], Sequence[INote]]
"""Changes that are made at once, and what is written of them."""


class Going:
    """
    Somebody's changes on their way.

    :param rounds: in how many steps all are made; who has fewer begins later.
    :param steps: the changes of each, and what is written elsewhere when they can be seen.
    :ivar error: how they failed; then nothing more is done.
    """

    def __init__(self, rounds: int, steps: Sequence[Step]) -> None:
        self._later = rounds - len(steps)
        self._steps = steps
        self.error: Exception | None = None

    @property
    def every(self) -> list[Changing]:
        """All of them."""
        return [change for step, _ in self._steps for change in step]

    def step(self, number: int) -> Sequence[Changing]:
        """:return: the changes that are to be made in a round."""
        return self._steps[number - self._later][0] if number >= self._later else ()

    def notes(self, number: int) -> Sequence[INote]:
        """:return: what is to be written in a round."""
        return self._steps[number - self._later][1] if number >= self._later else ()

    def begin(self) -> None:
        """Do what nobody sees."""
        self._each(self.every, methodcaller("begin"))

    def show(self, number: int) -> None:
        """Let a step be seen."""
        self._each(self.step(number), methodcaller("show"))

    def fail(self, error: Exception) -> None:
        """Know that something could not be synced."""
        try:
            with failures.making(self.every[0].path):
                raise error
        except Exception as told:  # noqa: BLE001 - whatever it is told as
            self.error = told

    def end(self) -> None:
        """Let go of everything."""
        for change in self.every:
            change.end()

    def _each(self, changes: Sequence[Changing], do: Callable[[Changing], None]) -> None:
        if self.error is None:
            try:
                for change in changes:
                    do(change)
            except Exception as error:  # noqa: BLE001 - who waits gets it, whatever it is
                self.error = error
