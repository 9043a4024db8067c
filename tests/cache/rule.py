"""
The rule that no cache outlives a delete, for random schedules of several processes.

Each step begins something, or lets one answer of the storage come that was held.  So a process may
learn that there is a blob, and tell the cache long after another has deleted it.  What each look
found is held against what it may have found: operations that overlap may have happened in any
order, others not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from twisted.internet.defer import Deferred

from tests.cache.kit import HoldingDriver, Worker
from tests.storage.kit import push_blob
from txregistry.deferreds import deferred
from txregistry.errors import BlobUnknown
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName

NAMES = (RepositoryName("a"), RepositoryName("b/c"))
BLOBS = (b"a blob", b"another blob")
WORKERS = 3

workers = st.integers(0, WORKERS - 1)
names = st.sampled_from(NAMES)
blobs = st.sampled_from(BLOBS)

NEVER = 10**9


@attrs.define
class Operation:
    """
    Something that began, and perhaps ended.

    :param kind: ``look``, ``add`` or ``delete``.
    :param found: of a look: whether it was there.
    """

    kind: str
    name: str
    blob: bytes
    begin: int
    end: int = NEVER
    found: bool = False
    worked: bool = False


class DeleteRule(RuleBasedStateMachine):
    """
    Several processes that do things at the same time.
    """

    #: Makes the processes, on storage that holds its answers.
    make: Callable[[], list[tuple[Worker, HoldingDriver]]]
    #: Waits until nothing happens any more but what is held.
    settle: Callable[[], None] = staticmethod(lambda: None)

    def __init__(self) -> None:
        super().__init__()
        self.crew = type(self).make()
        self.time = 0
        self.operations: list[Operation] = []

    # what may happen

    @rule(worker=workers, name=names, blob=blobs, opening=st.booleans())
    def look(self, worker: int, name: RepositoryName, blob: bytes, opening: bool) -> None:
        """
        Ask whether a blob is there.
        """
        repository = self.crew[worker][0].repository(name)
        ask = repository.blobs.open if opening else repository.blobs.stat
        self._begin(ask(Digest.of(blob)), self._operation("look", name, blob))

    @rule(worker=workers, name=names, blob=blobs)
    def push(self, worker: int, name: RepositoryName, blob: bytes) -> None:
        """
        Push a blob.
        """
        pushing = deferred(push_blob)(self.crew[worker][0].repository(name), blob)
        self._begin(pushing, self._operation("add", name, blob))

    @rule(worker=workers, blob=blobs, direction=st.booleans())
    def mount(self, worker: int, blob: bytes, direction: bool) -> None:
        """
        Mount a blob from another repository: where it works, it was there, and is here.
        """
        source, name = NAMES if direction else NAMES[::-1]
        mounting = self.crew[worker][0].repository(name).blobs.mount(Digest.of(blob), source)
        there = self._operation("look", source, blob)
        self._begin(mounting, self._operation("add", name, blob), there)

    @rule(worker=workers, name=names, blob=blobs)
    def delete(self, worker: int, name: RepositoryName, blob: bytes) -> None:
        """
        Delete a blob.
        """
        deleting = self.crew[worker][0].repository(name).blobs.delete(Digest.of(blob))
        self._begin(deleting, self._operation("delete", name, blob))

    @precondition(lambda self: any(driver.held for _, driver in self.crew))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        """
        Let an answer of the storage come.
        """
        waiting = [(driver, index) for _, driver in self.crew for index in range(len(driver.held))]
        driver, index = data.draw(st.sampled_from(waiting))
        driver.release(index)
        self._settle()

    def teardown(self) -> None:
        """
        Let everything come to its end: then all processes see what is in storage.
        """
        for _, driver in self.crew:
            driver.release_all()
        self._settle()
        assert all(operation.end < NEVER for operation in self.operations)
        for name in NAMES:
            for blob in BLOBS:
                for index in range(WORKERS):
                    self.look(index, name, blob, opening=False)

    # what happened

    def _operation(self, kind: str, name: str, blob: bytes) -> Operation:
        self.time += 1
        operation = Operation(kind, name, blob, self.time)
        self.operations.append(operation)
        return operation

    def _begin(self, waiting: Deferred[Any], *operations: Operation) -> None:
        def end(outcome: Any) -> None:
            self.time += 1
            unknown = bool(getattr(outcome, "check", lambda _: None)(BlobUnknown))
            for operation in operations:
                operation.end = self.time
                operation.found = operation.worked = not unknown
            if not unknown and hasattr(outcome, "raiseException"):
                outcome.raiseException()

        outcomes: list[Any] = []
        waiting.addBoth(end).addErrback(outcomes.append)
        self._settle()
        if outcomes:
            outcomes[0].raiseException()

    def _settle(self) -> None:
        type(self).settle()
        for operation in self.operations:
            if operation.kind == "look" and operation.end < NEVER:
                self._judge(operation)

    def _judge(self, look: Operation) -> None:
        about = [
            other
            for other in self.operations
            if (other.name, other.blob) == (look.name, look.blob) and other.begin < look.end
        ]
        adds = [other for other in about if other.kind == "add"]
        deletes = [other for other in about if other.kind == "delete"]
        if look.found:
            gone = max((d.begin for d in deletes if d.end < look.begin), default=0)
            assert any(add.end > gone for add in adds), ("found after its delete", look, about)
        else:
            there = max((a.begin for a in adds if a.worked and a.end < look.begin), default=NEVER)
            assert there == NEVER or any(d.end > there for d in deletes), ("lost", look, about)
