"""
The model of the disk, and the reading of traces: what the proof of the power cut rests on.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.proofs.disk import ZEROS, Disk, NotModelled, Tree, Write, outcomes
from tests.proofs.tracing import Call, calls

ROOT = Path("/root/of/it")
CONTENT = b"some bytes"


def hexadecimal(text: str | bytes) -> str:
    """
    Write a string as strace does.
    """
    data = text.encode() if isinstance(text, str) else text
    return "".join(f"\\x{byte:02x}" for byte in data)


class Program:
    """
    Something that makes system calls, and a disk that sees them.
    """

    def __init__(self, **tree: bytes) -> None:
        self.disk = Disk(ROOT, dict(tree))
        self.time = 0

    def call(self, name: str, arguments: str, result: int = 0) -> None:
        """
        Make a call.
        """
        self.disk.feed(Call(self.time, self.time, name, arguments, result))
        self.time += 1

    def path(self, name: str) -> str:
        """
        A path below the root, as an argument.
        """
        return f'"{hexadecimal(str(ROOT / name))}"'

    def open(self, name: str, descriptor: int, flags: str = "O_WRONLY|O_CREAT") -> None:
        """
        Open a file.
        """
        arguments = f"AT_FDCWD<{hexadecimal('/')}>, {self.path(name)}, {flags}, 0666"
        self.call("openat", arguments, descriptor)

    def write(self, descriptor: int, data: bytes) -> None:
        """
        Write to a file.
        """
        arguments = f'{descriptor}<{hexadecimal("/x")}>, "{hexadecimal(data)}", {len(data)}'
        self.call("write", arguments, len(data))

    def sync(self, descriptor: int) -> None:
        """
        Make something durable.
        """
        self.call("fsync", f"{descriptor}<{hexadecimal('/x')}>")

    def rename(self, old: str, new: str) -> None:
        """
        Rename something.
        """
        self.call("rename", f"{self.path(old)}, {self.path(new)}")

    def trees(self) -> list[Tree]:
        """
        What may lie on the disk if the power is cut now.
        """
        found: list[Tree] = []
        pending = self.disk.pending(self.time)
        for survivors in outcomes(pending, random.Random(1), 20):
            tree = self.disk.tree(self.time, survivors)
            if tree not in found:
                found.append(tree)
        return found


class DiskTests:
    """
    What may be lost, and what not.
    """

    def test_nothing_synced(self) -> None:
        """
        A file that wasn't synced may be absent, empty, torn, full of zeros or whole.
        """
        program = Program()
        program.open("file", 3)
        program.write(3, CONTENT)
        trees = program.trees()
        zeros = bytes(len(CONTENT))
        for expected in ({}, {"file": b""}, {"file": zeros}, {"file": CONTENT}):
            assert expected in trees
        assert any(0 < len(tree.get("file") or b"") < len(CONTENT) for tree in trees), "never torn"

    def test_file_synced(self) -> None:
        """
        Of a synced file all bytes survive, or else its name doesn't.
        """
        program = Program()
        program.open("file", 3)
        program.write(3, CONTENT)
        program.sync(3)
        assert sorted(map(str, program.trees())) == sorted(map(str, [{}, {"file": CONTENT}]))

    def test_directory_synced(self) -> None:
        """
        A synced directory keeps its names; bytes that weren't synced may still be lost.
        """
        program = Program()
        program.open("file", 3)
        program.write(3, CONTENT)
        program.open(".", 4, "O_RDONLY|O_DIRECTORY")
        program.sync(4)
        trees = program.trees()
        assert {} not in trees
        assert {"file": b""} in trees
        program.sync(3)
        assert program.trees() == [{"file": CONTENT}]

    def test_file_system_synced(self) -> None:
        """
        All that was done before survives, and nothing else surely; another file system's sync is
        of no use.
        """
        program = Program()
        program.call("mkdir", f"{program.path('new')}, 0777")
        program.open("new/file", 3)
        program.write(3, CONTENT)
        program.call("syncfs", f"5<{hexadecimal('/elsewhere')}>")
        assert {} in program.trees()
        program.call("syncfs", f"4<{hexadecimal(str(ROOT))}>")
        assert program.trees() == [{"new": None, "new/file": CONTENT}]
        program.call("unlink", program.path("new/file"))
        assert len(program.trees()) == 2

    def test_directory_of_a_directory(self) -> None:
        """
        What is in a new directory is lost with it, however well it was synced.
        """
        program = Program()
        program.call("mkdir", f"{program.path('new')}, 0777")
        program.open("new/file", 3)
        program.open("new", 4, "O_RDONLY|O_DIRECTORY")
        program.sync(3)
        program.sync(4)
        assert {} in program.trees()
        program.open(".", 5, "O_RDONLY|O_DIRECTORY")
        program.sync(5)
        assert program.trees() == [{"new": None, "new/file": b""}]

    def test_rename(self) -> None:
        """
        A rename happens or doesn't: the new name is never without content.
        """
        program = Program(target=b"old", temporary=b"new")
        program.rename("temporary", "target")
        before: Tree = {"target": b"old", "temporary": b"new"}
        for tree in program.trees():
            assert tree in (before, {"target": b"new"}, {"target": b"new", "temporary": b"new"})
        program.open(".", 4, "O_RDONLY|O_DIRECTORY")
        program.sync(4)
        assert program.trees() == [{"target": b"new"}]

    def test_unlink(self) -> None:
        """
        A file that was removed may be back, until its directory is synced.
        """
        program = Program(file=CONTENT)
        program.call("unlink", program.path("file"))
        assert {"file": CONTENT} in program.trees()
        program.open(".", 4, "O_RDONLY|O_DIRECTORY")
        program.sync(4)
        assert program.trees() == [{}]

    def test_append_and_truncate(self) -> None:
        """
        Writes go where the descriptor is, or to the end, and a file can be cut.
        """
        program = Program(file=CONTENT)
        program.open("file", 3, "O_WRONLY|O_APPEND")
        program.write(3, b", more")
        program.call("ftruncate", "3<\\x2f>, 12")
        program.sync(3)
        assert program.trees() == [{"file": CONTENT + b", "}]

    def test_sync_of_what_comes_later(self) -> None:
        """
        Only what was written before a sync began is durable after it.
        """
        program = Program(file=b"")
        program.open("file", 3)
        program.sync(3)
        program.write(3, CONTENT)
        (write,) = program.disk.pending(program.time)
        assert isinstance(write, Write)
        assert program.disk.tree(program.time, {write: ZEROS}) == {"file": bytes(len(CONTENT))}

    def test_unknown_call(self) -> None:
        """
        A call that changes files in a way that isn't known is no reason to guess.
        """
        program = Program(file=b"")
        with pytest.raises(NotModelled):
            program.call("truncate", f"{program.path('file')}, 5")


class TraceTests:
    """
    What strace writes.
    """

    def test_calls(self, tmp_path: Path) -> None:
        """
        Calls of several threads are put together, in the order in which they returned.
        """
        trace = tmp_path / "trace"
        trace.write_text(
            r'10 write(3<\x2f\x61>, "\x62\x63", 2 <unfinished ...>' + "\n"
            r"11 fsync(4<\x2f\x64>(deleted)) = 0" + "\n"
            r"11 openat(AT_FDCWD<\x2f>, " + r'"\x61", O_RDONLY) = -1 ENOENT (No such file)' + "\n"
            r"10 <... write resumed>) = 2" + "\n"
            "11 +++ exited with 0 +++\n"
            r"10 close(3<\x2f\x61> <detached ...>" + "\n",
            "ascii",
        )
        sync, opened, write = calls(trace)
        assert (sync.name, sync.start, sync.end, sync.numbers) == ("fsync", 1, 1, [4])
        assert (opened.name, opened.result) == ("openat", -1)
        assert opened.descriptors == [(None, "/")]
        assert (write.name, write.start, write.end, write.result) == ("write", 0, 3, 2)
        assert write.strings == [b"bc"]
        assert write.descriptors == [(3, "/a")]
