"""
Which names are synced, and when.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from txregistry.drivers.filesystem.durability import Names, sync_directory


class Recorded:
    """
    Names below a directory, and what was synced.
    """

    def __init__(self, root: Path, memory: int = 100) -> None:
        self.root = root
        self.synced: list[str] = []
        self.names = Names(str(root), memory, self.sync)

    def sync(self, directory: str) -> None:
        """Note it."""
        self.synced.append("/" + directory.removeprefix(str(self.root)).strip("/"))

    def make(self, path: str) -> None:
        """Make a directory."""
        self.names.make_directory(str(self.root) + path)

    def settle(self, path: str) -> list[str]:
        """:return: what was synced to make a name durable."""
        self.synced.clear()
        self.names.settle(str(self.root) + path)
        return list(self.synced)


@pytest.fixture
def recorded(root: Path) -> Recorded:
    """Names of an empty directory."""
    return Recorded(root)


class NamesTests:
    """
    The names on the way to a file.
    """

    def test_all_the_way(self, recorded: Recorded) -> None:
        """Every directory on the way is synced, from the root on."""
        recorded.make("/a/b/c")
        assert recorded.settle("/a/b/c/file") == ["/", "/a", "/a/b", "/a/b/c"]

    def test_once(self, recorded: Recorded) -> None:
        """What is known to be durable isn't synced again."""
        recorded.make("/a/b")
        recorded.settle("/a/b/file")
        assert recorded.settle("/a/b/file") == []
        assert recorded.settle("/a/b/other") == ["/a/b"]

    def test_of_others(self, recorded: Recorded, root: Path) -> None:
        """What others made is not known to be durable."""
        (root / "a/b").mkdir(parents=True)
        recorded.make("/a/b")
        assert recorded.settle("/a/b") == ["/", "/a"]

    def test_made_again(self, recorded: Recorded, root: Path) -> None:
        """A directory that is made again is a new one."""
        recorded.make("/a/b")
        recorded.settle("/a/b")
        (root / "a/b").rmdir()
        (root / "a").rmdir()
        recorded.make("/a/b")
        assert recorded.settle("/a/b") == ["/", "/a"]

    def test_forgotten_while_settling(self, root: Path) -> None:
        """A name that comes into being while one of the same name is settled isn't taken for
        durable.
        """

        def sync(directory: str) -> None:
            synced.append(directory)
            if len(synced) == 1:
                names.forget(f"{root}/a")

        synced: list[str] = []
        names = Names(str(root), sync=sync)
        names.settle(f"{root}/a")
        names.settle(f"{root}/a")
        names.settle(f"{root}/a")
        assert synced == [str(root)] * 2

    def test_memory(self, root: Path) -> None:
        """Names are remembered up to a number; then everything is forgotten."""
        recorded = Recorded(root, memory=3)
        for name in ("/1", "/2", "/3", "/4"):
            recorded.settle(name)
        assert recorded.settle("/1") == ["/"]

    def test_root_untouched(self, recorded: Recorded, root: Path) -> None:
        """The root isn't made, and nothing above it is synced."""
        recorded.make("")
        assert recorded.settle("") == []
        root.rmdir()
        with pytest.raises(FileNotFoundError):
            recorded.make("/a")
        assert not root.exists()

    def test_directory_vanishes(self, recorded: Recorded, root: Path) -> None:
        """An operation is tried again if others remove the directory that it needs."""
        attempts: list[int] = []

        def operation() -> str:
            attempts.append(1)
            if len(attempts) == 3:
                (root / "a").rmdir()
            if len(attempts) < 5:
                raise FileNotFoundError
            assert (root / "a").is_dir()
            return "done"

        assert recorded.names.with_directory(f"{root}/a/file", operation) == "done"


class SyncTests:
    """
    Syncing a directory.
    """

    def test_gone(self, root: Path) -> None:
        """A directory that is gone has no names to lose."""
        sync_directory(str(root / "missing"))

    def test_no_directory(self, root: Path) -> None:
        """A file is no directory."""
        (root / "file").touch()
        with pytest.raises(NotADirectoryError):
            sync_directory(str(root / "file"))
