"""
Changes in steps, made by one thread in one go.

All that has to be written and synced before a name can be given is so at once, for all steps: the
bytes of new files under hidden names, those of what is moved where they are.  After that each
step is a few renames, and one sync of the directories in which they were, side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from operator import methodcaller

from attrs import frozen

from txregistry.deferreds import Threads
from txregistry.drivers.filesystem import failures
from txregistry.drivers.filesystem.change import (
    Changing,
    Discarding,
    Moving,
    Noting,
    Putting,
    Settling,
    Telling,
)
from txregistry.drivers.filesystem.durability import Names, Unsynced
from txregistry.drivers.filesystem.reading import has_content
from txregistry.interfaces import Change, Discard, INote, Move, Put, Tell

Steps = Sequence[Sequence[Change]]
"""What is to be changed, one step after the other."""


class _Going:
    """
    Somebody's changes on their way.

    :ivar error: how they failed; then nothing more is done.
    """

    def __init__(self, steps: Sequence[Sequence[Changing]]) -> None:
        self.steps = steps
        self.error: Exception | None = None

    @property
    def every(self) -> list[Changing]:
        """All of them."""
        return [change for step in self.steps for change in step]

    def step(self, number: int) -> Sequence[Changing]:
        """:return: one step; empty if there are fewer."""
        return self.steps[number] if number < len(self.steps) else ()

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


def _write_notes(going: Sequence[_Going], number: int) -> list[INote]:
    """:return: what was written that has to be synced."""
    notes = [note for each in going for change in each.step(number) for note in change.notes]
    if notes:
        notes[0].write(*notes[1:])
    return [note for note in notes if note.fileno() >= 0]


def _well(going: Sequence[_Going]) -> list[_Going]:
    """:return: those that have not failed."""
    return [each for each in going if each.error is None]


@frozen
class Changes:
    """
    Makes them.

    :param root: of all local paths.
    :param names: below that root.
    :param threads: those in which changes are made.
    """

    _root: str
    _names: Names
    _threads: Threads

    def make(self, steps: Steps, durable: bool = True) -> None:
        """
        Do what :meth:`~txregistry.interfaces.IStorageDriver.change` has to.

        :param durable: whether anything must survive a power cut.
        """
        (error,) = self.make_all([steps], durable)
        if error is not None:
            raise error

    def make_all(self, many: Sequence[Steps], durable: bool = True) -> list[Exception | None]:
        """
        Do that for several who know nothing of each other, side by side: what is synced for one is
        for all.

        :return: for each how it failed, if it did.
        """
        going = [_Going([[self._of(change) for change in step] for step in each]) for each in many]
        try:
            for each in going:
                each.begin()
            if durable:
                self._sync_bytes(_well(going))
            for number in range(max(len(each.steps) for each in going)):
                for each in going:
                    each.show(number)
                notes = _write_notes(_well(going), number)
                if durable:
                    self._sync_names(_well(going), number, notes)
        finally:
            for each in going:
                each.end()
        return [each.error for each in going]

    def _sync_bytes(self, going: Sequence[_Going]) -> None:
        every = [change for each in going for change in each.every]
        way = [name for change in every for name in change.way]
        self._settle(going, way, also=[change for change in every if change.has_bytes])

    def _sync_names(self, going: Sequence[_Going], number: int, notes: Sequence[INote]) -> None:
        every = [change for each in going for change in each.step(number)]
        names = [name for change in every for name in change.names]
        directories = [directory for change in every for directory in change.directories]
        self._settle(going, names, directories, notes)

    def _settle(
        self,
        going: Sequence[_Going],
        names: Sequence[str],
        directories: Sequence[str] = (),
        also: Sequence[Unsynced] = (),
    ) -> None:
        try:
            self._names.settle(*names, directories=directories, also=also)
        except Exception as error:  # noqa: BLE001 - who waits gets it, whatever it is
            for each in going:  # whose it is can't be told
                each.fail(error)

    def _of(self, change: Change) -> Changing:
        if isinstance(change, Tell):
            return self._told(change)
        if isinstance(change, Move):
            return Moving(change, self._root, self._names)
        local_path = self._root + change.path
        if isinstance(change, Discard):
            return Discarding(change.path, local_path)
        if isinstance(change, Put) and not (
            change.once and has_content(local_path, change.content)
        ):
            return Putting(change.path, local_path, change.content, self._names)
        return Settling(change.path, local_path, self._names)

    def _told(self, change: Tell) -> Changing:
        if change.note is not None:
            return Noting(change.note)
        return Telling(partial(self._threads.tell, change.call))
