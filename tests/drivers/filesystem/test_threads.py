"""
The threads of one driver.
"""

from __future__ import annotations

import sys
from io import FileIO
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from twisted.internet import reactor
from twisted.internet.defer import CancelledError
from twisted.internet.task import deferLater
from twisted.internet.utils import getProcessValue

from tests.components.table import ROOT
from txregistry.drivers.filesystem.threads import DriverThreads, opened


class DriverThreadsTests:
    """
    They come when they are needed, and go when they are done.
    """

    async def test_none_at_first(self, threads: DriverThreads) -> None:
        """There is no thread before the first call, and none after the stop."""
        before = set(enumerate_threads())
        assert len(set(await threads.run(enumerate_threads)) - before) == 1
        await threads.stop()
        assert set(enumerate_threads()) <= before

    async def test_stop_unused(self, threads: DriverThreads) -> None:
        """Threads that were never needed can be stopped, also twice."""
        await threads.stop()
        await threads.stop()

    async def test_stop_waits(self, threads: DriverThreads) -> None:
        """To stop is to wait for the calls that run, also those that nobody waits for."""
        go_on = Event()
        running = threads.run(go_on.wait, 10)
        cancelled = threads.run(go_on.wait, 10)
        cancelled.cancel()
        stopping = threads.stop()
        await deferLater(reactor, 0.01)
        assert not stopping.called
        go_on.set()
        await stopping
        await deferLater(reactor, 0)
        assert await running
        with pytest.raises(CancelledError):
            await cancelled

    async def test_forgotten(self) -> None:
        """A process that doesn't stop them ends all the same."""
        program = (
            "from twisted.internet import reactor\n"
            "from txregistry.drivers.filesystem.threads import DriverThreads\n"
            "done = DriverThreads(reactor, 25, 'test').run(int)\n"
            "done.addCallback(lambda _: reactor.stop())\n"
            "reactor.run()\n"
        )
        ended = await getProcessValue(sys.executable, ["-c", program], path=str(ROOT))
        assert ended == 0

    async def test_after_stop(self, threads: DriverThreads) -> None:
        """After the stop a call fails, instead of being forgotten."""
        await threads.stop()
        with pytest.raises(RuntimeError, match="closed"):
            threads.run(int)

    async def test_opened(self, threads: DriverThreads, tmp_path: Path) -> None:
        """A file that was opened for somebody who has gone is closed again."""
        go_on = Event()
        files: list[FileIO] = []

        def open_slowly() -> FileIO:
            go_on.wait(10)
            files.append(FileIO(tmp_path / "file", "w"))
            return files[0]

        waiting = opened(threads, open_slowly)
        waiting.cancel()
        go_on.set()
        with pytest.raises(CancelledError):
            await waiting
        assert files[0].closed
        await threads.stop()
