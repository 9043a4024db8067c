"""
Telling of what is new, beside making it durable.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from txregistry.interfaces import Change, IAlongside, INote, Tell
from txregistry.model.descriptor import Descriptor


class Telling:
    """
    What is told of one new thing.

    :param alongside: whom to tell, if anybody.
    :param descriptor: of the thing.
    """

    def __init__(self, alongside: IAlongside | None, descriptor: Descriptor) -> None:
        self._alongside = alongside
        self._descriptor = descriptor
        self._note: INote | None = None
        self._told: Deferred[None] = succeed(None)

    def changes(self) -> list[Change]:
        """:return: what to put behind the change that makes it seen."""
        if self._alongside is None:
            return []
        self._note = self._alongside.note(self._descriptor)
        return [Tell(self._tell, self._note)]

    def told(self) -> Deferred[None]:
        """:return: fires when whom to tell is ready; to be asked when the change has been made."""
        if self._note is not None:
            self._note.done()
        return self._told

    def _tell(self) -> None:
        if self._alongside is not None:
            self._told = self._alongside.tell(self._descriptor)
