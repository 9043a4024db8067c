"""
A disk whose power may be cut: what may lie on it afterwards.

It is built from the system calls of a daemon.  What POSIX doesn't promise is not relied on:

* Bytes written survive surely if the file was synced after they were written.  Before, each
  write may be lost, whole or from some byte on, or leave zeros, whatever became of others.
* A name that was made, changed or removed is so surely if its directory was synced afterwards.
  Before, each such change may be lost, whatever became of others; syncing the file does not
  save its name, and syncing a directory does not save the directory's own name.
* What was done before a file system was synced as a whole survives surely.
* A rename happens whole or not at all, but that the old name may be left where only the new
  one's directory was synced.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

import attrs

from tests.proofs.tracing import Call


@attrs.define(eq=False)
class File:
    """
    The content of a file, whatever its names.

    :param content: what was on the disk at the beginning.
    """

    content: bytes = b""


@attrs.define(eq=False)
class Directory:
    """
    A directory.

    :param entries: what was on the disk at the beginning.
    :ivar live: what programs see.
    """

    entries: dict[str, Node] = attrs.field(factory=dict)
    live: dict[str, Node] = attrs.field(factory=dict)


Node = File | Directory


@attrs.define(eq=False, kw_only=True)
class Operation:
    """
    A change.

    :param start: when the call that makes it began.
    :param end: when that call had returned.
    :ivar durable: when something that makes it durable had returned.
    """

    start: int
    end: int
    durable: float = math.inf


@attrs.define(eq=False, kw_only=True)
class Write(Operation):
    """
    Bytes put into a file.
    """

    file: File
    offset: int
    data: bytes


@attrs.define(eq=False, kw_only=True)
class Truncate(Operation):
    """
    A file cut to, or stretched to, a size.
    """

    file: File
    size: int


@attrs.define(eq=False, kw_only=True)
class Name(Operation):
    """
    A name that stands for something else from now on, or for nothing.

    :param needs: of a rename: the new name, without which the old one isn't removed.
    """

    directory: Directory
    name: str
    node: Node | None
    needs: Name | None = None


#: How many bytes of a write are there; zeros instead of bytes count as -1.
ZEROS = -1
Survivors = Mapping[Operation, int | None]
REMEMBERED = 200
Tree = dict[str, bytes | None]


@attrs.define(eq=False)
class OpenFile:
    """
    What a descriptor stands for.
    """

    node: Node
    offset: int = 0
    append: bool = False


class NotModelled(Exception):
    """
    A call changes files in a way that this model doesn't know.
    """


class Disk:
    """
    The model of one directory tree.

    :param root: the directory.
    :param tree: what lay there at the beginning, durably.
    :ivar operations: what changed since, in order.
    :ivar moments: the times at which the power may be cut: something begins or ends there.
    :ivar answers: the times at which responses to clients began to be sent.
    :ivar synced: the file or directory that each syncing call was for.
    """

    def __init__(self, root: Path, tree: Tree) -> None:
        self._root_path = root
        self.root = _planted(tree)
        self.operations: list[Operation] = []
        self.moments: set[int] = set()
        self.answers: list[int] = []
        self.synced: dict[Call, Node] = {}
        self._open: dict[int, OpenFile] = {}
        self._contents: dict[object, bytes] = {}

    def feed(self, call: Call) -> None:
        """
        Take in a call; the calls come in the order in which they returned.
        """
        if call.result < 0:
            return
        take: Callable[[Call], None] | None = getattr(self, f"call_{call.name}", None)
        if take is not None:
            take(call)
        elif self._concerns(call):
            raise NotModelled(f"{call.name}({call.arguments[:300]})")

    def _concerns(self, call: Call) -> bool:
        prefix = str(self._root_path)
        names = [name for _, name in call.descriptors] + [s.decode("latin-1") for s in call.strings]
        return any(name.startswith(prefix) for name in names)

    # Descriptors

    def call_openat(self, call: Call) -> None:
        place = self._place(call, 0)
        if place is None:
            return
        directory, name = place
        flags = set(call.arguments.split(", ")[2].split("|"))
        node = self._walk(directory, name)
        if node is None:
            node = File()
            self._name(call, directory, name, node)
        elif "O_TRUNC" in flags and isinstance(node, File):
            self._change(Truncate(start=call.start, end=call.end, file=node, size=0))
        self._open[call.result] = OpenFile(node, append="O_APPEND" in flags)

    def call_close(self, call: Call) -> None:
        self._open.pop(call.numbers[0], None)

    def call_dup(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            self._open[call.result] = file

    call_dup2 = call_dup3 = call_dup

    def call_fcntl(self, call: Call) -> None:
        if "F_DUPFD" in call.arguments:
            self.call_dup(call)

    def call_lseek(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            file.offset = call.result

    def call_read(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            file.offset += call.result

    def call_sendfile(self, call: Call) -> None:
        """From a file to a client: changes nothing."""

    def call_sync_file_range(self, call: Call) -> None:
        """Begins what only a real sync ends: promises nothing."""

    # Content

    def call_write(self, call: Call) -> None:
        data = b"".join(call.strings)[: call.result]
        file = self._open.get(call.numbers[0])
        if file is None:
            self._say(call, data)
            return
        assert isinstance(file.node, File)
        offset = self._size(file.node) if file.append else file.offset
        self._put(call, file.node, offset, data)
        file.offset = offset + len(data)

    call_writev = call_sendto = call_sendmsg = call_write

    def call_pwrite64(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            assert isinstance(file.node, File)
            self._put(call, file.node, call.numbers[-1], call.strings[0][: call.result])

    def call_ftruncate(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            assert isinstance(file.node, File)
            size = call.numbers[-1]
            self._change(Truncate(start=call.start, end=call.end, file=file.node, size=size))

    def _put(self, call: Call, file: File, offset: int, data: bytes) -> None:
        write = Write(start=call.start, end=call.end, file=file, offset=offset, data=data)
        self._change(write)

    def _say(self, call: Call, data: bytes) -> None:
        if data.startswith(b"HTTP/1.1 ") and not data.startswith(b"HTTP/1.1 1"):
            self.answers.append(call.start)
            self.moments.add(call.start)

    def _size(self, file: File) -> int:
        return len(content(file, [c for c in self.operations if owner(c) is file]))

    # Names

    def call_mkdirat(self, call: Call) -> None:
        if (place := self._place(call, 0)) is not None:
            self._name(call, *place, Directory())

    call_mkdir = call_mkdirat

    def call_unlinkat(self, call: Call) -> None:
        if (place := self._place(call, 0)) is not None:
            self._name(call, *place, None)

    call_unlink = call_rmdir = call_unlinkat

    def call_renameat2(self, call: Call) -> None:
        old, new = self._place(call, 0), self._place(call, 1)
        if old is None or new is None:
            if old is not new:
                raise NotModelled(f"a rename across the border: {call}")
            return
        node = old[0].live[old[1]]
        made = self._name(call, *new, node)
        removed = self._name(call, *old, None)
        removed.needs = made

    call_rename = call_renameat = call_renameat2

    def call_linkat(self, call: Call) -> None:
        old, new = self._place(call, 0), self._place(call, 1)
        if new is not None and old is not None:
            self._name(call, *new, old[0].live[old[1]])
        elif new is not None:
            raise NotModelled(f"a link across the border: {call}")

    call_link = call_linkat

    def _name(self, call: Call, directory: Directory, name: str, node: Node | None) -> Name:
        if node is None:
            directory.live.pop(name, None)
        else:
            directory.live[name] = node
        change = Name(start=call.start, end=call.end, directory=directory, name=name, node=node)
        self._change(change)
        return change

    def _place(self, call: Call, index: int) -> tuple[Directory, str] | None:
        """
        Find which directory and name a path argument means; None if it is somewhere else.
        """
        path = PurePosixPath(call.strings[index].decode())
        if not path.is_absolute():
            bases = [name for number, name in call.descriptors if "at" in call.name]
            base = bases[min(index, len(bases) - 1)] if bases else "/"
            path = PurePosixPath(base) / path
        if not path.is_relative_to(self._root_path):
            return None
        node: Node | None = self.root
        parts = path.relative_to(self._root_path).parts
        for part in parts[:-1]:
            node = self._walk(node, part)
        assert isinstance(node, Directory), f"no directory for {path}"
        return node, parts[-1] if parts else "."

    def _walk(self, node: Node | None, name: str) -> Node | None:
        if name == ".":
            return node
        return node.live.get(name) if isinstance(node, Directory) else None

    # Durability

    def call_fsync(self, call: Call) -> None:
        if (file := self._open.get(call.numbers[0])) is not None:
            self.synced[call] = file.node
            self._sync(call, file.node)

    call_fdatasync = call_fsync

    def call_sync(self, call: Call) -> None:
        self._sync(call, None)

    def call_syncfs(self, call: Call) -> None:
        ((_, name),) = call.descriptors
        if PurePosixPath(name).is_relative_to(self._root_path):
            self.call_sync(call)

    def _sync(self, call: Call, node: Node | None) -> None:
        self.moments.add(call.end)
        for change in self.operations:
            if change.end < call.start and node in (None, owner(change)):
                change.durable = min(change.durable, call.end)
                if isinstance(change, Name) and change.needs is not None:
                    change.needs.durable = min(change.needs.durable, call.end)

    def _change(self, change: Operation) -> None:
        self.operations.append(change)
        self.moments |= {change.start, change.end}

    # After the cut

    def pending(self, moment: int) -> list[Operation]:
        """
        What may or may not have happened if the power is cut right after a moment.
        """
        return [c for c in self.operations if c.start <= moment < c.durable]

    def tree(self, moment: int, survivors: Survivors) -> Tree:
        """
        What lies on the disk if the power is cut right after a moment.

        :param survivors: of the pending operations those that made it to the disk, with how
            many bytes, where it is a write.
        :return: the files and directories (None) by their paths.
        """
        kept: dict[Node, list[Operation]] = defaultdict(list)
        for change in self.operations:
            if change.durable <= moment or change in survivors:
                kept[owner(change)].append(change)
        result: Tree = {}

        def lay(directory: Directory, prefix: str) -> None:
            for name, node in sorted(entries(directory, kept[directory]).items()):
                if isinstance(node, File):
                    result[prefix + name] = self._content(node, kept[node], survivors)
                else:
                    result[prefix + name] = None
                    lay(node, f"{prefix}{name}/")

        lay(self.root, "")
        return result

    def _content(self, file: File, kept: list[Operation], survivors: Survivors) -> bytes:
        """
        As :func:`content`, but the same is made only once: most states have most of it.
        """
        key = (file, *((change, survivors.get(change)) for change in kept))
        if key not in self._contents:
            if len(self._contents) > REMEMBERED:
                self._contents.clear()
            self._contents[key] = content(file, kept, survivors)
        return self._contents[key]


def owner(change: Operation) -> Node:
    """
    The file or directory whose syncing makes a change durable.
    """
    if isinstance(change, Name):
        return change.directory
    assert isinstance(change, Write | Truncate)
    return change.file


def entries(directory: Directory, kept: list[Operation]) -> dict[str, Node]:
    """
    The entries of a directory after some changes to it.
    """
    result: dict[str, Node | None] = dict(directory.entries)
    for change in kept:
        assert isinstance(change, Name)
        result[change.name] = change.node
    return {name: node for name, node in result.items() if node is not None}


def content(file: File, kept: list[Operation], survivors: Survivors | None = None) -> bytes:
    """
    The content of a file after some changes to it.
    """
    result = bytearray(file.content)
    for change in kept:
        if isinstance(change, Write):
            count = (survivors or {}).get(change)
            data = bytes(len(change.data)) if count == ZEROS else change.data[:count]
            result.extend(bytes(max(0, change.offset - len(result))))
            result[change.offset : change.offset + len(data)] = data
        elif isinstance(change, Truncate):
            result[change.size :] = bytes(max(0, change.size - len(result)))
    return bytes(result)


def tree_of(root: Path) -> Tree:
    """
    What lies in a directory.
    """
    return {
        str(path.relative_to(root)): None if path.is_dir() else path.read_bytes()
        for path in sorted(root.rglob("*"))
    }


def _planted(tree: Tree) -> Directory:
    directories = {"": Directory()}
    for path, data in sorted(tree.items()):
        above, _, name = path.rpartition("/")
        node = Directory() if data is None else File(data)
        directories[above].entries[name] = directories[above].live[name] = node
        if isinstance(node, Directory):
            directories[path] = node
    return directories[""]


def outcomes(pending: list[Operation], chance: random.Random, recent: int) -> Iterator[Survivors]:
    """
    Choose what of the pending operations survives: nothing, everything, names without bytes,
    names with zeros, torn writes, everything but one, one only, and whatever chance takes.

    :param recent: of how many of the latest operations each one is left out, or kept alone;
        and how many are left to chance.
    """
    everything: dict[Operation, int | None] = dict.fromkeys(pending)
    writes = [c for c in pending if isinstance(c, Write)]
    yield {}
    yield everything
    if writes:
        yield {c: None for c in pending if not isinstance(c, Write | Truncate)}
        yield everything | dict.fromkeys(writes, ZEROS)
        yield everything | {write: _torn(write, chance) for write in writes}
    for one in pending[-recent:]:
        yield closed(pending, {c: None for c in pending if c is not one})
        yield closed(pending, {one: None})
    for _ in range(recent if pending else 0):
        chosen: dict[Operation, int | None] = {
            c: _torn(c, chance) for c in pending if chance.random() < 0.5
        }
        yield closed(pending, chosen)


def closed(pending: list[Operation], survivors: Survivors) -> Survivors:
    """
    Take out what can't have survived without something that hasn't: half a rename.
    """
    lost = {change for change in pending if change not in survivors}
    return {
        change: count
        for change, count in survivors.items()
        if not isinstance(change, Name) or change.needs not in lost
    }


def _torn(change: Operation, chance: random.Random) -> int | None:
    if not isinstance(change, Write) or chance.random() < 0.3:
        return None
    if chance.random() < 0.2:
        return ZEROS
    cut = chance.randrange(len(change.data) + 1)
    return cut if chance.random() < 0.5 else cut // 4096 * 4096
