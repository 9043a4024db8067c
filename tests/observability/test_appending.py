"""
Lines at the end of a file that others write to as well.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from txregistry.observability.appending import AppendedFile


@pytest.fixture
def clock() -> Clock:
    """
    Time, and turns of the reactor.
    """
    return Clock()


@pytest.fixture
def logged() -> Iterator[list[str]]:
    """
    What is logged meanwhile.
    """
    events: list[str] = []

    @implementer(ILogObserver)
    def observe(event: LogEvent) -> None:
        events.append(formatEvent(event))

    globalLogPublisher.addObserver(observe)
    yield events
    globalLogPublisher.removeObserver(observe)


def appended(path: Path, clock: Clock) -> AppendedFile:
    """
    A file.
    """
    return AppendedFile(str(path), clock, clock.seconds)


class WritingTests:
    """
    What comes to stand in the file.
    """

    def test_turns(self, tmp_path: Path, clock: Clock) -> None:
        """
        Lines are written at the end of the turn, behind what was there.
        """
        path = tmp_path / "log"
        path.write_text("before\n")
        file = appended(path, clock)
        file.write("one")
        file.write("two")
        assert path.read_text() == "before\n"
        clock.advance(0)
        file.write("three")
        clock.advance(0)
        assert path.read_text() == "before\none\ntwo\nthree\n"
        file.close()

    def test_made(self, tmp_path: Path, clock: Clock) -> None:
        """
        A missing file is made, and not for everybody to read.
        """
        path = tmp_path / "log"
        file = appended(path, clock)
        assert path.stat().st_mode & 0o007 == 0
        file.close()

    def test_close(self, tmp_path: Path, clock: Clock) -> None:
        """
        What was collected is written at the end.
        """
        file = appended(tmp_path / "log", clock)
        file.write("one")
        file.close()
        clock.advance(0)
        assert (tmp_path / "log").read_text() == "one\n"

    def test_cannot_be_opened(self, tmp_path: Path, clock: Clock) -> None:
        """
        That a file can't be opened is known at once.
        """
        with pytest.raises(OSError, match="No such file"):
            appended(tmp_path / "missing" / "log", clock)

    def test_several_processes(self, tmp_path: Path) -> None:
        """
        Where several processes write, each line stays whole.
        """
        path = tmp_path / "log"
        program = (
            "import sys\n"
            "from twisted.internet.task import Clock\n"
            "from txregistry.observability.appending import AppendedFile\n"
            "file = AppendedFile(sys.argv[1], Clock())\n"
            "for turn in range(300):\n"
            "    for line in range(20):\n"
            "        file.write(sys.argv[2] * (200 + line))\n"
            "    file.flush()\n"
        )
        processes = [
            subprocess.Popen([sys.executable, "-c", program, str(path), letter])
            for letter in "abcd"
        ]
        assert [process.wait(60) for process in processes] == [0] * 4
        lines = path.read_text().splitlines()
        assert len(lines) == 4 * 300 * 20
        assert all(re.fullmatch(r"a+|b+|c+|d+", line) and len(line) >= 200 for line in lines)


class RotationTests:
    """
    Files that are moved away.
    """

    @pytest.mark.parametrize("gone", [True, False])
    def test_followed(self, tmp_path: Path, clock: Clock, gone: bool) -> None:
        """
        Within a second a new file is written to, whether somebody has made it or not.
        """
        path = tmp_path / "log"
        file = appended(path, clock)
        file.write("one")
        clock.advance(0)
        path.rename(tmp_path / "log.1")
        if not gone:
            path.write_text("made\n")
        clock.advance(1)
        file.write("two")
        clock.advance(0)
        file.close()
        assert (tmp_path / "log.1").read_text() == "one\n"
        assert path.read_text() == ("two\n" if gone else "made\ntwo\n")

    def test_descriptors(self, tmp_path: Path, clock: Clock) -> None:
        """
        However often, no descriptor is left.
        """
        path = tmp_path / "log"
        file = appended(path, clock)
        before = len(os.listdir("/proc/self/fd"))
        for number in range(20):
            path.rename(tmp_path / f"log.{number}")
            clock.advance(1)
            file.write("x")
            clock.advance(0)
        assert len(os.listdir("/proc/self/fd")) == before
        file.close()


class FailureTests:
    """
    Files that can't be written to.
    """

    def test_full(self, clock: Clock, logged: list[str]) -> None:
        """
        A full disk fails nobody, and is told once.
        """
        file = appended(Path("/dev/full"), clock)
        for _ in range(5):
            file.write("one")
            clock.advance(0)
        assert len(logged) == 1
        assert "/dev/full: can't be written to: No space left on device" in logged[0]
        file.close()

    def test_well_again(self, tmp_path: Path, clock: Clock, logged: list[str]) -> None:
        """
        When it can be written to again, that is told, and how many lines were lost.
        """
        path = tmp_path / "log"
        path.symlink_to("/dev/full")
        file = appended(path, clock)
        for line in "one", "two":
            file.write(line)
            clock.advance(0)
        path.unlink()
        clock.advance(1)
        file.write("three")
        clock.advance(0)
        file.write("four")
        clock.advance(0)
        file.close()
        assert path.read_text() == "three\nfour\n"
        assert len(logged) == 2
        assert "can be written to again; 2 lines were lost" in logged[1]

    def test_half_a_line(self, tmp_path: Path, clock: Clock) -> None:
        """
        Where the disk takes a part of a line only, the next one begins on a line of its own.
        """
        program = (
            "import resource, signal, sys\n"
            "from twisted.internet.task import Clock\n"
            "from txregistry.observability.appending import AppendedFile\n"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
            "file = AppendedFile(sys.argv[1], Clock())\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (10, -1))\n"
            "file.write('abcdefgh'); file.flush()\n"
            "file.write('abcdefgh'); file.flush()\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\n"
            "file.write('next'); file.flush()\n"
        )
        path = tmp_path / "log"
        subprocess.run([sys.executable, "-c", program, str(path)], check=True, timeout=60)
        assert path.read_text() == "abcdefgh\na\nnext\n"

    def test_unread_pipe(self, tmp_path: Path, clock: Clock, logged: list[str]) -> None:
        """
        A pipe that nobody reads any more keeps nobody waiting.
        """
        path = tmp_path / "pipe"
        os.mkfifo(path)
        with pytest.raises(OSError, match="No such device"):
            appended(path, clock)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        file = appended(path, clock)
        for _ in range(2000):
            file.write("x" * 100)
        clock.advance(0)
        assert len(logged) == 1
        lines = os.read(reader, 2**20).decode().splitlines()
        assert set(lines) == {"x" * 100}
        os.close(reader)
        file.close()
