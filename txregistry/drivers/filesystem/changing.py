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
from txregistry.drivers.filesystem import failures
from txregistry.drivers.filesystem.change import (
    Changing,
    Discarding,
    Moving,
    Putting,
    Settling,
    Telling,
)
from txregistry.drivers.filesystem.durability import Names
from txregistry.interfaces import Change, Discard, Move, Put, Tell


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

    def make(self, steps: Sequence[Sequence[Change]], durable: bool = True) -> None:
        """
        Do what :meth:`~txregistry.interfaces.IStorageDriver.change` has to.

        :param durable: whether anything must survive a power cut.
        """
        going = [[self._of(change) for change in step] for step in steps]
        every = [change for step in going for change in step]
        try:
            for change in every:
                change.begin()
            if durable:
                self._sync_bytes(every)
            for step in going:
                for change in step:
                    change.show()
                if durable:
                    self._sync_names(step)
        finally:
            for change in every:
                change.end()

    def _sync_bytes(self, changes: Sequence[Changing]) -> None:
        way = [name for change in changes for name in change.way]
        self._settle(changes, way, also=[change for change in changes if change.has_bytes])

    def _sync_names(self, changes: Sequence[Changing]) -> None:
        names = [name for change in changes for name in change.names]
        directories = [each for change in changes for each in change.directories]
        self._settle(changes, names, directories)

    def _settle(
        self,
        changes: Sequence[Changing],
        names: Sequence[str],
        directories: Sequence[str] = (),
        also: Sequence[Changing] = (),
    ) -> None:
        for change in changes[:1]:  # whose error it is can't be told
            with failures.making(change.path):
                self._names.settle(*names, directories=directories, also=also)

    def _of(self, change: Change) -> Changing:
        if isinstance(change, Put):
            return Putting(change.path, self._root + change.path, change.content, self._names)
        if isinstance(change, Move):
            return Moving(change, self._root, self._names)
        if isinstance(change, Tell):
            return Telling(partial(self._threads.tell, change.call))
        local_path = self._root + change.path
        if isinstance(change, Discard):
            return Discarding(change.path, local_path)
        return Settling(change.path, local_path, self._names)
