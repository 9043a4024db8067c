"""
Whose a file is, across processes and threads.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from txregistry.drivers.filesystem import writeback, writing
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.writing import open_exclusively
from txregistry.errors import PathBusy
from txregistry.interfaces import IStorageDriver
from txregistry.testing.drivers.suite import read, write

#: Opens a file for writing, writes a little, says so, and waits for its end.
HOLDER = """
import sys
from txregistry.drivers.filesystem import writeback, writing
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.writing import open_exclusively

root, path = sys.argv[1:]
file = open_exclusively(path, root + path, Names(root), append=False)
file.write(b"theirs")
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that has ``/upload/data`` open for writing."""
    command = [sys.executable, "-c", HOLDER, str(root), "/upload/data"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process
        process.kill()


class OtherProcessTests:
    """
    Another process writes.
    """

    async def test_busy(
        self, driver: IStorageDriver, holder: subprocess.Popen[bytes], root: Path
    ) -> None:
        """A file that another process writes to is busy, and not touched; others are free."""
        for append in (False, True):
            with pytest.raises(PathBusy) as raised:
                await driver.writer("/upload/data", append)
            assert raised.value.path == "/upload/data"
        assert (root / "upload/data").read_bytes() == b"theirs"
        await write(driver, "/upload/other", [b"ours"])

    async def test_killed(
        self, driver: IStorageDriver, holder: subprocess.Popen[bytes], root: Path
    ) -> None:
        """When the other process is killed the file can be continued from what it wrote."""
        holder.kill()
        holder.wait()
        writer = await driver.writer("/upload/data", append=True)
        assert writer.size == 6
        await writer.write(b" and ours")
        await writer.commit()
        await writer.close()
        assert await read(driver, "/upload/data") == b"theirs and ours"


class RaceTests:
    """
    Many want one file, and move it away or remove it when they are done.
    """

    @pytest.mark.parametrize("leave", ["move", "remove"])
    def test_one_at_a_time(self, root: Path, leave: str) -> None:
        """Nobody ever has a file that somebody else writes to, or that has gone elsewhere."""
        names = Names(str(root))

        def attempt(number: int) -> bytes | None:
            path = "/upload/data"
            try:
                file = open_exclusively(path, f"{root}{path}", names, append=True)
            except PathBusy:
                return None
            with file:
                mine = b"%06d" % number
                assert os.fstat(file.fileno()).st_size == 0, "somebody's bytes were in it"
                for _ in range(5):
                    file.write(mine)
                content = Path(f"{root}{path}").read_bytes()
                if leave == "move":
                    os.rename(f"{root}{path}", f"{root}/{number}")
                else:
                    os.unlink(f"{root}{path}")
                assert content == mine * 5
                return mine

        with ThreadPoolExecutor(8) as pool:
            written = [mine for mine in pool.map(attempt, range(2000)) if mine is not None]
        assert written
        if leave == "move":
            for mine in written:
                assert (root / str(int(mine))).read_bytes() == mine * 5


class PiecesTests:
    """
    Several pieces that are written at once.
    """

    @pytest.mark.parametrize("most", [1, 2, 1024])
    async def test_in_order(
        self, driver: IStorageDriver, monkeypatch: pytest.MonkeyPatch, most: int
    ) -> None:
        """They are in the file one behind the other, however many the kernel takes at once."""
        monkeypatch.setattr(writing, "AT_ONCE", most)
        pieces = [bytes([number]) * (number * 10_000) for number in range(5)]
        writer = await driver.writer("/upload/data")
        await writer.write(*pieces)
        await writer.write()
        assert writer.size == 100_000
        await writer.commit()
        await writer.close()
        assert await driver.get_content("/upload/data") == b"".join(pieces)

    async def test_in_parts(self, driver: IStorageDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        """What the kernel didn't take at first is written again, and nothing twice."""
        pieces = [b"0123", b"45", b"6", b"789"]
        write = os.write
        monkeypatch.setattr(os, "writev", lambda file, views: write(file, b"".join(views)[:3]))
        writer = await driver.writer("/upload/data")
        await writer.write(*pieces)
        await writer.commit()
        await writer.close()
        assert await driver.get_content("/upload/data") == b"0123456789"


class WritebackTests:
    """
    The disk begins while more comes.
    """

    async def test_in_portions(
        self, driver: IStorageDriver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Whenever a portion is full the kernel is asked to begin with it, and never with less."""
        begun: list[tuple[int, int]] = []
        monkeypatch.setattr(writing, "PORTION", 100)
        monkeypatch.setattr(
            writing, "begin_writing", lambda _, offset, size: begun.append((offset, size))
        )
        writer = await driver.writer("/upload/data")
        for size in (60, 60, 99, 250):
            await writer.write(bytes(size))
        await writer.truncate(10)
        await writer.write(bytes(110))
        await writer.cancel()
        assert begun == [(0, 120), (120, 349), (10, 110)]

    def test_kernel_takes_it(self, root: Path) -> None:
        """The call is known here, and leaves the file as it is."""
        path = root / "file"
        path.write_bytes(b"x" * 10_000)
        with path.open("rb") as file:
            writeback.begin_writing(file.fileno(), 0, 10_000)
        assert path.read_bytes() == b"x" * 10_000
