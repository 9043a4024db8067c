"""
Bytes on their way from a client into a file: hashed and written at the same time.
"""

from __future__ import annotations

from typing import Final

from txregistry.deferreds import Threads, deferred, shielded
from txregistry.errors import SizeInvalid
from txregistry.interfaces import IByteStream, IFileWriter, IStorageDriver
from txregistry.model.byte_range import ContentRange
from txregistry.storage import hashing
from txregistry.storage.hashing import RunningHash
from txregistry.storage.hashqueue import HashQueue
from txregistry.storage.waiting import opened
from txregistry.storage.writequeue import WriteQueue

READ_AT_ONCE: Final = 1024 * 1024
"""How many bytes are read for one call in a thread."""


OTHER_LENGTH: Final = "the content has another length than announced"


class Receiver:
    """
    A file that is open for writing, and the hash of all that is in it.

    :param writer: the file.
    :param algorithm: of the hash.
    :param threads: where hashes are computed.

    :ivar hash: of all that is in the file; ``None`` if that isn't known.
    :ivar resumed: whether its beginning was saved, perhaps by another program.
    """

    def __init__(self, writer: IFileWriter, algorithm: str, threads: Threads) -> None:
        self.writer = writer
        self.algorithm = algorithm
        self.hash: RunningHash | None = None
        self.resumed = False
        self._threads = threads

    async def receive(
        self, stream: IByteStream, content_range: ContentRange | None, length: int | None
    ) -> None:
        """
        Append what comes.  If the stream breaks off, what came stays.

        :param content_range: which part it is said to be.
        :param length: how many bytes are announced.
        :raises SizeInvalid: if more or fewer came; then the file is as before.
        """
        before = self.writer.size
        came = await self._pour(stream, _most(content_range, length))
        if (length is not None and came != length) or not (
            content_range is None or content_range.accepts(came)
        ):
            self.hash = None
            await shielded(self.writer.truncate(before))
            raise SizeInvalid({"reason": OTHER_LENGTH})

    async def _pour(self, stream: IByteStream, most: int | None) -> int:
        """
        Append what comes, but for what is too much.  It is written and hashed side by side, while
        more comes.

        :return: how many bytes came.
        """
        running, self.hash = self.hash, None
        hashes = None if running is None else HashQueue(running, self._threads)
        writes = WriteQueue(self.writer)
        came = 0
        try:
            while piece := await stream.read():
                came += len(piece)
                if most is not None and came > most:
                    break
                if hashes is not None:
                    hashes.add(piece)
                writes.add(piece)
                del piece  # a client may take long to send the next one
                await shielded(self._room(writes, hashes))
        finally:
            await shielded(self._finish(writes, hashes))
        writes.check()
        return came

    @deferred
    async def _room(self, writes: WriteQueue, hashes: HashQueue | None) -> None:
        await writes.room()
        if hashes is not None:
            await hashes.room()

    @deferred
    async def _finish(self, writes: WriteQueue, hashes: HashQueue | None) -> None:
        await writes.finish()
        if hashes is not None:
            # Had a write failed, it would be that of more than there is.
            self.hash = await hashes.finish(self.writer.size)


def _most(content_range: ContentRange | None, length: int | None) -> int | None:
    """:return: how many bytes may come at most, if that is known."""
    if content_range is None:
        return length
    most = content_range.last - content_range.first + 1
    return most if length is None else min(most, length)


async def hash_file(
    driver: IStorageDriver, path: str, algorithm: str, threads: Threads
) -> RunningHash:
    """
    Read a file to hash it.

    :raises PathNotFound: if there is no such file.
    """
    running = hashing.new(algorithm)
    reader = await opened(driver.reader(path))
    try:
        while data := await reader.read(READ_AT_ONCE):
            await threads.run(running.update, data)
    finally:
        await shielded(reader.close())
    return running
