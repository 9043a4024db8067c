"""
The rule that no cache outlives a delete, for random schedules of several processes.

Each step begins something, or lets answers of the storage come that were held.  So a process may
learn that there is a blob, and tell the cache long after another has deleted it.  What each look
found is held against what it may have found: operations that overlap may have happened in any
order, others not.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from tests.cache.kit import HoldingDriver, Worker
from tests.storage.kit import push_blob
from txregistry.deferreds import deferred
from txregistry.errors import BlobUnknown
from txregistry.interfaces import IRepository
from txregistry.model.digest import Digest
from txregistry.model.name import RepositoryName

#: The first is the one that matters; from the second can be mounted.
NAMES = (RepositoryName("a"), RepositoryName("b/c"))
BLOB = b"a blob"
DIGEST = Digest.of(BLOB)

WORKERS = 2
STEPS = 40

NEVER = 10**9

Crew = Sequence[tuple[Worker, HoldingDriver]]


@attrs.define
class Operation:
    """
    Something that began, and perhaps ended.

    :param kind: ``look``, ``add`` or ``delete``.
    :param name: of the repository.
    :param worker: who does it.
    :param begin: when it began: the number of an event.
    :param end: when it ended.
    :param there: whether the blob was there, for it to do its work.
    """

    kind: str
    name: str
    worker: int
    begin: int
    end: int = NEVER
    there: bool = False


class Schedule:
    """
    What several processes do at the same time.

    :param crew: the processes, and what holds the answers of the storage to each.
    :param settle: waits until nothing happens any more but what is held.
    :param seed: of all chance.
    """

    def __init__(self, crew: Crew, settle: Callable[[], Deferred[None]], seed: int) -> None:
        self._crew = crew
        self._settle = settle
        self._chance = random.Random(seed)
        self._time = 0
        self._operations: list[Operation] = []
        self._failures: list[Failure] = []

    @deferred
    async def run(self) -> None:
        """
        Do some of everything; then let all come to its end, and see who finds what.
        """
        steps = [self._look, self._push, self._mount, self._delete, self._answer, self._finish]
        for _ in range(STEPS):
            await self._chance.choice(steps)(self._chance.randrange(WORKERS))
        for worker in range(WORKERS):
            await self._finish(worker)
        assert all(operation.end < NEVER for operation in self._operations)

    # steps

    async def _look(self, worker: int) -> None:
        repository, name = self._repository(worker)
        ask = self._chance.choice([repository.blobs.open, repository.blobs.stat])
        await self._begin(lambda: ask(DIGEST), self._operation("look", name, worker))

    async def _push(self, worker: int) -> None:
        repository, name = self._repository(worker)
        operation = self._operation("add", name, worker)
        await self._begin(lambda: deferred(push_blob)(repository, BLOB), operation)

    async def _mount(self, worker: int) -> None:
        """Where it works, the blob was there, and is here."""
        repository, name = self._repository(worker)
        source = NAMES[1 - NAMES.index(name)]
        there = self._operation("look", source, worker)
        here = self._operation("add", name, worker)
        await self._begin(lambda: repository.blobs.mount(DIGEST, source), here, there)

    async def _delete(self, worker: int) -> None:
        repository, name = self._repository(worker)
        operation = self._operation("delete", name, worker)
        await self._begin(lambda: repository.blobs.delete(DIGEST), operation)

    async def _answer(self, worker: int) -> None:
        """Let one answer of the storage come."""
        driver = self._crew[worker][1]
        if driver.held:
            driver.release(self._chance.randrange(len(driver.held)))
            await self._settled()

    async def _finish(self, worker: int) -> None:
        """Let all answers come that a process waits for, and see what everybody finds then."""
        driver = self._crew[worker][1]
        while driver.held:
            driver.release()
            await self._settled()
        for name in NAMES:
            for index, (other, holding) in enumerate(self._crew):
                if not holding.held:
                    look = self._operation("look", name, index)
                    stat = partial(other.repository(name).blobs.stat, DIGEST)
                    await self._begin(stat, look, whole=True)

    # what happens

    def _repository(self, worker: int) -> tuple[IRepository, RepositoryName]:
        name = self._chance.choice([NAMES[0], *NAMES])
        return self._crew[worker][0].repository(name), name

    def _operation(self, kind: str, name: str, worker: int) -> Operation:
        self._time += 1
        operation = Operation(kind, name, worker, self._time)
        self._operations.append(operation)
        return operation

    async def _begin(
        self,
        begin: Callable[[], Deferred[Any]],
        *operations: Operation,
        whole: bool | None = None,
    ) -> None:
        """
        :param whole: whether it is done now, whole.
        """
        driver = self._crew[operations[0].worker][1]
        driver.holding = not (self._chance.random() < 0.5 if whole is None else whole)
        begin().addBoth(self._end, operations).addErrback(self._failures.append)
        await self._settled()
        driver.holding = True

    def _end(self, outcome: Any, operations: Sequence[Operation]) -> None:
        if isinstance(outcome, Failure) and not outcome.check(BlobUnknown):
            outcome.raiseException()
        self._time += 1
        for operation in operations:
            operation.end = self._time
            operation.there = not isinstance(outcome, Failure)
        for operation in operations:
            if operation.kind == "look":
                self._judge(operation)

    async def _settled(self) -> None:
        await self._settle()
        for failure in self._failures:
            failure.raiseException()

    def _judge(self, look: Operation) -> None:
        about = [
            other
            for other in self._operations
            if other.name == look.name and other.begin < look.end
        ]
        adds = [other for other in about if other.kind == "add"]
        deletes = [other for other in about if other.kind == "delete"]
        if look.there:
            gone = max((d.begin for d in deletes if d.end < look.begin), default=0)
            assert any(add.end > gone for add in adds), ("found after its delete", look, about)
        else:
            there = max((a.begin for a in adds if a.there and a.end < look.begin), default=NEVER)
            assert there == NEVER or any(d.end > there for d in deletes), ("lost", look, about)
