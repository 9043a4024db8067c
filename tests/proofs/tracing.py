"""
Watching a daemon's system calls, and making them fail: strace, on a process that runs.
"""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs

#: Seconds until strace holds all threads of a process.
PATIENCE = 20.0

#: Everything that changes files or directories, makes changes durable, or tells a client.
CALLS = (
    "openat,open,creat,close,dup,dup2,dup3,fcntl,lseek,"
    "read,write,pwrite64,writev,pwritev,pwritev2,ftruncate,truncate,fallocate,copy_file_range,"
    "rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,rmdir,"
    "fsync,fdatasync,sync_file_range,syncfs,sync,msync,sendto,sendmsg,sendfile"
)


@attrs.frozen(eq=False)
class Call:
    """
    One system call, as strace wrote it.

    :param start: when it began: the number of a line.
    :param end: when it had returned; the same as ``start`` if nothing came in between.
    :param name: of the call.
    :param arguments: all of them, as text; strings in it are hexadecimal.
    :param result: what it returned; -1 for an error.
    """

    start: int
    end: int
    name: str
    arguments: str
    result: int

    @property
    def strings(self) -> list[bytes]:
        """
        The arguments that are strings, those in arrays too.
        """
        return [unquoted(text) for text in re.findall(r'"([^"]*)"', self.arguments)]

    @property
    def numbers(self) -> list[int]:
        """
        The arguments that are decimal numbers, a descriptor among them.
        """
        words = re.sub(r'"[^"]*"|<[^>]*>(\(deleted\))?', "", self.arguments).split(", ")
        return [int(word) for word in words if re.fullmatch(r"-?\d+", word)]

    @property
    def descriptors(self) -> list[tuple[int | None, str]]:
        """
        The arguments that are descriptors, ``None`` for the working directory, and their names.
        """
        found = re.findall(r"\b(\d+|AT_FDCWD)<([^>]*)>", self.arguments)
        return [
            (None if number == "AT_FDCWD" else int(number), unquoted(name).decode())
            for number, name in found
        ]


def unquoted(text: str) -> bytes:
    """
    Read a string that is written in hexadecimal.
    """
    return bytes.fromhex(text.replace("\\x", ""))


LINE = re.compile(r"(\d+) +(?:<\.\.\. (\w+) resumed>|(\w+)\()(.*)", re.DOTALL)
UNFINISHED = " <unfinished ...>"
DETACHED = " <detached ...>"
RETURNED = re.compile(r"(.*)\) += (-?\d+|0x[0-9a-f]+|\?)(?:[ <].*)?", re.DOTALL)


def calls(trace: Path) -> list[Call]:
    """
    Read what strace wrote, in the order in which the calls returned.
    """
    found = []
    begun: dict[str, tuple[int, str]] = {}
    for number, line in enumerate(trace.read_text("ascii").splitlines()):
        parts = LINE.fullmatch(line)
        if parts is None or line.endswith(DETACHED):  # also a thread's exit, a signal
            continue
        thread, resumed, fresh, text = parts.groups()
        start, before = begun.pop(thread) if resumed else (number, "")
        text = before + text
        if text.endswith(UNFINISHED):
            begun[thread] = start, text.removesuffix(UNFINISHED)
            continue
        returned = RETURNED.fullmatch(text)
        assert returned is not None, line
        arguments, result = returned.groups()
        if result != "?":
            found.append(Call(start, number, resumed or fresh, arguments, int(result, 0)))
    return found


@contextmanager
def strace(pid: int, output: Path, *options: str) -> Iterator[None]:
    """
    Run strace on a process and all its threads while the block runs.

    :param output: the file that gets the calls.
    :param options: which calls, and what to do with them.
    """
    command = ["strace", "-f", "-p", str(pid), "-e", "signal=none", "-o", str(output), *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait_attached(pid, process)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(PATIENCE)


def _wait_attached(pid: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not all(_traced(task) for task in Path(f"/proc/{pid}/task").iterdir()):
        assert process.poll() is None, "strace ended"
        assert time.monotonic() < deadline, "strace doesn't attach"
        time.sleep(0.01)


def _traced(task: Path) -> bool:
    try:
        return "\nTracerPid:\t0\n" not in (task / "status").read_text("ascii")
    except FileNotFoundError:  # the thread has ended
        return True


#: The options with which strace writes down calls and all their data.
RECORDING = ("-y", "-xx", "-s", "16000000", "-e", f"trace={CALLS}")


#: Those with which file systems can't be synced as a whole.
WITHOUT_SYNCFS = ("-e", "inject=syncfs:error=ENOSYS")


def injecting(call: str, error: str, when: str) -> list[str]:
    """
    The options with which strace makes calls fail.

    :param call: one or several, divided by commas.
    :param error: such as ``EIO``.
    :param when: which of each thread's calls: ``3`` is the third, ``3+`` all from the third on.
    """
    return ["-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}"]
