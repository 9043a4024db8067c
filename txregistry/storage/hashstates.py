"""
The hash of what an upload has so far, kept beside it.

In the format of ``distribution``, whose own files are read too.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from attrs import frozen
from twisted.logger import Logger

from txregistry.errors import DriverError, PathNotFound
from txregistry.model.digest import CANONICAL, HEX_LENGTHS
from txregistry.model.name import RepositoryName
from txregistry.storage import hashing, paths
from txregistry.storage.hashing import RunningHash
from txregistry.storage.parts import Parts
from txregistry.storage.receiving import Receiver, hash_file

_log = Logger()

WORTH_SAVING: Final = 4 * 1024 * 1024
"""Hashing fewer bytes again costs about as much as writing down their hash and finding it."""


@frozen
class HashStates:
    """
    Those of one upload.
    """

    _parts: Parts
    _name: RepositoryName
    _id: str

    async def algorithm(self) -> str:
        """:return: the algorithm that was named when the upload began."""
        path = paths.upload_hash_states(self._name, self._id)
        try:
            await self._parts.driver.stat(path)  # mostly there are none, and this costs less
            children = await self._parts.driver.list(path)
        except PathNotFound:
            return CANONICAL
        names = {paths.last_component(child) for child in children}
        return next(iter(sorted(names & HEX_LENGTHS.keys() - {CANONICAL})), CANONICAL)

    async def resume(self, receiver: Receiver) -> None:
        """
        Give a receiver the hash of what its file has already, unless that would have to be read
        again and is much.
        """
        size, algorithm = receiver.writer.size, receiver.algorithm
        if size == 0:
            receiver.hash = hashing.new(algorithm)
            return
        driver = self._parts.driver
        with suppress(PathNotFound):
            if size < WORTH_SAVING:
                data = paths.upload_data(self._name, self._id)
                running = await hash_file(driver, data, algorithm, self._parts.hashing)
                # A driver need not show all bytes before it is asked to commit them.
                receiver.hash = running if running.length == size else None
            elif hashing.can_load(algorithm):
                receiver.hash = await self._load(algorithm, size)
                receiver.resumed = True

    async def _load(self, algorithm: str, size: int) -> RunningHash | None:
        """
        :return: the hash of the first ``size`` bytes, if it is ours and of this boot, or
            distribution's, which syncs data before its hash.
        :raises PathNotFound: if there is none.
        """
        driver = self._parts.driver
        with suppress(PathNotFound):
            saved = await driver.get_content(self._ours(algorithm))
            boot, _, state = saved.partition(b"\n")
            running = hashing.load(algorithm, state, size)
            if running is not None and boot == self._parts.boot:
                return running
        theirs = paths.upload_hash_state(self._name, self._id, algorithm, size)
        return hashing.load(algorithm, await driver.get_content(theirs), size)

    async def save(self, running: RunningHash, algorithm: str) -> None:
        """
        Keep a hash, if that is worth it.

        What was hashed is not durable, so a power cut could leave the hash of bytes that are
        lost.  That is why it counts only until the machine starts again.
        """
        state = running.save()
        if state is None or running.length < WORTH_SAVING:
            return
        saved = b"\n".join((self._parts.boot, state))
        try:
            await self._parts.driver.put_content(self._ours(algorithm), saved, durable=False)
        except DriverError:
            _log.failure("upload {id}: its hash could not be saved", id=self._id)

    async def forget(self, size: int) -> None:
        """
        Remove all, before the data goes elsewhere.  After a crash the upload could be there yet,
        but empty: no hash of what was in it may be taken for one of what comes then.

        :param size: how much the upload had when it was opened last.
        """
        if size < WORTH_SAVING:
            return
        # Distribution's would outlive a power cut; ours, which it doesn't, need not be synced.
        for directory, durable in (
            (paths.upload_hash_states(self._name, self._id), True),
            (paths.upload_running_hashes(self._name, self._id), False),
        ):
            with suppress(PathNotFound):
                await self._parts.driver.delete(directory, durable)

    def _ours(self, algorithm: str) -> str:
        return paths.upload_running_hash(self._name, self._id, algorithm)
