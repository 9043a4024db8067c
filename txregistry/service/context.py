"""
What a process of several knows about the others.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

from txregistry.errors import CannotServe
from txregistry.places import Places, Shape, shared_places

EPOCHS: Final = 4096
"""How many numbers of 8 bytes the file at :attr:`WorkerContext.epochs_path` holds."""


@frozen(kw_only=True)
class WorkerContext:
    """
    The place of a process among those that the supervisor has started.  Where there is only one,
    there is none of these.

    :param index: which worker it is, from 0 on; its successor has the same.  The process for
        background work has ``count``.
    :param count: how many workers serve.
    :param run_directory: a directory of this run, for what the processes share.  It goes with
        the last of them.
    :param epochs_path: a file in it of :data:`EPOCHS` times 8 bytes, zeros at first, to be mapped
        into memory.  It is to be opened at the start: later the directory may be gone.
    :param shares_path: a file in it of numbers of connections, of all workers.
    """

    index: int
    count: int
    run_directory: str
    epochs_path: str
    shares_path: str = ""

    @property
    def locks_path(self) -> str:
        """A file for locks between the processes."""
        return f"{self.run_directory}/locks"

    def places(self, name: str, shape: Shape) -> Places:
        """
        :param name: what is remembered there.
        :return: memory of all processes.
        :raises CannotServe: if there is none left.
        """
        path = f"{self.run_directory}/{name}"
        try:
            return shared_places(shape, path)
        except OSError as error:
            raise CannotServe(f"can't make what workers share: {path}: {error.strerror}") from error
