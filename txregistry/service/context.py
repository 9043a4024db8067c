"""
What a process of several knows about the others.
"""

from __future__ import annotations

from typing import Final

from attrs import frozen

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

    def attempts_path(self, name: str) -> str:
        """
        :param name: of what is remembered of those who log in, with whichever process.
        :return: a file for that.
        """
        return f"{self.run_directory}/{name}"

    @property
    def meters_path(self) -> str:
        """A file that counts what clients ask for, of all processes together."""
        return f"{self.run_directory}/meters"

    @property
    def used_ids_path(self) -> str:
        """A file that remembers which ids of uploads are used."""
        return f"{self.run_directory}/ids"
