"""
Where the outbox of a process is, and whether it can be had.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from twisted.logger import Logger

from txregistry.configuration import Configuration
from txregistry.errors import CannotServe
from txregistry.notifications.database import Unusable
from txregistry.notifications.deadletters import DeadLetters
from txregistry.notifications.decision import Decision
from txregistry.notifications.directory import InUse, OutboxDirectory, Ownership
from txregistry.notifications.ignore import Ignored
from txregistry.notifications.intake import Intake
from txregistry.notifications.journal import Journal
from txregistry.notifications.outbox import ROOM
from txregistry.notifications.store import HARD, Store
from txregistry.notifications.writer import Writer

MEMORY_BYTES: Final = 16 * 1024 * 1024
"""What events may take where there is no place for them but memory."""

OWNER_SECONDS: Final = 3.0
"""How long it is waited for another registry to end, which has the outbox and may be ending."""

STATE_DIRECTORY: Final = "/var/lib/txregistry"


class Keeping:
    """
    Has the outbox.

    All processes of a registry keep events in the same place: on disk if the first of them could,
    else in memory, until the one that delivers finds that the disk works, and moves all there.

    :param place: a directory for the outbox, ``""`` for none but memory.
    :param run: a name for all processes of this registry, and for no other.
    :param shared: a directory in memory that they share; ``""`` where there is one process.
    :param ignored: what each endpoint isn't told.
    :param maxsize: bytes that events may take.
    :param lost: called in a thread with a reason when what waited in an outbox is lost.
    :param switched: called in a thread when events are kept on disk from now on.
    """

    log = Logger()

    def __init__(
        self,
        place: str,
        run: str,
        shared: str,
        ignored: Mapping[str, Ignored],
        maxsize: int,
        lost: Callable[[str], None],
        switched: Callable[[], None],
    ) -> None:
        self._disk = OutboxDirectory(place) if place else None
        self._memory = OutboxDirectory(f"{shared}/outbox", in_memory=True) if shared else None
        self._decision = Decision(shared if place else "")
        self._ownership = Ownership(self._disk, run) if self._disk else None
        self._ignored = ignored
        self._maxsize = maxsize
        self._lost = lost
        self._switched = switched
        self.in_memory = False
        """Whether events are kept in memory, but belong on disk."""

    def open(self) -> Store:
        """
        Have it, whatever it takes.

        :raises CannotServe: if another registry has it.
        """
        if self._disk is None:
            return self._in_memory()
        disk = self.on_disk()
        tried: list[str] = []

        def works() -> bool:
            tried.append(self._try(disk, OWNER_SECONDS))
            return not tried[0]

        if not self._decision.is_disk(works):
            return self._fall_back(*tried)
        problem = tried[0] if tried else self._try(disk, OWNER_SECONDS)
        if problem:
            self._tell_waiting(problem)
        return disk

    def another(self, store: Store) -> Store:
        """:return: an outbox once more; but what is in this process's memory is there only once."""
        if store.directory is None:
            return store
        return Store(store.directory, list(self._ignored), store.maxsize, self._tell_lost)

    def writer(self, store: Store) -> Writer:
        """
        :return: what puts events into an outbox, and onto the disk when all has been moved there.
        """
        if self._disk is None:
            return Writer([store], self._ignored)
        journal = Journal(self._disk, self._maxsize, self._tell_lost)
        if self.in_memory:
            return Writer([store, journal], self._ignored, self._go_over)
        # It is opened again by who delivers.
        store.close()
        return Writer([journal], self._ignored)

    def works(self) -> bool:
        """
        Try whether events can be kept on disk by now.  It blocks.
        """
        store = self.on_disk()
        try:
            return not self._try(store, 0.0)
        except CannotServe:
            return False
        finally:
            store.close()

    def move(self, memory: Store) -> int:
        """
        Move what is in memory to the disk.  It blocks.

        :param memory: the outbox, from which nobody delivers now.
        :return: how many events waited there.
        :raises Unusable: if it doesn't work; then nothing has changed.
        """
        # There may be no room by the rules, before somebody makes room.
        disk = self.on_disk(hard=2 * HARD)
        number = memory.move(disk)
        disk.close()
        self.in_memory = False
        try:
            letters = DeadLetters(memory.directory)
            letters.take(lambda _: True, DeadLetters(self._disk).put)
            self._decision.moved()
        except OSError:
            self.log.failure("not all of the outbox in memory could be moved")
        return number

    def on_disk(self, hard: int = HARD) -> Store:
        """:return: the outbox on disk."""
        return Store(self._disk, list(self._ignored), self._maxsize, self._tell_lost, hard)

    def close(self) -> None:
        """Let others have it."""
        if self._ownership is not None:
            self._ownership.release()

    # inside

    def _in_memory(self) -> Store:
        store = Store(self._memory, list(self._ignored), min(self._maxsize, MEMORY_BYTES))
        store.open()
        return store

    def _fall_back(self, problem: str = "another of its processes could not") -> Store:
        self.log.error(
            "events can't be written to {place} ({error}): they are kept in memory, {size} bytes "
            "of them at most, and don't outlive the registry, until that works; it is tried again "
            "and again; notifications.outbox.path names another place",
            place=self._disk.path if self._disk else "",
            error=problem,
            size=MEMORY_BYTES,
        )
        self.in_memory = True
        return self._in_memory()

    def _tell_waiting(self, problem: str) -> None:
        self.log.error(
            "events can't be written to {place} by this process ({error}), though others of the "
            "registry could: they wait in its memory until that works, {size} bytes at most",
            place=self._disk.path if self._disk else "",
            error=problem,
            size=ROOM,
        )

    def _try(self, store: Store, patience: float) -> str:
        """
        :return: what is wrong with an outbox; ``""`` if it can be written.
        :raises CannotServe: if another registry has it.
        """
        try:
            if store.directory is not None:
                store.directory.make()
            self._own(patience)
            self._take_in()
            store.open()
        except (OSError, Unusable) as error:
            return str(error)
        for endpoint, number in store.left.items():
            if number:
                self.log.warn(  # noqa: G010 - Twisted's logger has no other
                    "the endpoint {endpoint} is no more in notifications.endpoints; {number} "
                    "events waited for it, which nobody will get",
                    endpoint=endpoint,
                    number=number,
                )
        return ""

    def _take_in(self) -> None:
        """
        Take in what was written before: an endpoint that comes to an outbox isn't told of it.
        """
        if self._disk is None or not os.path.exists(self._disk.database):
            return
        store = Store(self._disk, None, self._maxsize, self._tell_lost)
        intake = Intake(store)
        try:
            # Where no endpoint has been yet, as in a file that is new since another was damaged,
            # they are all told of it.
            if store.cursors():
                intake.take()
        except Unusable:
            self.log.info("what stands in the journal can't be taken before endpoints are known")
        finally:
            intake.close()
            store.close()

    def _own(self, patience: float) -> None:
        if self._ownership is None:
            return
        deadline = time.monotonic() + patience
        while True:
            try:
                self._ownership.take()
            except InUse as error:
                if time.monotonic() >= deadline:
                    raise CannotServe(str(error)) from error
                # Nothing runs yet that would have to wait.
                time.sleep(0.1)
            else:
                return

    def _go_over(self) -> None:
        """Others may not have it now, for this process's sake as well."""
        with suppress(OSError, CannotServe):
            self._own(0.0)
        self.in_memory = False
        self._switched()

    def _tell_lost(self, reason: str) -> None:
        with suppress(OSError, InUse):
            if self._ownership is not None:
                self._ownership.renew()
        self._lost(reason)


def outbox_place(configuration: Configuration, environ: Mapping[str, str]) -> str:
    """
    :return: the directory of the outbox; ``""`` where events are no more durable than what they
        are about.
    """
    storage = configuration.storage
    if configuration.notifications.outbox.path:
        return os.path.abspath(configuration.notifications.outbox.path)
    if storage.driver == "inmemory":
        return ""
    if storage.driver == "filesystem":
        # Beside the tree, where distribution doesn't look.
        root = str(storage.parameters.get("rootdirectory") or "/var/lib/registry")
        return f"{os.path.abspath(root)}/.txregistry/outbox"
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    return f"{state or STATE_DIRECTORY}/outbox"
