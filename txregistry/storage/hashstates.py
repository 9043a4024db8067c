"""
The hash of what an upload has so far, kept beside it.

``distribution`` keeps it in the same files, and each goes on with what the other left.
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
"""Hashing fewer bytes again takes less time than writing down a hash so that it is durable."""


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
                running = await hash_file(driver, data, algorithm, self._parts.threads)
                # A driver need not show all bytes before it is asked to commit them.
                receiver.hash = running if running.length == size else None
            elif hashing.can_load(algorithm):
                state = await driver.get_content(self._path(algorithm, size))
                receiver.hash = hashing.load(algorithm, state, size)
                receiver.resumed = True

    async def save(self, running: RunningHash, algorithm: str) -> None:
        """
        Keep a hash, if that is worth it.  What was hashed is durable already: were it the other
        way round, a crash could leave the hash of bytes that are lost, and it could be taken
        for that of others later.
        """
        state = running.save()
        if state is None or running.length < WORTH_SAVING:
            return
        try:
            await self._parts.driver.put_content(self._path(algorithm, running.length), state)
        except DriverError:
            _log.failure("upload {id}: its hash could not be saved", id=self._id)

    async def forget(self, size: int) -> None:
        """
        Remove all, before the data goes elsewhere.  After a crash the upload could be there yet,
        but empty: no hash of what was in it may be taken for one of what comes then.

        :param size: how much the upload had when it was opened last.
        """
        if size >= WORTH_SAVING:
            with suppress(PathNotFound):
                await self._parts.driver.delete(paths.upload_hash_states(self._name, self._id))

    def _path(self, algorithm: str, offset: int) -> str:
        return paths.upload_hash_state(self._name, self._id, algorithm, offset)
