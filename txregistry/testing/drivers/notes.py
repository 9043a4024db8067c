"""
What is written down of changes.
"""

from __future__ import annotations

from collections.abc import Callable

from zope.interface import implementer

from txregistry.interfaces import INote


@implementer(INote)
class Note:
    """
    A note that tells what is done with it.

    :param written: called when it is written.
    :param synced: called when it is synced by itself.
    :param descriptor: of the file in which it is.
    """

    def __init__(
        self,
        written: Callable[[], object],
        synced: Callable[[], object] = lambda: None,
        descriptor: int = -1,
    ) -> None:
        self._written = written
        self._synced = synced
        self._descriptor = descriptor

    def write(self, *others: INote) -> None:
        self._written()
        for other in others:
            other.write()

    def fileno(self) -> int:
        return self._descriptor

    def sync(self) -> None:
        self._synced()

    def done(self) -> None:
        """That is nothing to tell of here."""
