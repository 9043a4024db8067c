"""
The file, when it changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from tests.auth.htpasswd.kit import NOW, Kit, Told, line, told, write
from txregistry.auth.htpasswd.entries import Entries
from txregistry.auth.htpasswd.hashes import new_hash
from txregistry.auth.htpasswd.watching import FRESH, WatchedFile
from txregistry.errors import Unavailable

JOE = line("joe", "secret")
ANN = line("ann", "secret")


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """A file with Joe in it."""
    made = Kit(tmp_path / "htpasswd")
    write(made.path, JOE)
    return made


@pytest.fixture
def log() -> Iterator[Told]:
    """What is logged."""
    with told() as listening:
        yield listening


def _later() -> float:
    """The time of day a minute from now: when a file was changed can't be set back."""
    return time.time() + 60


class LookTests:
    """
    What is in it now.
    """

    async def test_changed(self, kit: Kit) -> None:
        """
        What has changed is read again, at once.
        """
        file = kit.file()
        assert list((await file.look()).hashes) == ["joe"]
        write(kit.path, JOE + ANN)
        assert list((await file.look()).hashes) == ["joe", "ann"]
        write(kit.path, b"")
        assert list((await file.look()).hashes) == []

    async def test_unchanged(self, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        What hasn't is not read again.
        """
        os.utime(kit.path, (0, 0))
        file = kit.file()
        file._time = lambda: os.stat(kit.path).st_ctime + 60  # it was made just now
        before = await file.look()
        monkeypatch.setattr("builtins.open", None)
        assert await file.look() is before

    async def test_touched(self, kit: Kit) -> None:
        """
        If the content is the same, nothing has changed.
        """
        file = kit.file()
        before = await file.look()
        write(kit.path, JOE, age=30)
        assert await file.look() is before

    async def test_same_size_same_time(self, kit: Kit) -> None:
        """
        A change is seen even if the file looks as it did, so soon after the one before.
        """
        write(kit.path, JOE, age=0)
        file = kit.file()
        await file.look()
        other = JOE.replace(b"joe", b"jim")
        with kit.path.open("r+b") as opened:
            opened.write(other)
        os.utime(kit.path, (NOW, NOW))
        assert list((await file.look()).hashes) == ["jim"]

    async def test_replaced(self, kit: Kit, tmp_path: Path) -> None:
        """
        It may be another file of the same name.
        """
        file = kit.file()
        await file.look()
        write(tmp_path / "new", ANN)
        os.replace(tmp_path / "new", kit.path)
        assert list((await file.look()).hashes) == ["ann"]

    async def test_links(self, tmp_path: Path) -> None:
        """
        A link on the way may lead elsewhere, as Kubernetes replaces secrets.
        """
        for name, data in (("..1", JOE), ("..2", ANN)):
            (tmp_path / name).mkdir()
            write(tmp_path / name / "htpasswd", data)
        (tmp_path / "..data").symlink_to("..1")
        (tmp_path / "htpasswd").symlink_to("..data/htpasswd")
        file = Kit(tmp_path / "htpasswd").file()
        assert list((await file.look()).hashes) == ["joe"]
        (tmp_path / "..tmp").symlink_to("..2")
        os.rename(tmp_path / "..tmp", tmp_path / "..data")
        assert list((await file.look()).hashes) == ["ann"]

    @pytest.mark.parametrize("how", ["replaced", "written over", "linked"])
    async def test_same_time_long_after(self, kit: Kit, tmp_path: Path, how: str) -> None:
        """
        A change is seen too where the file has been left alone for long, and the new one has its
        time and size.
        """
        (tmp_path / "link").symlink_to(kit.path)
        file = WatchedFile(str(tmp_path / "link"), kit.files, kit.clock.seconds, _later)
        assert list((await file.look()).hashes) == ["joe"]
        time.sleep(0.02)  # as long as a tick of the file system's clock
        other = kit.path if how == "written over" else tmp_path / "new"
        write(other, JOE.replace(b"joe", b"jim"))
        if how == "replaced":
            other.replace(kit.path)
        if how == "linked":
            (tmp_path / "next").symlink_to(other)
            (tmp_path / "next").replace(tmp_path / "link")
        assert list((await file.look()).hashes) == ["jim"]

    async def test_fresh(self, kit: Kit) -> None:
        """
        For a moment after a look it is known without one.
        """
        file, known = kit.file(), list[bool]()
        for _ in range(2):
            known.append(file.fresh is not None)
            await file.look()
            known.append(file.fresh is not None)
            kit.clock.advance(FRESH / 2)
            known.append(file.fresh is not None)
            kit.clock.advance(FRESH)
        assert known == [False, True, True] * 2

    async def test_crowd(self, kit: Kit) -> None:
        """
        Who asks while somebody looks is answered by the next look, all by one.
        """
        kit.threads.held = []
        kit.files = kit.threads
        file = kit.file()
        looks: list[Deferred[Entries]] = [file.look() for _ in range(2000)]
        assert len(kit.threads.held) == 1
        write(kit.path, ANN)
        kit.threads.held.pop(0)()
        assert len(kit.threads.held) == 1
        kit.threads.release()
        assert [list((await look).hashes) for look in looks] == [["joe"], *[["ann"]] * 1999]


def make_directory(path: Path) -> None:
    """Put a directory where the file was."""
    path.unlink()
    path.mkdir()


BREAK: dict[str, Callable[[Path], object]] = {
    "malformed": lambda path: write(path, JOE + b"nonsense\n"),
    "missing": os.unlink,
    "no file": make_directory,
}


class BrokenTests:
    """
    What can't be read is no open door.
    """

    @pytest.mark.parametrize("how", sorted(BREAK))
    async def test_broken(self, kit: Kit, how: str, log: Told) -> None:
        """
        Nobody is let in, not even who was a moment ago, until it is mended; the log says why, once.
        """
        file = kit.file()
        await file.look()
        BREAK[how](kit.path)
        for _ in range(3):
            with pytest.raises(Unavailable, match="can't read its passwords; its log says why"):
                await file.look()
            assert file.fresh is None
        if kit.path.is_dir():
            kit.path.rmdir()
        write(kit.path, JOE)
        assert list((await file.look()).hashes) == ["joe"]
        (line,) = log.lines("error")
        assert line.startswith(f"nobody can log in: {kit.path}: ")
        if how == "malformed":
            assert "line 2 " in line
            assert "nonsense" not in line

    async def test_again(self, kit: Kit, log: Told) -> None:
        """
        Another trouble, or the same another time, is told again.
        """
        file = kit.file()
        for data in (b"x\n", b"\nx\n", JOE, b"x\n"):
            write(kit.path, data)
            try:
                await file.look()
            except Unavailable:
                continue
        assert [each.partition("line ")[2][:1] for each in log.lines("error")] == ["1", "2", "1"]

    async def test_useless(self, kit: Kit, log: Told) -> None:
        """
        Users who can't log in are named, and nothing of their hashes.
        """
        write(kit.path, JOE + b"old:$apr1$secret\nolder:secret\n")
        assert list((await kit.file().look()).hashes) == ["joe"]
        (line,) = log.lines("error")
        assert "'old', 'older'" in line
        assert "secret" not in line

    async def test_absurd(self, kit: Kit, log: Told) -> None:
        """
        Users whose hash takes very long to check are named once, with its cost and what to do, and
        nothing of the hash.
        """
        hash_ = new_hash(b"x", 4).partition(b"$04$")[2]
        write(kit.path, JOE + b"slow:$2b$20$%b\nslower:$2b$31$%b\n" % (hash_, hash_))
        file = kit.file()
        for _ in range(2):
            await file.look()
        (line,) = log.lines("warn")
        assert "'slow' (cost 20), 'slower' (cost 31)" in line
        assert f"`txregistry passwd {kit.path} USER`" in line
        assert hash_.decode() not in line
        write(kit.path, JOE)
        await file.look()
        assert len(log.lines("warn")) == 1
