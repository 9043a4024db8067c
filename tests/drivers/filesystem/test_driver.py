"""
What is particular to files in a directory.
"""

from __future__ import annotations

import os
import re
import resource
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from uuid import uuid4

import pytest

from tests.drivers.filesystem.conftest import MakeDriver
from txregistry.deferreds import InlineThreads
from txregistry.drivers.base import CheckedDriver
from txregistry.drivers.filesystem.changing import Changes, Steps
from txregistry.drivers.filesystem.driver import FilesystemDriver
from txregistry.drivers.filesystem.durability import Names
from txregistry.drivers.filesystem.threads import DriverThreads
from txregistry.errors import (
    ConfigurationError,
    InvalidPath,
    NoSpace,
    PathNotFound,
    StorageFailure,
)
from txregistry.interfaces import Discard, INote, IStorageDriver, Move, Put, Settle, Tell
from txregistry.testing.drivers.notes import Note
from txregistry.testing.drivers.suite import KIB, MIB, names, noise, read, write

NOBODY = 65534


class TreeOfFilesTests:
    """
    A path of the driver is a path of the file system.
    """

    async def test_plain_files(self, driver: IStorageDriver, root: Path) -> None:
        """Files are where their paths say, readable for everybody but for the umask."""
        before = os.umask(0o027)
        try:
            await driver.put_content("/a/b/link", b"x")
            await write(driver, "/a/c/data", [b"y"])
        finally:
            os.umask(before)
        assert (root / "a/b/link").read_bytes() == b"x"
        assert (root / "a/c/data").read_bytes() == b"y"
        for path, mode in (("a", 0o750), ("a/b", 0o750), ("a/b/link", 0o640), ("a/c/data", 0o640)):
            assert stat.S_IMODE((root / path).stat().st_mode) == mode

    @pytest.mark.parametrize("size", [0, 1, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB])
    async def test_sizes(self, driver: IStorageDriver, size: int) -> None:
        """A file is read whole, whether or not it is small enough to be read at once."""
        await driver.put_content("/file", noise(size))
        assert await driver.get_content("/file") == noise(size)

    async def test_links(self, make_driver: MakeDriver, root: Path, tmp_path: Path) -> None:
        """The root, and directories in it, may be symbolic links to directories elsewhere."""
        (tmp_path / "elsewhere").mkdir()
        (root / "docker").symlink_to(tmp_path / "elsewhere")
        (tmp_path / "link").symlink_to(root)
        driver = make_driver(tmp_path / "link")
        await driver.put_content("/docker/file", b"x")
        assert (tmp_path / "elsewhere/file").read_bytes() == b"x"
        seen: list[str] = []
        await driver.walk("/", lambda info: seen.append(info.path))
        assert seen == ["/docker", "/docker/file"]
        await driver.delete("/docker/file")
        assert await names(driver, "/docker") == []

    async def test_what_is_no_path(self, driver: IStorageDriver, root: Path) -> None:
        """What others put there under a name that is no path isn't seen."""
        (root / "lost+found").mkdir()
        (root / "a b").touch()
        (root / "broken").symlink_to(root / "nowhere")
        await driver.put_content("/file", b"x")
        assert await names(driver, "/") == ["/broken", "/file"]
        seen: list[str] = []
        await driver.walk("/", lambda info: seen.append(info.path))
        assert seen == ["/file"]

    async def test_too_long(self, driver: IStorageDriver) -> None:
        """A name that is too long for a file is no path."""
        for operation in (driver.stat, driver.get_content, driver.writer):
            with pytest.raises(InvalidPath):
                await operation("/" + "a" * 300)

    async def test_root_gone(self, driver: IStorageDriver, root: Path) -> None:
        """A root that vanishes, for it was unmounted, is a failure and is not made again."""
        shutil.rmtree(root)
        with pytest.raises(StorageFailure):
            await driver.put_content("/a/b", b"x")
        with pytest.raises(StorageFailure):
            await driver.writer("/a/b")
        assert not root.exists()

    async def test_file_in_the_way(self, driver: IStorageDriver) -> None:
        """Where a file is there can't be a directory, nor a file where a directory is."""
        await driver.put_content("/a", b"x")
        await driver.put_content("/b/c", b"x")
        with pytest.raises(StorageFailure, match="Not a directory"):
            await driver.put_content("/a/b", b"x")
        with pytest.raises(StorageFailure, match="Not a directory"):
            await driver.writer("/a/b/c")
        with pytest.raises(StorageFailure, match="Is a directory"):
            await driver.put_content("/b", b"x")
        with pytest.raises(StorageFailure, match="Is a directory"):
            await driver.writer("/b")
        with pytest.raises(StorageFailure, match="Is a directory"):
            await driver.move("/a", "/b")
        assert await names(driver, "/") == ["/a", "/b"]

    async def test_big_content(self, driver: IStorageDriver) -> None:
        """What is too much for the reactor's thread is read whole, too."""
        await driver.put_content("/big", noise(3 * MIB))
        assert await driver.get_content("/big") == noise(3 * MIB)


