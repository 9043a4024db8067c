"""
Writing beside receiving.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from twisted.internet.defer import Deferred

from txregistry.deferreds import started
from txregistry.errors import NoSpace
from txregistry.interfaces import IFileWriter
from txregistry.storage.writequeue import MOST, MOST_OF_ALL, WriteQueue

LARGE = bytes(1024 * 1024)


class LateWriter:
    """
    A file to which is written when the test says so.
    """

    def __init__(self) -> None:
        self.begun: list[tuple[bytes, ...]] = []
        self.waiting: list[Deferred[None]] = []

    def write(self, *pieces: bytes) -> Deferred[None]:
        """Begin to."""
        self.begun.append(pieces)
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def end(self, error: Exception | None = None) -> None:
        """Come to the end of one call."""
        waiting = self.waiting.pop(0)
        if error is None:
            waiting.callback(None)
        else:
            waiting.errback(error)


@pytest.fixture
def writer() -> LateWriter:
    """A file."""
    return LateWriter()


def made(writer: LateWriter) -> WriteQueue:
    """A queue."""
    file: IFileWriter = writer  # type: ignore[assignment] # only its writes are wanted
    return WriteQueue(file)


@pytest.fixture
def queue(writer: LateWriter) -> Iterator[WriteQueue]:
    """A queue, after which nothing waits any more."""
    queue = made(writer)
    yield queue
    while writer.waiting:
        writer.end()
    assert WriteQueue._total == 0


class WriteQueueTests:
    """
    Pieces that are written later.
    """

    def test_gather(self, writer: LateWriter, queue: WriteQueue) -> None:
        """
        While a piece is being written others gather, and go together in their order.
        """
        for piece in (b"0", b"1", b"2"):
            queue.add(piece)
        finished: list[None] = []
        started(queue.finish()).addCallback(finished.append)
        assert writer.begun == [(b"0",)]
        writer.end()
        assert writer.begun == [(b"0",), (b"1", b"2")]
        assert not finished
        writer.end()
        assert finished
        queue.check()

    def test_again(self, writer: LateWriter, queue: WriteQueue) -> None:
        """
        After a pause it goes on.
        """
        queue.add(b"0")
        writer.end()
        queue.add(b"1")
        assert writer.begun == [(b"0",), (b"1",)]

    def test_room(self, writer: LateWriter, queue: WriteQueue) -> None:
        """
        Who is faster than the disk waits for it.
        """
        for _ in range(MOST // len(LARGE)):
            queue.add(LARGE)
            assert started(queue.room()).called
        queue.add(LARGE)
        come: list[None] = []
        started(queue.room()).addCallback(come.append)
        assert not come
        writer.end()
        assert come

    def test_room_of_all(self, writer: LateWriter) -> None:
        """
        Many files together have not much more in memory than one.
        """
        queues = [made(writer) for _ in range(MOST_OF_ALL // len(LARGE) + 1)]
        for queue in queues:
            queue.add(LARGE)
        come: list[None] = []
        started(queues[-1].room()).addCallback(come.append)
        assert not come
        while writer.waiting:
            writer.end()
        assert come
        assert WriteQueue._total == 0

    def test_failure(self, writer: LateWriter, queue: WriteQueue) -> None:
        """
        If something can't be written, nothing after it is, and who writes is told.
        """
        queue.add(b"0")
        queue.add(b"1")
        finished = started(queue.finish())
        writer.end(NoSpace("/x"))
        assert finished.called
        queue.add(b"2")
        assert writer.begun == [(b"0",)]
        with pytest.raises(NoSpace):
            queue.check()

    def test_failure_for_who_waits(self, writer: LateWriter, queue: WriteQueue) -> None:
        """
        Who waits for room is told at once.
        """
        for _ in range(MOST // len(LARGE) + 1):
            queue.add(LARGE)
        failed: list[object] = []
        started(queue.room()).addErrback(lambda failure: failed.append(failure.check(NoSpace)))
        writer.end(NoSpace("/x"))
        assert failed == [NoSpace]
