"""
Changes in steps, made by one thread in one go.

All that has to be written and synced before a name can be given is so at once, for all steps: the
bytes of new files under hidden names, those of what is moved where they are.  After that each
step is a few renames, and one sync of the directories in which they were, side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from attrs import frozen

from txregistry.deferreds import Threads
from txregistry.drivers.filesystem.change import (
    Changing,
    Discarding,
    Moving,
    Putting,
    Settling,
    Telling,
)
from txregistry.drivers.filesystem.durability import Names, Unsynced
from txregistry.drivers.filesystem.going import Going, Step
from txregistry.drivers.filesystem.reading import has_content
from txregistry.interfaces import Change, Discard, INote, Move, Put, Tell

Steps = Sequence[Sequence[Change]]
"""What is to be changed, one step after the other."""


def _write_notes(going: Sequence[Going], number: int) -> list[INote]:
    """:return: what was written that has to be synced."""
    notes = [note for each in going for note in each.notes(number)]
    if notes:
        notes[0].write(*notes[1:])
    files = {note.fileno(): note for note in notes}
    return [note for file, note in files.items() if file >= 0]


def _well(going: Sequence[Going]) -> list[Going]:
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
        # The last steps of all are made at the same time: mostly it is these that are told of.
        rounds = max(map(len, many))
        going = [Going(rounds, [self._step(step) for step in each]) for each in many]
        try:
            for each in going:
                each.begin()
            if durable:
                self._sync_bytes(_well(going))
            for number in range(rounds):
                for each in going:
                    each.show(number)
                notes = _write_notes(_well(going), number)
                if durable:
                    self._sync_names(_well(going), number, notes)
        finally:
            for each in going:
                each.end()
        return [each.error for each in going]

    def _sync_bytes(self, going: Sequence[Going]) -> None:
        every = [change for each in going for change in each.every]
        way = [name for change in every for name in change.way]
        self._settle(going, way, also=[change for change in every if change.has_bytes])

    def _sync_names(self, going: Sequence[Going], number: int, notes: Sequence[INote]) -> None:
        every = [change for each in going for change in each.step(number)]
        names = [name for change in every for name in change.names]
        directories = [directory for change in every for directory in change.directories]
        self._settle(going, names, directories, notes)

    def _settle(
        self,
        going: Sequence[Going],
        names: Sequence[str],
        directories: Sequence[str] = (),
        also: Sequence[Unsynced] = (),
    ) -> None:
        try:
            self._names.settle(*names, directories=directories, also=also)
        except Exception as error:  # noqa: BLE001 - who waits gets it, whatever it is
            for each in going:  # whose it is can't be told
                each.fail(error)

    def _step(self, step: Sequence[Change]) -> Step:
        changes, notes = [], []
        for change in step:
            if isinstance(change, Tell) and change.note is not None:
                notes.append(change.note)
            else:
                changes.append(self._of(change))
        return changes, notes

    def _of(self, change: Change) -> Changing:
        if isinstance(change, Tell):
            return Telling(partial(self._threads.tell, change.call))
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