class LeftBehindTests:
    """
    What a process that was killed left behind under hidden names.
    """

    async def test_invisible(self, driver: IStorageDriver, root: Path) -> None:
        """Nobody sees a file that was never finished, or a directory that was almost deleted."""
        await driver.put_content("/a/link", b"x")
        file, directory = f"link.{uuid4()}.tmp", f".{uuid4()}.tmp"
        (root / "a" / file).write_bytes(b"half")
        (root / "a" / directory / "b").mkdir(parents=True)
        assert await names(driver, "/a") == ["/a/link"]
        seen: list[str] = []
        await driver.walk("/", lambda info: seen.append(info.path))
        assert seen == ["/a", "/a/link"]
        assert (root / "a" / file).exists(), "it may be somebody's who is still alive"
        assert (root / "a" / directory).exists()

    async def test_swept(self, make_driver: MakeDriver, root: Path) -> None:
        """A walk sweeps up what is old."""
        driver = make_driver(stale_after=0)
        await driver.put_content("/a/b/link", b"x")
        (root / "a/b" / f"link.{uuid4()}.tmp").write_bytes(b"half")
        (root / f"a/.{uuid4()}.tmp/c").mkdir(parents=True)
        await driver.walk("/", lambda _: None)
        assert sorted(path.name for path in root.rglob("*")) == ["a", "b", "link"]

    async def test_similar(self, make_driver: MakeDriver, root: Path) -> None:
        """Names of repositories and tags may look like hidden ones, and are neither hidden nor
        swept.
        """
        driver = make_driver(stale_after=0)
        paths = [
            f"/tags/v1.{uuid4()}.tmp/current/link",
            f"/tags/{uuid4()}.tmp/current/link",
            f"/tags/.{str(uuid4()).upper()}.tmp/current/link",
            "/tags/v1.tmp/current/link",
            "/tags/.tmp",
        ]
        for path in paths:
            await driver.put_content(path, b"x")
        seen: list[str] = []
        await driver.walk("/", lambda info: seen.append(info.path))
        assert set(paths) <= set(seen)
        assert len(await driver.list("/tags")) == len(paths)

    async def test_nothing_left(self, driver: IStorageDriver, root: Path) -> None:
        """Who isn't killed leaves nothing."""
        await driver.put_content("/a/link", b"x")
        with pytest.raises(StorageFailure):
            await driver.put_content("/a", b"x")
        await driver.delete("/a")
        assert list(root.iterdir()) == []


