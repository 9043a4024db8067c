"""
Parts of files on their way to a client: whether they are in memory, how they come there, and how
they are sent where the kernel can't do it.
"""

from __future__ import annotations

import os
from typing import BinaryIO, Final, Protocol

from twisted.internet.defer import Deferred

from txregistry.deferreds import Threads, deferred
from txregistry.errors import StorageFailure

KIB: Final = 1024

PROBE_STEP: Final = 128 * KIB
"""How far apart the pages are that are looked for: Linux reads no less ahead, if not told to."""

PIECE: Final = 64 * KIB
"""How much is read at once for transports that can't send files."""

READ_AHEAD_PIECE: Final = 256 * KIB
"""How much of what is brought into memory is read by one call."""

_PROBE: Final = bytearray(1)
_NOWAIT: Final[int | None] = getattr(os, "RWF_NOWAIT", None)


def in_memory(descriptor: int, offset: int, size: int) -> bool:
    """
    :return: whether a part of a file can be read without waiting for a disk, as far as a look at
        a few of its pages tells; false where the system can't say.
    """
    if _NOWAIT is None:
        return False
    last = offset + size - 1
    try:
        for position in range(offset, last, PROBE_STEP):
            os.preadv(descriptor, [_PROBE], position, _NOWAIT)
        os.preadv(descriptor, [_PROBE], last, _NOWAIT)
    except OSError:  # EAGAIN if it is not there, EOPNOTSUPP if the file system can't tell
        return False
    return True


def read_ahead(descriptor: int, offset: int, size: int) -> None:
    """
    Bring a part of a file into memory, and ask the system to go on with the next.  In a thread.

    What can't be read is left for the one who needs it.
    """
    buffer = bytearray(min(size, READ_AHEAD_PIECE))
    end = offset + size
    try:
        while offset < end:
            count = os.preadv(descriptor, [buffer], offset)
            if not count:
                return
            offset += count
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, end, size, os.POSIX_FADV_WILLNEED)
    except OSError:
        return


def unreadable(file: BinaryIO, reason: str) -> StorageFailure:
    """:return: the error for a file that can't be sent."""
    return StorageFailure(str(getattr(file, "name", "?")), reason)


class Consumer(Protocol):
    """Where the bytes of a file go that the kernel can't send."""

    def write(self, data: bytes) -> None: ...

    def ready(self) -> Deferred[None]: ...


@deferred
async def copy_file(
    threads: Threads, file: BinaryIO, offset: int, count: int, consumer: Consumer
) -> None:
    """
    Read a part of a file in a thread, and write it as fast as it is taken.

    :param threads: where it is read.
    :param file: open; it stays so until the Deferred has fired.
    :param offset: where the part begins, in bytes.
    :param count: how long it is, in bytes.
    :param consumer: where it goes.
    :return: fires when all of it has been written.
    :raises ClientDisconnected: if the connection is lost.
    :raises StorageFailure: if the file is too short or can't be read.
    """
    end = offset + count
    while offset < end:
        await consumer.ready()
        try:
            data = await threads.run(os.pread, file.fileno(), min(end - offset, PIECE), offset)
        except OSError as error:
            raise unreadable(file, str(error)) from error
        if not data:
            raise unreadable(file, "the file is shorter than it was said to be")
        consumer.write(data)
        offset += len(data)