class DurableTests:
    """
    What has been synced when an operation is done.
    """

    @pytest.fixture
    def synced(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The files and directories that were synced, in order; a file without its UUID."""
        synced: list[str] = []
        fsync = os.fsync

        def recording(descriptor: int) -> None:
            name = os.readlink(f"/proc/self/fd/{descriptor}").removeprefix(str(root))
            synced.append(re.sub(r"\.[0-9a-f-]{36}\.tmp$", ".tmp", name) or "/")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", recording)
        return synced

    async def test_put(self, driver: IStorageDriver, synced: list[str]) -> None:
        """The file before it gets its name; its name; and the directories on the way to it."""
        await driver.put_content("/a/b/link", b"x")
        assert set(synced[:-1]) == {"/a/b/link.tmp", "/", "/a"}
        assert synced[-1] == "/a/b"
        synced.clear()
        await driver.put_content("/a/b/link", b"y")
        assert synced == ["/a/b/link.tmp", "/a/b"]

    async def test_write(self, driver: IStorageDriver, synced: list[str]) -> None:
        """Nothing before a commit; then the file, its name, and the directories on the way."""
        for _ in range(2):
            writer = await driver.writer("/a/data", append=True)
            await writer.write(b"x")
            await writer.close()
        assert synced == []
        writer = await driver.writer("/a/data", append=True)
        await writer.commit()
        assert sorted(synced) == ["/", "/a", "/a/data"]
        await writer.close()
        synced.clear()
        writer = await driver.writer("/a/data", append=True)
        await writer.write(b"x")
        await writer.commit()
        await writer.close()
        assert synced == ["/a/data"]

    async def test_about_to_be_moved(self, driver: IStorageDriver, synced: list[str]) -> None:
        """Nothing of a file that is committed only to be moved."""
        writer = await driver.writer("/a/data")
        await writer.write(b"x")
        await writer.commit(durable=False)
        await writer.close()
        assert synced == []

    async def test_not_wanted(self, driver: IStorageDriver, synced: list[str]) -> None:
        """Nothing, where nobody wants it to be durable."""
        await driver.put_content("/a/file", b"x", durable=False)
        assert await driver.get_content("/a/file") == b"x"
        await driver.delete("/a/file", durable=False)
        await driver.delete("/a", durable=False)
        assert synced == []

    async def test_cancel(self, driver: IStorageDriver, synced: list[str]) -> None:
        """That the file is gone."""
        writer = await driver.writer("/a/data")
        await writer.cancel()
        assert synced == ["/a"]

    async def test_move(self, driver: IStorageDriver, synced: list[str]) -> None:
        """The file first; its new name, with the directories on the way; and that the old one is
        gone.
        """
        await driver.put_content("/a/file", b"x")
        synced.clear()
        await driver.move("/a/file", "/b/c/file")
        assert synced[0] == "/a/file"
        assert set(synced[1:]) == {"/", "/b", "/b/c", "/a"}

    async def test_change(self, driver: IStorageDriver, synced: list[str]) -> None:
        """All bytes at once and before any name; then the names of each step, before the next is
        seen.
        """
        for path in ("/a/one", "/a/two", "/b/three", "/c/file"):
            await driver.put_content(path, b"old")
        writer = await driver.writer("/d/data")
        await writer.write(b"x")
        await writer.commit(durable=False)
        synced.clear()
        await driver.change(
            [Move("/d/data", "/a/one"), Put("/a/two", b"y")],
            [Put("/b/three", b"z")],
            [Discard("/c")],
        )
        await writer.close()
        assert sorted(synced[:3]) == ["/a/two.tmp", "/b/three.tmp", "/d/data"]
        assert sorted(synced[3:-1]) == ["/", "/a", "/d"] or sorted(synced[3:-1]) == ["/a", "/d"]
        assert synced[-1] == "/b"

    async def test_tell(self, root: Path, synced: list[str]) -> None:
        """What can be seen is told before its name is synced: both take their time side by side."""
        driver = FilesystemDriver(str(root), cast(DriverThreads, InlineThreads()))
        await driver.put_content("/a/one", b"x")
        synced.clear()
        tell = Tell(lambda: synced.append("told"))
        await driver.change([Put("/a/one", b"y"), tell], [Put("/a/two", b"z")])
        assert sorted(synced[:2]) == ["/a/one.tmp", "/a/two.tmp"]
        assert synced[2:] == ["told", "/a", "/a"]

    async def test_once(self, driver: IStorageDriver, root: Path, synced: list[str]) -> None:
        """What is there already isn't written again, but synced if nobody knows that it was."""
        (root / "a").mkdir()
        (root / "a" / "file").write_bytes(b"x")
        inode = (root / "a" / "file").stat().st_ino
        await driver.change([Put("/a/file", b"x", once=True)])
        assert (root / "a" / "file").stat().st_ino == inode
        assert set(synced) == {"/a/file", "/a", "/"}
        await driver.change([Put("/a/file", b"y", once=True)])
        assert (root / "a" / "file").read_bytes() == b"y"
        with pytest.raises(StorageFailure):
            await driver.change([Put("/a", b"x", once=True)])

    async def test_note(self, root: Path, synced: list[str], tmp_path: Path) -> None:
        """What is written down elsewhere is synced together with the name of what it is about."""
        driver = FilesystemDriver(str(root), cast(DriverThreads, InlineThreads()))
        await driver.put_content("/a/one", b"x")
        synced.clear()
        with (tmp_path / "notes").open("wb") as file:
            note = Note(
                lambda: synced.append("written"), lambda: synced.append("note"), file.fileno()
            )
            await driver.change([Put("/a/one", b"y"), Tell(lambda: synced.append("told"), note)])
        assert synced[:2] == ["/a/one.tmp", "written"]
        assert sorted(synced[2:]) == ["/a", "note"]

    async def test_notes_together(self, root: Path, synced: list[str], tmp_path: Path) -> None:
        """
        Those of changes that are made side by side are written at once, when the last steps of all
        can be seen, and the file in which they are is synced once.
        """
        changes = Changes(str(root), Names(str(root)), InlineThreads())

        class Together(Note):
            def write(self, *others: INote) -> None:
                there = sorted(each.name for each in root.iterdir())
                synced.append(f"{1 + len(others)} of {there}")

        with (tmp_path / "notes").open("wb") as file:
            first, second = (
                Tell(
                    lambda: synced.append("told"),
                    Together(list, lambda: synced.append("note"), file.fileno()),
                )
                for _ in range(2)
            )
            short: Steps = [[Put("/one", b"x"), first]]
            long: Steps = [[Put("/two", b"x")], [Put("/three", b"x"), second]]
            assert changes.make_all([short, long]) == [None, None]
        assert [each for each in synced if not each.startswith("/")] == [
            "2 of ['one', 'three', 'two']",
            "note",
        ]

    async def test_settle(self, driver: IStorageDriver, synced: list[str]) -> None:
        """What somebody else may not have synced is, once."""
        await driver.put_content("/a/file", b"x", durable=False)
        await driver.change([Settle("/a/file")])
        assert set(synced) == {"/a/file", "/a", "/"}
        synced.clear()
        await driver.change([Settle("/a/file")])
        assert synced == []

    async def test_delete(self, driver: IStorageDriver, synced: list[str]) -> None:
        """That the file or the directory is gone."""
        await driver.put_content("/a/b/file", b"x")
        await driver.put_content("/a/file", b"x")
        synced.clear()
        await driver.delete("/a/file")
        await driver.delete("/a/b")
        assert synced == ["/a", "/a"]

    async def test_made_again(self, driver: IStorageDriver, synced: list[str]) -> None:
        """A directory that was deleted and is made again is synced again."""
        await driver.put_content("/a/b/file", b"x")
        await driver.delete("/a")
        synced.clear()
        await driver.put_content("/a/b/file", b"x")
        assert set(synced) == {"/a/b/file.tmp", "/", "/a", "/a/b"}


class FailureTests:
    """
    Disks that are full, broken, or not to be written to.
    """

    async def test_full(self, make_driver: MakeDriver, small_disk: Path) -> None:
        """When the disk is full, the writer says how far it got, and goes on when there is
        space again.
        """
        driver = make_driver(small_disk)
        await driver.put_content("/filling", noise(MIB // 2))
        content = noise(MIB)
        writer = await driver.writer("/upload/data")
        with pytest.raises(NoSpace) as raised:
            await writer.write(content)
        assert (raised.value.path, raised.value.driver) == ("/upload/data", "filesystem")
        assert 0 < writer.size < MIB
        assert writer.size == (small_disk / "upload/data").stat().st_size
        with pytest.raises(NoSpace):
            await driver.put_content("/upload/link", noise(10_000))
        assert await names(driver, "/upload") == ["/upload/data"]
        assert await driver.get_content("/filling") == noise(MIB // 2)
        await driver.delete("/filling")
        await writer.write(content[writer.size : 900_000])
        await writer.commit()
        await writer.close()
        assert await read(driver, "/upload/data") == content[:900_000]
        assert sorted(path.name for path in small_disk.rglob("*")) == ["data", "upload"]

    async def test_full_truncated(self, make_driver: MakeDriver, small_disk: Path) -> None:
        """What a full disk took of a piece can be taken back, or all of the file."""
        driver = make_driver(small_disk)
        writer = await driver.writer("/upload/data")
        await writer.write(b"abc")
        with pytest.raises(NoSpace):
            await writer.write(noise(2 * MIB))
        await writer.truncate(3)
        assert (await driver.stat("/upload/data")).size == 3
        await writer.cancel()
        assert await names(driver, "/upload") == []

    async def test_full_start(self, make_driver: MakeDriver, small_disk: Path) -> None:
        """A full disk is no reason not to start."""
        with pytest.raises(OSError, match="No space"):
            (small_disk / "filling").write_bytes(bytes(2 * MIB))
        _checked(make_driver(small_disk)).check_writable()

    async def test_too_large(self, driver: IStorageDriver, root: Path) -> None:
        """What the system refuses to write is a failure, with the reason in it."""
        writer = await driver.writer("/upload/data")
        with _file_size_limit(100_000):
            with pytest.raises(StorageFailure, match="File too large"):
                await writer.write(noise(200_000))
            assert writer.size == 100_000
            with pytest.raises(StorageFailure, match="File too large"):
                await driver.put_content("/upload/link", noise(200_000))
        await writer.cancel()
        assert list((root / "upload").iterdir()) == []

    async def test_read_only(self, make_driver: MakeDriver, small_disk: Path) -> None:
        """A file system that can't be written to is readable, and says why it isn't writable."""
        driver = make_driver(small_disk)
        await driver.put_content("/a/file", b"x")
        remount = ["mount", "-o", "remount,ro", str(small_disk)]
        subprocess.run(remount, check=True)
        assert await driver.get_content("/a/file") == b"x"
        assert await names(driver, "/a") == ["/a/file"]
        for changing in (
            driver.put_content("/a/file", b"y"),
            driver.put_content("/b/file", b"y"),
            driver.writer("/a/file"),
            driver.writer("/a/other"),
            driver.move("/a/file", "/b"),
            driver.delete("/a"),
            driver.delete("/a/file"),
        ):
            with pytest.raises(StorageFailure, match="Read-only file system"):
                await changing
        with pytest.raises(ConfigurationError) as raised:
            _checked(driver).check_writable()
        assert str(raised.value) == (
            f"storage.filesystem.rootdirectory: can't write to {small_disk}: Read-only file system"
        )

    async def test_not_permitted(self, driver: IStorageDriver, root: Path) -> None:
        """What this user may not do is a failure, never something that isn't there."""
        await driver.put_content("/private/file", b"x")
        (root / "private").chmod(0)
        with _as_nobody():
            for looking in (
                driver.get_content("/private/file"),
                driver.stat("/private/file"),
                driver.walk("/", lambda _: None),
            ):
                with pytest.raises(StorageFailure, match="Permission denied"):
                    await looking
            with pytest.raises(ConfigurationError, match="Permission denied"):
                _checked(driver).check_writable()

    async def test_writable(self, driver: IStorageDriver, root: Path) -> None:
        """To find out whether one can write leaves nothing."""
        _checked(driver).check_writable()
        assert list(root.iterdir()) == []


class DeletedTests:
    """
    Deleting what others use.
    """

    async def test_reader_goes_on(self, driver: IStorageDriver) -> None:
        """Who reads a file that is deleted reads it to its end."""
        await driver.put_content("/a/file", noise(1000))
        reader = await driver.reader("/a/file")
        await driver.delete("/a")
        assert await reader.read(2000) == noise(1000)
        await reader.close()
        with pytest.raises(PathNotFound):
            await driver.reader("/a/file")

    async def test_writer_of_another(self, driver: IStorageDriver) -> None:
        """A writer whose file was replaced doesn't remove the new one when it is cancelled."""
        writer = await driver.writer("/a/file")
        await writer.write(b"old")
        await driver.put_content("/a/file", b"new")
        await writer.cancel()
        assert await driver.get_content("/a/file") == b"new"


def _checked(driver: IStorageDriver) -> CheckedDriver:
    assert isinstance(driver, CheckedDriver)
    return driver


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def _as_nobody() -> Iterator[None]:
    """For all threads of this process: glibc tells them."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
